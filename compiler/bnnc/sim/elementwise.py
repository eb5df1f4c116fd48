"""What every elementwise operation of a source graph computes, step by step (`FixedPoint`: in float64)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.codes import ROUNDINGS
from bnnc.ir.op import Array
from bnnc.sim import transcendental


def apply(op: src.Elementwise, x: Array) -> Array:
    """`op` on float32 (..., C): the channel is the last axis. Rounds to float32 after every arithmetic step.

    Equal, bit for bit, to onnxruntime without graph optimizations and to the qonnx package. The exceptions
    are `Tanh`, `Sigmoid` and `Exp` (see `sim.transcendental`) and `Pow` beyond squares and cubes, which
    onnxruntime takes from the C library of the machine.
    """
    assert x.dtype == np.float32, x.dtype
    with np.errstate(all="ignore"):
        y = _apply(op, x)
    return np.asarray(y, np.float32)


def _apply(op: src.Elementwise, x: Array) -> Array:
    match op:
        case src.Mul() | src.Add() | src.Sub() | src.SubFrom() | src.Div() | src.DivInto() | src.Pow():
            return _arithmetic(op, x)
        case src.BatchNorm():
            g, h = op.affine
            return x * g + h
        case src.Quant() | src.BipolarQuant() | src.QuantizeLinear() | src.MultiThreshold() | src.Trunc():
            return _quantize(op, x)
        case src.Select():
            return np.where(_COMPARE[op.compare](x, op.cut), op.then, op.other)
        case src.PRelu():
            return np.where(x < 0, op.slope * x, x)
        case src.FixedPoint():
            return _fixed_point(op, x.astype(np.float64))
        case src.Clip():
            return _clip(x, np.float32(op.lo), np.float32(op.hi))
        case src.HardSigmoid():
            return _clip(np.float32(op.alpha) * x + np.float32(op.beta), np.float32(0), np.float32(1))
        case _:
            return _UNARY[type(op)](x)


Arithmetic = src.Mul | src.Add | src.Sub | src.SubFrom | src.Div | src.DivInto | src.Pow
Quantizer = src.Quant | src.BipolarQuant | src.QuantizeLinear | src.MultiThreshold | src.Trunc


def _arithmetic(op: Arithmetic, x: Array) -> Array:
    match op:
        case src.Mul():
            return x * op.c
        case src.Add():
            return x + op.c
        case src.Sub():
            return x - op.c
        case src.SubFrom():
            return op.c - x
        case src.Div():
            return x / op.c
        case src.DivInto():
            return op.c / x
        case src.Pow():
            return _power(x, op.c)


def _power(x: Array, exponent: Array) -> Array:
    """onnxruntime multiplies for one exponent of 2 or 3; the rest is rounded once from float64."""
    if exponent.shape == () and exponent in (2, 3):
        return x * x if exponent == 2 else x * x * x
    # An array, because NumPy takes the square root for one exponent of 0.5: no power at -0 and -infinity.
    exponents = np.zeros(x.shape) + exponent
    return np.power(x.astype(np.float64), exponents).astype(np.float32)


def _quantize(op: Quantizer, x: Array) -> Array:
    match op:
        case src.BipolarQuant():
            return np.where(x >= 0, op.scale, -op.scale)
        case src.Quant():
            return (_quant_code(op, x / op.scale + op.zero_point) - op.zero_point) * op.scale
        case src.QuantizeLinear():
            code = _clip(np.rint(x / op.scale) + op.zero_point, np.float32(op.lo), np.float32(op.hi))
            return (code - op.zero_point) * op.scale
        case src.MultiThreshold():
            return np.float32(op.out_scale) * _steps_reached(x, op.thresholds) + np.float32(op.out_bias)
        case src.Trunc():
            code = np.rint(x / op.scale + op.zero_point) / np.float32(2.0 ** (op.in_bits - op.out_bits))
            return (ROUNDINGS[op.rounding](code) - op.zero_point) * op.scale


def _quant_code(op: src.Quant, scaled: Array) -> Array:
    """qonnx clamps before it rounds, and takes one signed bit as -1 or +1."""
    if op.bits == 1 and op.signed:
        return np.where(scaled >= 0, np.float32(1), np.float32(-1))
    lo, hi = op.code_range
    return ROUNDINGS[op.rounding](_clip(scaled, np.float32(lo), np.float32(hi)))


def _fixed_point(op: src.FixedPoint, x: Array) -> Array:
    """In float64 throughout; whole numbers result."""
    t = x * op.multiplier + op.before
    y = np.floor(np.where(t < 0, op.slope * t, t) + op.after)
    return _clip(y, np.float64(op.lo), np.float64(op.hi))


def _clip(x: Array, lo: np.floating[Any], hi: np.floating[Any]) -> Array:
    """min(max(x, lo), hi) that leaves x alone where it equals a bound: -0 stays -0 at a bound of 0."""
    raised = np.where(x < lo, lo, x)
    return np.where(raised > hi, hi, raised)


def _steps_reached(x: Array, thresholds: Array) -> Array:
    """float32 (..., C): how many of the thresholds (1 or C, K) of its channel x has reached."""
    count = np.zeros(x.shape, np.float32)
    for threshold in thresholds.T:
        count += x >= threshold
    return count


_COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
    "<": np.less,
}

_UNARY: dict[type[src.Elementwise], Callable[[Array], Array]] = {
    src.Relu: lambda x: np.where(x < 0, np.float32(0), x),
    src.Abs: np.abs,
    src.Neg: np.negative,
    src.Sqrt: np.sqrt,
    src.Round: np.rint,
    src.Floor: np.floor,
    src.Ceil: np.ceil,
    src.Sign: np.sign,
    src.Exp: transcendental.exp,
    src.Tanh: transcendental.tanh,
    src.Sigmoid: transcendental.sigmoid,
}
