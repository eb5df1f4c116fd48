"""Where the counts of a WB tile start from, so that the sign of each is a bit.

With s = pc(B) over a window and h = pc(h), y = base - 4 h + 2 s, where base depends on channel and border. So

    y >= cut   where   2 h - s <= t = floor((base - cut) / 2)   where   h < floor((t + s) / 2) + 1

and that is what the sums start from, negated: h + ceil((-t - 2 - s) / 2) < 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack

MAX_SUM = 2**14 - 2  # of the absolute value of any sum of a window: starts and sums fit 16 bits


@dataclass(frozen=True)
class Cuts:
    """Bits [y >= cuts[c]] ^ inverted[c] of every channel."""

    cuts: Array
    inverted: Array

    def starts(self, base: Array, dtype: str) -> Array:
        """-t - 2 for the constant part `base` of the sums, (classes, capacity). No bit past the channels."""
        channels, never = self.cuts.size, -MAX_SUM
        t = np.full(base.shape, never, np.int64)
        reached = (base[:, :channels].astype(np.int64) - self.cuts) // 2
        t[:, :channels] = np.where(self.cuts == NO_CUT, never, reached)
        return (-2 - np.clip(t, -MAX_SUM, MAX_SUM)).astype(dtype)

    def inverted_octets(self, capacity: int) -> Array:
        """uint8 (capacity / 8,)."""
        padded = np.zeros(capacity, np.uint8)
        padded[: self.inverted.size] = self.inverted
        return np.packbits(padded, bitorder="little")


def single_cuts(rest: tuple[Op, ...]) -> Cuts | None:
    """The cuts of a stage that ends in one bit by a single comparison; None for any other."""
    match rest:
        case (Threshold() as step, Pack()) if step.elem.bits == 1 and step.cuts.shape[1] <= 1:
            none = np.full(step.base.size, NO_CUT, np.int32)
            return Cuts(step.cuts[:, 0] if step.cuts.shape[1] else none, step.base > 0)
        case _:
            return None
