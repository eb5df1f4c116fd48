"""The QONNX quantizers on constants, in float32 and in the order of operations of the qonnx package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.codes import ROUNDINGS, code_range
from bnnc.ir.op import Array


@dataclass(frozen=True)
class Grid:
    """The codes of a Quant: number of bits, signed, narrow (one code fewer), and how reals are rounded."""

    bits: int
    signed: bool
    narrow: bool
    rounding: str

    @property
    def is_bipolar(self) -> bool:
        """One signed bit counts as -1 and +1."""
        return self.bits == 1 and self.signed

    @property
    def code_range(self) -> tuple[int, int]:
        """The smallest and the largest code, before the zero point is taken off."""
        return code_range(self.bits, self.signed, self.narrow)


def quant_codes(x: Array, scale: Array, zero_point: Array, grid: Grid) -> Array:
    """float32 codes, zero point still in: rounding(clamp(x / scale + zero_point))."""
    with np.errstate(over="ignore", invalid="ignore"):
        y = x / scale + zero_point
    if grid.is_bipolar:
        return bipolar_codes(y)
    lo, hi = (np.float32(bound) for bound in grid.code_range)
    clamped = np.where(y > hi, hi, y)
    clamped = np.where(clamped < lo, lo, clamped)
    return ROUNDINGS[grid.rounding](clamped).astype(np.float32)


def bipolar_codes(x: Array) -> Array:
    """float32 -1 or +1; +1 for 0."""
    return np.where(x >= 0, np.float32(1), np.float32(-1))


def trunc(x: Array, scale: Array, zero_point: Array, dropped_bits: int, rounding: str) -> Array:
    """QONNX Trunc (version 1)."""
    with np.errstate(over="ignore", invalid="ignore"):
        y = np.round(x / scale + zero_point) / np.float32(2.0**dropped_bits)
        return (ROUNDINGS[rounding](y) - zero_point) * scale


def linear_codes(x: Array, scale: Array, zero_point: Array, lo: int, hi: int) -> Array:
    """int64 codes of ONNX QuantizeLinear, zero point still in."""
    with np.errstate(over="ignore"):
        steps = np.round(x / scale).astype(np.float64)
    return np.clip(steps + zero_point, lo, hi).astype(np.int64)


def channel_axis(data_layout: str, rank: int) -> int:
    """The axis of a MultiThreshold that counts channels; without a layout the qonnx package guesses it."""
    layout = data_layout or {3: "NWC"}.get(rank, "NC")
    return layout.index("C") if "C" in layout else 1
