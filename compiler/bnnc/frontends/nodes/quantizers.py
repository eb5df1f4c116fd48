"""QONNX quantizers: Quant, BipolarQuant, Trunc, MultiThreshold. Constants become integers and a scale."""

from __future__ import annotations

import numpy as np

from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.formulas import Grid, bipolar_codes, channel_axis, quant_codes, trunc
from bnnc.frontends.node import Node
from bnnc.frontends.values import Const, Value, drop_uniform_axes, f32, smallest_ints
from bnnc.ir import source_ops as s
from bnnc.ir.codes import ROUNDINGS
from bnnc.ir.edge_ops import Reshape
from bnnc.ir.op import Array, Op

MAX_BITS = 24  # wider codes are not exact in float32
MAX_CODE = 2.0**31  # integers from here on are not kept


def quant(node: Node) -> Value:
    """Quant(x, scale, zero_point, bits)."""
    scale, zero_point, grid = _scale(node), _zero_point(node, 2), _grid(node)
    value = node.value(0)
    if isinstance(value, Const):
        return _quant_const(node, scale, zero_point, grid)
    node.require(grid.bits <= MAX_BITS, f"{grid.bits} bits", f"at most {MAX_BITS} are exact in float32")
    x = node.feature()
    scale, zero_point = _channelwise(node, x, scale, zero_point)
    if not grid.is_bipolar:
        return s.Quant(node.name, x, scale, zero_point, grid.bits, grid.signed, grid.narrow, grid.rounding)
    node.require(not zero_point.any(), "a zero point with codes of -1 and +1", "use 0")
    divided = x if (scale <= 1).all() else s.Div(node.derived("scaled"), x, scale)
    return s.BipolarQuant(node.name, divided, scale)


def bipolar_quant(node: Node) -> Value:
    """BipolarQuant(x, scale)."""
    scale = _scale(node)
    if isinstance(node.value(0), Const):
        return quantized(bipolar_codes(_weights(node, scale)), scale)
    x = node.feature()
    return s.BipolarQuant(node.name, x, channel_constant(node, scale, x, "the scale"))


def truncation(node: Node) -> Value:
    """Trunc(x, scale, zero_point, in_bits, out_bits) or its second version with an output scale."""
    if node.has(5):
        return _clamped_truncation(node)
    scale, zero_point, rounding = _scale(node), _zero_point(node, 2), _rounding(node, "FLOOR")
    in_bits, out_bits = _bits(node, 3), _bits(node, 4)
    node.require(in_bits >= out_bits, f"truncation of {in_bits} bits to {out_bits}")
    if isinstance(node.value(0), Const):
        weights = _weights(node, scale, zero_point)
        return Const(trunc(weights, scale, zero_point, in_bits - out_bits, rounding))
    x = node.feature()
    scale, zero_point = _channelwise(node, x, scale, zero_point)
    return s.Trunc(node.name, x, scale, zero_point, in_bits, out_bits, rounding)


def _clamped_truncation(node: Node) -> Value:
    """Trunc(x, scale, zero_point, in_bits, out_scale, out_bits), step by step as in the qonnx package."""
    x = node.feature()
    scale, zero_point = _channelwise(node, x, _scale(node), _zero_point(node, 2))
    out_scale = channel_constant(node, _scale(node, 4), x, "the output scale")
    with np.errstate(all="ignore"):
        step = np.float32(2) ** np.round(np.log2(out_scale / scale)).astype(np.float32)
    node.require(bool((np.isfinite(step) & (step > 0)).all()), "its two scales are too far apart")
    signed, narrow = bool(node.int_attribute("signed", 1)), bool(node.int_attribute("narrow", 0))
    bits, rounding = _bits(node, 5), _rounding(node, "FLOOR")
    codes = s.Round(node.derived("codes"), _shift(node, s.Div(node.derived("scaled"), x, scale), zero_point))
    dropped = s.Div(node.derived("dropped"), codes, step)
    kept = s.Quant(node.derived("kept"), dropped, f32(1), f32(0), bits, signed, narrow, rounding)
    return s.Mul(node.name, _shift(node, kept, -(zero_point / step)), out_scale)


def _shift(node: Node, x: Op, offset: Array) -> Op:
    return s.Add(node.derived("shifted"), x, offset) if offset.any() else x


