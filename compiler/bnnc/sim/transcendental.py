"""Exponentials and logarithms as fixed sequences of IEEE double operations.

The C library's functions differ in the last bit from machine to machine. These give the same bits everywhere,
and the C runtime repeats them operation by operation.
"""

from __future__ import annotations

import numpy as np

from bnnc.ir.op import Array

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # ends in zero bits: k * _LN2_HIGH is exact for every k that occurs
_LN2_LOW = 1.9082149292705877e-10
_LN2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476


def exp64(t: Array) -> Array:
    """e ** t in float64: 0 below -745, infinity above 709, else 2**k times a Taylor sum near 0."""
    t = np.asarray(t, np.float64)
    bounded = np.clip(np.nan_to_num(t, nan=0.0), -745.0, 709.0)
    k = np.floor(bounded * _LOG2_E + 0.5)
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    p = np.ones_like(r)
    for n in range(13, 0, -1):
        p = 1.0 + (r * p) / n
    inside = np.ldexp(p, k.astype(np.int32))
    return np.select([np.isnan(t), t < -745.0, t > 709.0], [t, 0.0, np.inf], inside)


def log64(v: Array) -> Array:
    """Natural logarithm of positive finite numbers in float64: 2 * artanh((f - 1) / (f + 1)) + k * ln2."""
    f, k = np.frexp(np.asarray(v, np.float64))
    low = f < _SQRT_HALF
    f, k = np.where(low, f * 2, f), k - low
    z = (f - 1) / (f + 1)
    z2 = z * z
    p = np.zeros_like(z)
    for n in range(25, 0, -2):
        p = p * z2 + 1.0 / n
    natural: Array = (2 * z) * p + k * _LN2
    return natural


def exp(x: Array) -> Array:
    """e ** x, float32 to float32."""
    return _rounded(exp64(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e ** -x), float32 to float32."""
    return _rounded(1.0 / (1.0 + exp64(-x.astype(np.float64))))


def tanh(x: Array) -> Array:
    """(1 - e) / (1 + e) with e = exp(-2 * abs(x)) and the sign of x, float32 to float32."""
    e = exp64(-2.0 * np.abs(x.astype(np.float64)))
    return _rounded(np.copysign((1.0 - e) / (1.0 + e), x))


def softmax(x: Array) -> Array:
    """Softmax over the last axis, float32 to float32."""
    e = exp64(_below_max(x))
    return _rounded(e / sequential_sum(e))


def log_softmax(x: Array) -> Array:
    """Logarithm of the softmax over the last axis, float32 to float32."""
    below = _below_max(x)
    return _rounded(below - log64(sequential_sum(exp64(below))))


def _below_max(x: Array) -> Array:
    wide: Array = x.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    return wide


def sequential_sum(x: Array) -> Array:
    """The sum over the last axis from index 0 upwards (np.sum adds in pairs)."""
    return np.add.accumulate(x, axis=-1)[..., -1:]


def _rounded(x: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return x.astype(np.float32)
