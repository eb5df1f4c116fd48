"""The constants of a rescale as hardware wants them: few bits, and one shift for all channels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.hls.lanes import signed_bits
from bnnc.ir.geometry import Pair
from bnnc.ir.op import Array
from bnnc.ir.value_ops import MULTIPLIER_BITS, Rescale

MAX_ROM_BITS = 62  # of an offset: an entry of an int64_t array


@dataclass(frozen=True)
class Lines:
    """clip((x * multiplier[p, c] + offset[p, c]) >> shift[c], lo, hi), p = 1 where x >= pivot[c], else 0.

    int64 arrays; with one row of multipliers and offsets p is 0 everywhere. x lies in first..last.
    """

    first: int
    last: int
    pivot: Array
    multiplier: Array
    offset: Array
    shift: Array
    lo: int
    hi: int

    @property
    def sums(self) -> tuple[Array, Array]:
        """The smallest and the largest x * multiplier + offset of every channel, int64 (C,)."""
        bent = len(self.multiplier) == 2
        below = np.minimum(self.last, self.pivot - 1) if bent else np.full_like(self.pivot, self.last)
        above = np.maximum(self.first, self.pivot)
        ends = [self._line(0, np.full_like(below, self.first), self.first <= below)]
        ends += [self._line(0, below, self.first <= below)]
        if bent:
            ends += [self._line(1, above, above <= self.last)]
            ends += [self._line(1, np.full_like(above, self.last), above <= self.last)]
        return np.ma.stack(ends).min(axis=0).data, np.ma.stack(ends).max(axis=0).data

    def _line(self, piece: int, x: Array, is_reached: Array) -> np.ma.MaskedArray:
        return np.ma.array(x * self.multiplier[piece] + self.offset[piece], mask=~is_reached)

    @property
    def sum_bits(self) -> int:
        """Bits of a sum, and of what it is clipped to."""
        low, high = self.sums
        return signed_bits(min(int(low.min()), self.lo), max(int(high.max()), self.hi))

    @property
    def range(self) -> Pair:
        """The smallest and the largest result."""
        low, high = self.sums
        results = np.clip(np.stack([low, high]) >> self.shift, self.lo, self.hi)
        return int(results.min()), int(results.max())


def lines_of(op: Rescale, lo: int, hi: int) -> Lines:
    """The same function of integers lo..hi."""
    pieces = slice(1 if op.is_linear else 2)
    multiplier, offset = op.multiplier[pieces].astype(np.int64), op.offset[pieces].astype(np.int64)
    lines = Lines(
        lo, hi, op.pivot.astype(np.int64), multiplier, offset, op.shift.astype(np.int64), op.lo, op.hi
    )
    return _common_shift(_reduced(lines))


def _reduced(lines: Lines) -> Lines:
    """Without the zeros at the end of a channel's multipliers.

    With multiplier = m * 2^t: (x * m * 2^t + b) >> s = (x * m + (b >> t)) >> (s - t), because what b >> t
    drops is less than 2^t and all else a multiple of it.
    """
    multiplier, offset, shift = lines.multiplier.copy(), lines.offset.copy(), lines.shift.copy()
    while (even := (multiplier % 2 == 0).all(axis=0) & (shift > 0)).any():
        multiplier >>= even
        offset >>= even
        shift -= even
    return replace(lines, multiplier=multiplier, offset=offset, shift=shift)


def _common_shift(lines: Lines) -> Lines:
    """With every channel's shift the largest of them, where multipliers and offsets have the room for it.

    A shift by a constant is wires; a different one in every channel is a shifter.
    """
    up = lines.shift.max() - lines.shift
    small = (abs(lines.multiplier) < (1 << (MULTIPLIER_BITS - 1)) >> up).all()
    if not (small and (abs(lines.offset) < (1 << MAX_ROM_BITS) >> up).all()):
        return lines
    return replace(
        lines, multiplier=lines.multiplier << up, offset=lines.offset << up, shift=lines.shift + up
    )