def multi_threshold(node: Node) -> Value:
    """FINN's MultiThreshold(x, thresholds)."""
    x, thresholds = node.feature(), node.reals(1, "the thresholds")
    scale, bias = node.float_attribute("out_scale", 1.0), node.float_attribute("out_bias", 0.0)
    node.require(
        thresholds.ndim == 2, f"thresholds of shape {thresholds.shape} where (channels, steps) is needed"
    )
    channels, shape = _threshold_axis(node, x), x.type.shape
    if thresholds.shape[0] == 1 or channels == 0:
        return s.MultiThreshold(node.name, x, thresholds, scale, bias)
    others = [n for axis, n in enumerate(shape) if axis != channels]
    remedy = "transpose the graph to channels first (qonnx: ConvertToChannelsFirst)"
    node.require(all(n == 1 for n in others), f"channels are axis {channels + 1} of {x.type}", remedy)
    vector = Reshape(node.derived("vector"), x, (shape[channels],))
    steps = s.MultiThreshold(node.name, vector, thresholds, scale, bias)
    return Reshape(node.derived("shape"), steps, shape)


def _threshold_axis(node: Node, x: Op) -> int:
    """The axis of one sample that counts the channels."""
    rank, layout = 1 + len(x.type.shape), node.text_attribute("data_layout", "")
    axis = channel_axis(layout, rank)
    node.require(0 < axis < rank, f"data layout {layout!r} of a tensor of rank {rank}")
    return axis - 1


def _quant_const(node: Node, scale: Array, zero_point: Array, grid: Grid) -> Const:
    weights = _weights(node, scale, zero_point)
    return quantized(quant_codes(weights, scale, zero_point, grid) - zero_point, scale)


def _weights(node: Node, *parameters: Array) -> Array:
    """Input 0, constant, when the parameters (scale, zero point) broadcast to it."""
    weights = node.reals(0, "the weights")
    for what, parameter in zip(("scale", "zero point"), parameters, strict=False):
        shape = (1,) * (weights.ndim - parameter.ndim) + parameter.shape
        fits = len(shape) == weights.ndim and all(
            n in (1, m) for n, m in zip(shape, weights.shape, strict=True)
        )
        node.require(
            fits, f"the {what} of shape {parameter.shape} does not fit weights of shape {weights.shape}"
        )
    return weights


def quantized(codes: Array, scale: Array) -> Const:
    """The constant codes * scale, codes being integers in float32 to which the scale broadcasts."""
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.asarray(codes * scale, np.float32)
    if not (np.abs(codes) < MAX_CODE).all():
        return Const(array)
    full = scale.reshape((1,) * (codes.ndim - scale.ndim) + scale.shape)
    return Const(array, smallest_ints(codes), drop_uniform_axes(full))


def _scale(node: Node, index: int = 1) -> Array:
    scale = node.reals(index, "the scale")
    smallest = scale.min()
    node.check(smallest > 0, f"scale {smallest} is not positive", "scales have to be above 0")
    return scale if smallest > 0 else np.ones_like(scale)


def _zero_point(node: Node, index: int) -> Array:
    zero_point = node.reals(index, "the zero point")
    whole = bool((zero_point == np.round(zero_point)).all())
    node.require(whole, f"zero point {zero_point.ravel()[0]} is not an integer")
    return zero_point


def _bits(node: Node, index: int) -> int:
    bits = node.number(index, "the bit width")
    node.require(bits >= 1 and bits == int(bits), f"bit width {bits:g} is not a whole number above 0")
    node.require(bits <= 32, f"bit width {bits:g} is too large")
    return int(bits)


def _rounding(node: Node, default: str) -> str:
    rounding = node.text_attribute("rounding_mode", default).upper()
    rounding = "ROUND" if rounding == "HALF_EVEN" else rounding
    node.require(
        rounding in ROUNDINGS, f"unknown rounding mode {rounding!r}", f"known: {', '.join(ROUNDINGS)}"
    )
    return rounding


def _grid(node: Node) -> Grid:
    signed, narrow = bool(node.int_attribute("signed", 1)), bool(node.int_attribute("narrow", 0))
    grid = Grid(_bits(node, 3), signed, narrow, _rounding(node, "ROUND"))
    lo, hi = grid.code_range
    node.require(grid.is_bipolar or lo < hi, f"{grid.bits} bits, narrow, hold a single value")
    return grid


def _channelwise(node: Node, x: Op, scale: Array, zero_point: Array) -> tuple[Array, Array]:
    scale = channel_constant(node, scale, x, "the scale")
    return scale, channel_constant(node, zero_point, x, "the zero point")


CONVERTERS = {
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": bipolar_quant,
    "Trunc": truncation,
    "MultiThreshold": multi_threshold,
}
