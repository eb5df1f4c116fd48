"""Conv, MatMul and Gemm: what has weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.node import Node
from bnnc.frontends.nodes.shapes import reshaped
from bnnc.frontends.values import Const, Value, f32, smallest_ints
from bnnc.frontends.window import as_map, read_window, unmapped
from bnnc.ir import source_ops as s
from bnnc.ir.op import Array, Op


def conv(node: Node) -> Value:
    """Conv(x, weights, bias) in one or two dimensions."""
    x, const = node.feature(), node.real_const(1, "the weights")
    source, (weights, scale) = as_map(node, x), weights_and_scale(const)
    kernel = list(weights.shape[2:])
    declared = node.ints_attribute("kernel_shape") or kernel
    node.require(declared == kernel, f"kernel_shape {declared} for weights {weights.shape}")
    node.require(len(kernel) == len(x.type.shape) - 1, f"weights {weights.shape} for {x.type}")
    window = read_window(node, source, kernel)
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    groups = node.int_attribute("group", 1)
    node.require(
        groups > 0 and weights.shape[0] % groups == 0, f"{weights.shape[0]} outputs in {groups} groups"
    )
    y: Op = s.Conv(node.name, source, weights, scale, window.strides, window.pads, window.dilations, groups)
    return unmapped(node, _biased(node, y), x)


def _biased(node: Node, y: Op) -> Op:
    if not node.has(2):
        return y
    bias = node.reals(2, "the bias")
    node.require(bias.shape == y.type.shape[:1], f"a bias of shape {bias.shape} for {y.type}")
    return s.Add(node.derived("bias"), y, bias)


def matmul(node: Node) -> Value:
    """MatMul of vectors with constant weights (F, O)."""
    x, const = _multiplied(node)
    node.require(
        const.array.ndim == 2, f"weights of shape {const.array.shape} where (inputs, outputs) is needed"
    )
    *ones, size = x.type.shape or (1,)
    node.require(
        len(x.type.shape) > 0 and all(n == 1 for n in ones),
        f"multiplies {x.type}, more than one vector a sample",
        "flatten first, or use a convolution",
    )
    vector = reshaped(node.derived("vector"), x, (size,)) if ones else x
    dense = s.Dense(node.name, vector, *weights_and_scale(transposed(const)))
    return reshaped(node.derived("shape"), dense, (*ones, *dense.type.shape)) if ones else dense


def gemm(node: Node) -> Value:
    """Gemm: alpha * (x @ weights) + beta * bias."""
    x, const = _multiplied(node)
    node.require(node.int_attribute("transA", 0) == 0, "transA moves the batch", "keep the batch as axis 0")
    node.require(const.array.ndim == 2, f"weights of shape {const.array.shape}")
    if not node.int_attribute("transB", 0):
        const = transposed(const)
    y: Op = s.Dense(node.name, x, *weights_and_scale(const))
    alpha, beta = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    if alpha != 1:
        y = s.Mul(node.derived("alpha"), y, f32(alpha))
    if not node.has(2) or beta == 0:
        return y
    with np.errstate(over="ignore"):
        bias = np.float32(beta) * node.reals(2, "the bias")
    node.require(bool(np.isfinite(bias).all()), "beta * bias is not finite")
    return s.Add(node.derived("bias"), y, channel_constant(node, bias, y, "the bias"))


def _multiplied(node: Node) -> tuple[Op, Const]:
    x, weights = node.value(0), node.value(1)
    if isinstance(x, Op) and isinstance(weights, Op):
        raise node.refusal("multiplies two layers' results (attention)", "the weights have to be constant")
    node.require(isinstance(x, Op), "its left operand is constant", "bnnc needs samples @ weights")
    return node.feature(0), node.real_const(1, "the weights")


def transposed(const: Const) -> Const:
    """The matrix with its axes swapped."""
    if const.codes is None or const.scale is None:
        return Const(const.array.T)
    return Const(const.array.T, const.codes.T, const.scale.T)


def weights_and_scale(const: Const) -> tuple[Array, Array]:
    """Weights (O, ..) and their scale, () or (O,): integers where each output has one scale, else float32."""
    one = np.ones((), np.float32)
    if const.codes is None or const.scale is None or const.scale[:1].size > 1 or not _fits(const.codes):
        return const.array, one
    scale = const.scale.reshape(-1)
    return smallest_ints(const.codes), scale if scale.size > 1 else scale.reshape(())


def _fits(codes: Array) -> bool:
    bound = np.iinfo(np.int32)
    return bool(bound.min <= codes.min() and codes.max() <= bound.max)


CONVERTERS: dict[str, Callable[[Node], Value]] = {"Conv": conv, "MatMul": matmul, "Gemm": gemm}
