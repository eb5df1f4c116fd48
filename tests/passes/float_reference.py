"""An evaluator of source graphs, independent of the passes: layers in float64, chains in float32."""

from __future__ import annotations

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.sim.elementwise import apply


def evaluate_source(graph: Graph, x: Array) -> Array:
    """The result of a source-level graph on one sample x (float32, the input's shape)."""
    values: dict[Op, Array] = {}
    for op in graph.ops:
        values[op] = x if isinstance(op, Input) else _evaluate(op, *(values[v] for v in op.operands))
    return values[graph.result]


def _evaluate(op: Op, x: Array, other: Array | None = None) -> Array:
    match op:
        case src.AddTensors():
            return x + other
        case src.Concat():
            return np.concatenate([x, other])
        case src.Gather():
            return x[op.index]
        case src.SumPool():
            return _pool(op, x, 0.0).sum(axis=(-2, -1)).astype(np.float32)
        case src.Elementwise():
            return np.moveaxis(apply(op, np.moveaxis(x, 0, -1)), -1, 0)
        case src.Dense():
            return (_scaled(op.weights, op.scale) @ x.astype(np.float64)).astype(np.float32)
        case src.Conv():
            return _conv(op, x)
        case src.MaxPool():
            return _pool(op, x, -np.inf).max(axis=(-2, -1)).astype(np.float32)
        case src.AveragePool():
            size = np.float32(op.kernel[0] * op.kernel[1])
            return _pool(op, x, 0.0).sum(axis=(-2, -1)).astype(np.float32) / size
        case Reshape():
            return x.reshape(op.shape)
        case src.Transpose():
            return x.transpose(op.perm)
        case src.ArgTopK():
            return np.argsort(-x, kind="stable")[: op.k]
    raise AssertionError(op)


def _scaled(weights: Array, scale: Array) -> Array:
    rows = scale.reshape(-1, *[1] * (weights.ndim - 1)) if scale.ndim else scale
    return weights.astype(np.float64) * rows.astype(np.float64)


def _pool(op: src.MaxPool | src.AveragePool | src.SumPool, x: Array, fill: float) -> Array:
    top, left, bottom, right = op.pads
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, op.kernel, axis=(1, 2))
    return windows[:, :: op.strides[0], :: op.strides[1]]


def _conv(op: src.Conv, x: Array) -> Array:
    top, left, bottom, right = op.pads
    padded = np.pad(
        x.astype(np.float64), ((0, 0), (top, bottom), (left, right)), constant_values=op.pad_value
    )
    weights, (out_c, per_group, kh, kw) = _scaled(op.weights, op.scale), op.weights.shape
    y = np.zeros(op.type.shape)
    for o in range(out_c):
        group = o // (out_c // op.groups)
        channels = slice(group * per_group, (group + 1) * per_group)
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                rows = slice(
                    i * op.strides[0], i * op.strides[0] + op.dilations[0] * (kh - 1) + 1, op.dilations[0]
                )
                cols = slice(
                    j * op.strides[1], j * op.strides[1] + op.dilations[1] * (kw - 1) + 1, op.dilations[1]
                )
                y[o, i, j] = (padded[channels, rows, cols] * weights[o]).sum()
    return y.astype(np.float32)
