"""Weights as integers: exactly where they lie on a grid, else quantized to 8 bits and reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array

MAX_WEIGHT = 127
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class IntegerWeights:
    """weight = codes * scale; codes int8 (O, ..), int16 from wider quantizers; scale float32 () or (O,).

    `note` says what rounding them cost, or is empty where they are exact.
    """

    codes: Array
    scale: Array
    note: str = ""


def integer_weights(weights: Array, scale: Array) -> IntegerWeights:
    """Weights (O, ..), a quantizer's codes or real numbers in 8 bits, times `scale` (() or (O,))."""
    if np.issubdtype(weights.dtype, np.integer):
        if weights.min() >= -MAX_WEIGHT - 1 and weights.max() <= MAX_WEIGHT:
            return IntegerWeights(weights.astype(np.int8), scale)
        if weights.min() >= INT16.min and weights.max() <= INT16.max:
            return IntegerWeights(weights.astype(np.int16), scale)
        weights = weights.astype(np.float32)
    exact = _on_grid(weights)
    if exact is None:
        return _rounded(weights * _rows(scale, weights.ndim))
    return IntegerWeights(exact.codes, np.asarray(exact.scale * scale, np.float32))


def _on_grid(weights: Array) -> IntegerWeights | None:
    """Integers and a step per output that give every weight exactly, if there are such."""
    flat = abs(weights.reshape(len(weights), -1)).astype(np.float32)
    whole = flat == np.rint(flat)
    if whole.all() and flat.max() <= MAX_WEIGHT:
        codes, step = weights, np.ones(len(weights), np.float32)
    else:
        step = np.where(flat > 0, flat, np.inf).min(axis=1)
        step = np.where(np.isinf(step), 1, step).astype(np.float32)
        codes = np.rint(weights / _rows(step, weights.ndim))
        given = codes.astype(np.float32) * _rows(step, weights.ndim)
        if abs(codes).max() > MAX_WEIGHT or not np.array_equal(given, weights.astype(np.float32)):
            return None
    codes, step = _shared_magnitude(codes.astype(np.int64), step)
    return IntegerWeights(codes.astype(np.int8), step[0] if (step == step[0]).all() else step)


def _shared_magnitude(codes: Array, step: Array) -> tuple[Array, Array]:
    """+-a as +-1 times a: outputs whose weights share one magnitude are binary or ternary."""
    magnitude = abs(codes.reshape(len(codes), -1))
    largest = magnitude.max(axis=1)
    single = (largest > 0) & ((magnitude == largest[:, None]) | (magnitude == 0)).all(axis=1)
    if not (single | (largest == 0)).all():
        return codes, step
    return np.sign(codes), (step * np.maximum(largest, 1)).astype(np.float32)


def _rounded(weights: Array) -> IntegerWeights:
    """Nearest of 255 levels per output, symmetric."""
    flat = weights.reshape(len(weights), -1).astype(np.float32)
    largest = abs(flat).max(axis=1)
    scale = (np.where(largest > 0, largest, 1) / MAX_WEIGHT).astype(np.float32)
    codes = np.rint(weights / _rows(scale, weights.ndim)).astype(np.int8)
    error = abs(codes * _rows(scale, weights.ndim) - weights)
    note = (
        f"real weights as 8-bit integers per output: error at most {error.max():.3g}, mean {error.mean():.3g}"
    )
    return IntegerWeights(codes, scale, note)


def _rows(scale: Array, ndim: int) -> Array:
    """() or (O,) as something that multiplies weights (O, ..)."""
    return scale.reshape(-1, *[1] * (ndim - 1)) if np.ndim(scale) else scale
