"""QuantizeLinear and DequantizeLinear: a pair on a layer's result, or either of them on constants."""

from __future__ import annotations

import re

import numpy as np
from onnx import helper

from bnnc.errors import BnncError
from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.formulas import linear_codes
from bnnc.frontends.node import Node
from bnnc.frontends.nodes.quantizers import quantized
from bnnc.frontends.values import Const, Levels, Value
from bnnc.ir import source_ops as s
from bnnc.ir.codes import code_range
from bnnc.ir.op import Array, Op


def quantize_linear(node: Node) -> Value:
    """QuantizeLinear(x, scale, zero_point)."""
    scale, zero_point, dtype = _scale(node), _zero_point(node), _result_type(node)
    lo, hi = _range(node, dtype)
    value = node.value(0)
    if isinstance(value, Const):
        data = node.reals(0, "the weights")
        codes = linear_codes(data, _along(node, scale, data), _along(node, zero_point, data), lo, hi)
        return Const(codes.astype(dtype))
    x = node.feature()
    scale, zero_point = _of_feature(node, scale, x), _of_feature(node, zero_point, x)
    real = s.QuantizeLinear(node.name, x, scale, zero_point.astype(np.float32), lo, hi)
    return Levels(real, scale, zero_point)


def dequantize_linear(node: Node) -> Value:
    """DequantizeLinear(x, scale, zero_point)."""
    scale, zero_point, value = _scale(node), _zero_point(node), node.value(0)
    if isinstance(value, Const):
        return _dequantized(node, value.array, scale, zero_point)
    if not isinstance(value, Levels):
        raise node.refusal(
            "its input does not come from a QuantizeLinear", "export with Quantize/Dequantize pairs"
        )
    x = value.real.operands[0]
    same_scale = np.array_equal(_of_feature(node, scale, x), value.scale)
    same_zero = np.array_equal(_of_feature(node, zero_point, x), value.zero_point)
    node.require(same_scale and same_zero, "scale or zero point differs from that of its QuantizeLinear")
    return value.real


def _dequantized(node: Node, codes: Array, scale: Array, zero_point: Array) -> Const:
    node.require(
        codes.size > 0 and codes.dtype.name in _INTEGERS, f"constant of {codes.dtype} and shape {codes.shape}"
    )
    differences = codes.astype(np.int64) - _along(node, zero_point, codes)
    const = quantized(differences.astype(np.float32), _along(node, scale, codes))
    return Const(const.array, differences, const.scale)


def _along(node: Node, parameter: Array, x: Array) -> Array:
    """A scale or zero point (() or (n,) along `axis`) of the rank of `x`."""
    if parameter.size == 1:
        return parameter.reshape((1,) * x.ndim)
    axis = node.axis(1, x.ndim)
    fits = parameter.ndim == 1 and parameter.shape[0] == x.shape[axis]
    node.require(fits, f"parameters of shape {parameter.shape} for axis {axis} of {x.shape}")
    return parameter.reshape((-1,) + (1,) * (x.ndim - axis - 1))


def _of_feature(node: Node, parameter: Array, x: Op) -> Array:
    if parameter.size == 1:
        return parameter.reshape(())
    rank = 1 + len(x.type.shape)
    aligned = parameter.reshape((-1,) + (1,) * (rank - node.axis(1, rank) - 1))
    return channel_constant(node, aligned, x, "a parameter")


def _scale(node: Node) -> Array:
    node.require(node.int_attribute("block_size", 0) == 0, "block-wise scales are not supported")
    scale = node.reals(1, "the scale")
    node.check(bool((scale > 0).all()), f"scale {scale.min()} is not positive", "scales have to be above 0")
    return np.where(scale > 0, scale, np.float32(1))


def _zero_point(node: Node) -> Array:
    """int64, 0 where none is given."""
    if not node.has(2):
        return np.zeros((), np.int64)
    array = node.const(2, "the zero point").array
    node.require(array.dtype.name in _INTEGERS, f"a zero point of type {array.dtype}")
    return array.astype(np.int64)


_INTEGERS = frozenset(["int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16", "int32"])


def _result_type(node: Node) -> np.dtype[np.generic]:
    if node.has(2):
        return node.const(2, "the zero point").array.dtype
    code = node.int_attribute("output_dtype", 0)
    try:
        return helper.tensor_dtype_to_np_dtype(code) if code else np.dtype(np.uint8)
    except KeyError as error:
        raise BnncError.at(node.where, f"unknown output type {code}") from error


def _range(node: Node, dtype: np.dtype[np.generic]) -> tuple[int, int]:
    match = re.fullmatch(r"(u?)int(2|4|8|16)", dtype.name)
    if match is None:
        raise node.refusal(f"quantizes to {dtype.name}", "integers of 2, 4, 8 or 16 bits are supported")
    return code_range(int(match[2]), signed=not match[1])


CONVERTERS = {"QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear}
