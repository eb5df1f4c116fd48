"""Arithmetic with constants, activations, and a sign written as a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.node import Node
from bnnc.frontends.nodes.branches import added
from bnnc.frontends.values import Comparison, Const, Doubles, Levels, Value, f32
from bnnc.ir import source_ops as s
from bnnc.ir.op import Array, Op

WithConstant = Callable[[str, Op, Array], Op]


def binary(
    with_right: WithConstant, with_left: WithConstant, with_both: Callable[[Node, Op, Op], Op] | None = None
) -> Callable[[Node], Value]:
    """The converter of an operation on a layer's result and a constant, right or left, or on two results."""

    def convert(node: Node) -> Value:
        left, right = node.value(0), node.value(1)
        if with_both is not None and isinstance(left, Op) and isinstance(right, Op):
            return with_both(node, left, right)
        x, position = _feature_and_constant(node)
        constant = channel_constant(node, node.reals(position, "the constant"), x, "the constant")
        if with_right is s.Div and position == 1:
            node.require(bool(constant.all()), "divides by zero")
        return (with_right if position == 1 else with_left)(node.name, x, constant)

    return convert


def plus(node: Node, a: Op, b: Op) -> Op:
    """a + b"""
    return added(node, a, b, node.name)


def minus(node: Node, a: Op, b: Op) -> Op:
    """a - b = a + (-b), which round alike."""
    return added(node, a, s.Neg(node.derived("negative"), b), node.name)


def _feature_and_constant(node: Node) -> tuple[Op, int]:
    """The operand that is a layer's result, and the index of the other one, a constant."""
    node.require(len(node.inputs) == 2, f"{len(node.inputs)} operands where two are supported")
    left, right = node.value(0), node.value(1)
    if isinstance(left, Op) and isinstance(right, Op):
        raise node.refusal(
            "combines two layers' results (a gate or a product)",
            "one operand has to be a constant; only sums and Concat join branches",
        )
    return (node.feature(0), 1) if isinstance(right, Const) else (node.feature(1), 0)


def unary(make: Callable[[str, Op], Op]) -> Callable[[Node], Value]:
    """The converter of a function of one operand without parameters."""
    return lambda node: make(node.name, node.feature())


def power(node: Node) -> Value:
    """Pow(x, c)."""
    node.require(
        isinstance(node.value(1), Const), "the exponent is computed at run time", "make it a constant"
    )
    x, exponent = node.feature(), node.const(1, "the exponent").array
    node.require(exponent.dtype.kind in "fiu", f"an exponent of type {exponent.dtype}")
    values = exponent.astype(np.float32)
    node.require(bool(np.isfinite(values).all()) and values.size > 0, "the exponent is not finite")
    return s.Pow(node.name, x, channel_constant(node, values, x, "the exponent"))


def batch_norm(node: Node) -> Value:
    """BatchNormalization(x, gamma, beta, mean, var) at any rank."""
    node.require(
        node.int_attribute("training_mode", 0) == 0, "is in training mode", "export the model in eval mode"
    )
    x = node.feature()
    names = ("gamma", "beta", "mean", "var")
    gamma, beta, mean, var = (node.reals(i, name) for i, name in enumerate(names, 1))
    for name, array in zip(names, (gamma, beta, mean, var), strict=True):
        node.require(
            array.shape == x.type.shape[:1], f"{name} of shape {array.shape} for the channels of {x.type}"
        )
    epsilon = node.float_attribute("epsilon", 1e-5)
    node.require(bool((var + np.float32(epsilon) > 0).all()), "a variance plus epsilon is not above 0")
    return s.BatchNorm(node.name, x, gamma, beta, mean, var, epsilon)


def leaky_relu(node: Node) -> Value:
    """LeakyRelu(x)."""
    return s.PRelu(node.name, node.feature(), f32(node.float_attribute("alpha", 0.01)))


def prelu(node: Node) -> Value:
    """PRelu(x, slope)."""
    x = node.feature()
    return s.PRelu(node.name, x, channel_constant(node, node.reals(1, "the slope"), x, "the slope"))


def clip(node: Node) -> Value:
    """Clip(x, min, max), the bounds attributes before opset 11."""
    if node.opset < 11:
        lo = node.float_attribute("min", float(np.finfo(np.float32).min))
        hi = node.float_attribute("max", float(np.finfo(np.float32).max))
    else:
        lo = _bound(node, 1, -math.inf)
        hi = _bound(node, 2, math.inf)
    node.require(lo <= hi, f"clips to {lo}..{hi}, an empty range")
    value = node.value(0)
    if isinstance(value, Levels):
        return _clipped_levels(node, value, lo, hi)
    return s.Clip(node.name, node.feature(), lo, hi)


