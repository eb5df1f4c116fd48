"""Rescales: one or two lines per channel, in 32 bits where everything is known to fit, else in 64.

Steps of 2^-s may be counted in finer ones: floor((x M + B) / 2^s) = floor((x M + B) 2^d / 2^(s + d)). So all
channels get the same shift where their multipliers leave room for it: a shift by a constant is an
instruction less, and processors have one for it that narrows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.bounds import Bounds
from bnnc.arm.kernels.builder import Expr, Kernel, cast, splat
from bnnc.arm.kernels.levels import Spot, VectorStep, padded
from bnnc.ir.op import Array
from bnnc.ir.value_ops import Rescale

_INT32 = (-(2**31), 2**31 - 1)
_INT64_BITS = 62
Row = Callable[[Spot, int], Expr]  # (first channel, lanes) -> one number a channel


def rescaled(kernel: Kernel, step: Rescale, x: Bounds, capacity: int) -> VectorStep:
    """clip((x M + B) >> s, lo, hi) of int32 lanes that hold values within `x`."""
    if step.only_clips:
        return _clipped(step, x.hull())
    lines, reach = _narrowest(_lines(step), x)
    parts = _Parts(kernel, lines, capacity, "int32" if reach.fits_32_bits else "int64")
    clip = _clipped(step, reach.result)

    def values(x: Expr, spot: Spot, lanes: int) -> Expr:
        scaled = parts.scaled(x, spot, lanes)
        if parts.dtype == "int64":
            scaled = cast("int32", _limited(scaled, reach.result, _INT32, "int64", lanes), lanes)
        return clip(scaled, spot, lanes)

    return values


def _clipped(step: Rescale, reach: tuple[int, int]) -> VectorStep:
    return lambda x, _spot, lanes: _limited(x, reach, (step.lo, step.hi), "int32", lanes)


def _limited(x: Expr, reach: tuple[int, int], limits: tuple[int, int], dtype: str, lanes: int) -> Expr:
    """Clip to `limits` what lies in `reach`."""
    if reach[0] < limits[0]:
        x = tirx.max(x, splat(limits[0], lanes, dtype))
    return tirx.min(x, splat(limits[1], lanes, dtype)) if reach[1] > limits[1] else x


@dataclass(frozen=True)
class _Lines:
    """`Rescale` in 64-bit integers, shifts made equal where possible; multiplier and offset (2, C)."""

    pivot: Array
    multiplier: Array
    offset: Array
    shift: Array

    @property
    def pieces(self) -> int:
        """Lines of a channel that differ."""
        same = (self.multiplier[0] == self.multiplier[1]) & (self.offset[0] == self.offset[1])
        return 1 if same.all() else 2


def _lines(step: Rescale) -> _Lines:
    numbers = (step.pivot, step.multiplier, step.offset, step.shift)
    return _Lines(*(part.astype(np.int64) for part in numbers))


def _with_one_shift(lines: _Lines) -> _Lines:
    """The same lines by the largest shift, or as they are where the multipliers have no room."""
    room = lines.shift.max() - lines.shift
    fits = (abs(lines.multiplier) < 1 << (31 - room.clip(max=31))).all()
    fits = fits and (abs(lines.offset) < 1 << (_INT64_BITS - 1 - room)).all()
    if not fits:
        return lines
    return _Lines(lines.pivot, lines.multiplier << room, lines.offset << room, lines.shift + room)


@dataclass(frozen=True)
class _Reach:
    """Whether products, sums and the result are 32-bit integers, and what the unclipped result reaches."""

    fits_32_bits: bool
    result: tuple[int, int]


def _narrowest(lines: _Lines, x: Bounds) -> tuple[_Lines, _Reach]:
    """Lines with one shift, unless only those without fit into 32 bits."""
    equal = _with_one_shift(lines)
    reach, own_reach = _reach(equal, x), _reach(lines, x)
    if own_reach.fits_32_bits and not reach.fits_32_bits:
        return lines, own_reach
    return equal, reach


def _reach(lines: _Lines, x: Bounds) -> _Reach:
    """Of each line over the values on its side of the pivot; lanes past the last channel may hold 0."""
    lo, hi = np.minimum(x.lo, 0), np.maximum(x.hi, 0)
    starts = np.stack([lo, np.clip(lines.pivot, lo, hi)])
    ends = np.stack([np.clip(lines.pivot - 1, lo, hi), hi])
    if lines.pieces == 1:
        starts, ends = np.stack([lo, lo]), np.stack([hi, hi])
    products = np.stack([lines.multiplier * starts, lines.multiplier * ends])
    sums = products + lines.offset
    numbers = (products, sums, lines.offset, lines.multiplier)
    fits = all(_INT32[0] <= part.min() and part.max() <= _INT32[1] for part in numbers)
    results = sums >> lines.shift
    return _Reach(fits, (int(results.min()), int(results.max())))


class _Parts:
    """The constants of the lines in memory, and x M + B >> s by them."""

    def __init__(self, kernel: Kernel, lines: _Lines, capacity: int, dtype: str) -> None:
        self.dtype, self._kernel, self._capacity = dtype, kernel, capacity
        shift = lines.shift if dtype == "int64" else lines.shift.clip(max=31)
        self._pivot = self._row(lines.pivot, "int32") if lines.pieces > 1 else None
        self._multipliers = self._pair(lines.multiplier, "int32")
        self._offsets = self._pair(lines.offset, dtype)
        self._shift = self._row(shift, dtype)

    def scaled(self, x: Expr, spot: Spot, lanes: int) -> Expr:
        above = x >= self._pivot(spot, lanes) if self._pivot else None
        multiplier = self._chosen(self._multipliers, above, spot, lanes)
        offset = self._chosen(self._offsets, above, spot, lanes)
        product = self._wide(x, lanes) * self._wide(multiplier, lanes)
        return (product + offset) >> self._shift(spot, lanes)

    def _wide(self, x: Expr, lanes: int) -> Expr:
        return x if self.dtype == "int32" else cast(self.dtype, x, lanes)

    def _chosen(self, rows: tuple[Row, Row] | Row, above: Expr, spot: Spot, lanes: int) -> Expr:
        if not isinstance(rows, tuple):
            return rows(spot, lanes)
        return tirx.Select(above, rows[1](spot, lanes), rows[0](spot, lanes))

    def _pair(self, numbers: Array, dtype: str) -> tuple[Row, Row] | Row:
        """A row for each of two lines, or one for both."""
        below, above = numbers
        if np.array_equal(below, above):
            return self._row(below, dtype)
        return self._row(below, dtype), self._row(above, dtype)

    def _row(self, numbers: Array, dtype: str) -> Row:
        """One number a channel: a constant in the code where all are the same."""
        if (numbers == numbers[0]).all():
            number = int(numbers[0])
            return lambda _spot, lanes: splat(number, lanes, dtype)
        view = self._kernel.constant(padded(numbers, 0, self._capacity, dtype))
        return lambda spot, lanes: view.vector(spot.channel, lanes)
