"""What a source graph computes, by NumPy: layers in float64 (exact on small integers), chains in float32."""

from __future__ import annotations

import numpy as np

from bnnc.ir import source_ops as s
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.geometry import Pads
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.sim.elementwise import apply


def evaluate(graph: Graph, x: Array) -> Array:
    """Results (N, ..) of a source graph for float32 (N, *shape)."""
    return np.stack([_one(graph, sample) for sample in x])


def _one(graph: Graph, x: Array) -> Array:
    values: dict[Op, Array] = {}
    for op in graph.ops:
        operands = [values[operand] for operand in op.operands]
        values[op] = x if isinstance(op, Input) else _evaluate(op, *operands)
        assert values[op].shape == op.type.shape, op.name
    return values[graph.result]


def _evaluate(op: Op, x: Array, *others: Array) -> Array:
    match op:
        case s.AddTensors():
            return _array(x + others[0])
        case s.Concat():
            return np.concatenate([x, *others])
        case s.Gather():
            return x[op.index]
        case s.Elementwise():
            return _array(np.moveaxis(apply(op, np.moveaxis(x, 0, -1)), -1, 0))
        case s.Dense():
            return _array(_real(op.weights, op.scale) @ x.astype(np.float64))
        case s.Conv():
            return _conv(op, x)
        case s.Pad():
            return _padded(x, op.pads, op.value).astype(np.float32)
        case s.MaxPool():
            return _array(_windows(op, _padded(x, op.pads, -np.inf)).max(axis=(-2, -1)))
        case s.AveragePool():
            return _array(_windows(op, _padded(x, op.pads, 0)).mean(axis=(-2, -1)))
        case s.SumPool():
            return _array(_windows(op, _padded(x, op.pads, 0)).sum(axis=(-2, -1)))
        case Reshape():
            return x.reshape(op.shape)
        case s.Transpose():
            return x.transpose(op.perm)
        case s.ArgTopK():
            return np.argsort(-x, kind="stable")[: op.k]
        case s.Softmax() | s.LogSoftmax():
            shifted = x.astype(np.float64) - x.max()
            logs = shifted - np.log(np.exp(shifted).sum())
            return _array(logs if isinstance(op, s.LogSoftmax) else np.exp(logs))
    raise AssertionError(op)


def _array(real: Array) -> Array:
    return np.asarray(real, np.float32)


def _real(weights: Array, scale: Array) -> Array:
    rows = scale.reshape(scale.shape + (1,) * (weights.ndim - scale.ndim))
    return np.asarray(weights.astype(np.float32) * rows, np.float64)


def _padded(x: Array, pads: Pads, value: float) -> Array:
    top, left, bottom, right = pads
    return np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right)), constant_values=value)


def _windows(op: s.MaxPool | s.AveragePool | s.SumPool, x: Array) -> Array:
    views = np.lib.stride_tricks.sliding_window_view(x, op.kernel, axis=(1, 2))
    return views[:, :: op.strides[0], :: op.strides[1]]


def _conv(op: s.Conv, x: Array) -> Array:
    weights, (dh, dw) = _real(op.weights, op.scale), op.dilations
    outputs, inputs, kh, kw = weights.shape
    span = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    views = np.lib.stride_tricks.sliding_window_view(_padded(x, op.pads, op.pad_value), span, axis=(1, 2))
    taps = views[:, :: op.strides[0], :: op.strides[1], ::dh, ::dw].reshape(
        op.groups, inputs, *op.type.shape[1:], kh, kw
    )
    grouped = weights.reshape(op.groups, outputs // op.groups, inputs, kh, kw)
    return _array(np.einsum("gohij,ghyxij->goyx", grouped, taps).reshape(op.type.shape))