def _clipped_levels(node: Node, levels: Levels, lo: float, hi: float) -> Levels:
    """Clip between QuantizeLinear and DequantizeLinear: fewer bits than the type has (Brevitas' QCDQ)."""
    real = levels.real
    inner = replace(real, lo=int(max(lo, real.lo)), hi=int(min(hi, real.hi)))
    node.require(inner.lo < inner.hi, f"clips to {lo}..{hi}, where the integers are {real.lo}..{real.hi}")
    return replace(levels, real=inner)


def _bound(node: Node, index: int, default: float) -> float:
    """A bound of a clip; infinity is as good as none."""
    bound = node.number(index, "a bound") if node.has(index) else default
    node.require(not math.isnan(bound), "a bound is NaN")
    return bound


def maximum(node: Node) -> Value:
    """Max(x, c) with one number: half of a HardTanh."""
    x, position = _feature_and_constant(node)
    return s.Clip(node.name, x, _only_number(node, position), math.inf)


def minimum(node: Node) -> Value:
    """Min(x, c) with one number: half of a HardTanh."""
    x, position = _feature_and_constant(node)
    return s.Clip(node.name, x, -math.inf, _only_number(node, position))


def _only_number(node: Node, position: int) -> float:
    array = node.const(position, "the bound").array
    node.require(array.size > 0 and bool((array == array.ravel()[0]).all()), "the bound is not one number")
    return float(array.ravel()[0])


def hard_sigmoid(node: Node) -> Value:
    """HardSigmoid(x)."""
    alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    return s.HardSigmoid(node.name, node.feature(), alpha, beta)


def reciprocal(node: Node) -> Value:
    """1 / x"""
    return s.DivInto(node.name, node.feature(), f32(1))


def cast(node: Node) -> Value:
    """Cast of float32 to itself or to a fixed-point step's float64, or of a comparison's truth to 0 and 1."""
    target, value = node.int_attribute("to", 0), node.value(0)
    name = TensorProto.DataType.Name(target) if target in TensorProto.DataType.values() else str(target)
    if target == TensorProto.DOUBLE and isinstance(value, Op) and value.type.elem.is_float:
        return Doubles(value)
    node.require(
        target == TensorProto.FLOAT, f"casts a layer's result to {name}", "only float32 is supported"
    )
    if isinstance(value, Comparison):
        return s.Select(node.name, value.x, value.compare, value.cut, f32(1), f32(0))
    x = node.feature()
    node.require(x.type.elem.is_float, "casts the indices of an ArgMax or TopK", "leave them int64")
    return x


SWAPPED = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
INVERSE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def comparison(compare: str) -> Callable[[Node], Value]:
    """The converter of a comparison of a layer's result with a constant."""

    def convert(node: Node) -> Value:
        x, position = _feature_and_constant(node)
        cut = channel_constant(node, node.reals(position, "the constant"), x, "the constant")
        return Comparison(x, compare if position == 1 else SWAPPED[compare], cut)

    return convert


def logical_not(node: Node) -> Value:
    """Not of a comparison: the opposite comparison (x is never NaN)."""
    value = node.value(0)
    if not isinstance(value, Comparison):
        raise node.refusal("its operand is no comparison of a layer's result with a constant")
    return Comparison(value.x, INVERSE[value.compare], value.cut)


def where(node: Node) -> Value:
    """Where(x OP cut, then, other)."""
    value = node.value(0)
    if not isinstance(value, Comparison):
        raise node.refusal("its condition is no comparison of a layer's result with a constant")
    then, other = (channel_constant(node, node.reals(i, "the choice"), value.x, "the choice") for i in (1, 2))
    return s.Select(node.name, value.x, value.compare, value.cut, then, other)


CONVERTERS: dict[str, Callable[[Node], Value]] = {
    "Add": binary(s.Add, s.Add, plus),
    "Mul": binary(s.Mul, s.Mul),
    "Sub": binary(s.Sub, s.SubFrom, minus),
    "Div": binary(s.Div, s.DivInto),
    "Pow": power,
    "BatchNormalization": batch_norm,
    "Relu": unary(s.Relu),
    "Tanh": unary(s.Tanh),
    "Sigmoid": unary(s.Sigmoid),
    "Abs": unary(s.Abs),
    "Neg": unary(s.Neg),
    "Sqrt": unary(s.Sqrt),
    "Exp": unary(s.Exp),
    "Round": unary(s.Round),
    "Floor": unary(s.Floor),
    "Ceil": unary(s.Ceil),
    "Sign": unary(s.Sign),
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Clip": clip,
    "Max": maximum,
    "Min": minimum,
    "HardSigmoid": hard_sigmoid,
    "Reciprocal": reciprocal,
    "Cast": cast,
    "GreaterOrEqual": comparison(">="),
    "Greater": comparison(">"),
    "LessOrEqual": comparison("<="),
    "Less": comparison("<"),
    "Not": logical_not,
    "Where": where,
}
