"""Where the counts of a WB tile start from, so that a comparison with 0 makes a bit of each.

With s = pc(B) over a window and h = pc(h), y = base - 4 h + 2 s, where base depends on channel and border. So

    y >= cut   where   2 h - s <= t = floor((base - cut) / 2)   where   h - floor((t + s) / 2) <= 0

and floor((t + s) / 2) is what the sums start from, negated: h + ceil((-t - s) / 2) <= 0. A channel whose bit
is 1 below the cut has its weights negated: then it is 1 from a cut on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import Pack, XnorConv2d
from bnnc.ir.types import WORD_BITS

MAX_SUM = 2**14 - 1  # of the absolute value of any sum of a window: starts and sums fit 16 bits


@dataclass(frozen=True)
class Cuts:
    """A convolution whose bits are all [y >= cut]; `always`, `never` are the bits no sum decides."""

    conv: XnorConv2d
    cuts: Array
    always: Array
    never: Array

    def starts(self, base: Array, dtype: str) -> Array:
        """-t for the constant part `base` of the sums, (classes, capacity)."""
        channels = self.cuts.size
        t = np.full(base.shape, -MAX_SUM, np.int64)
        t[:, :channels] = (base[:, :channels].astype(np.int64) - self.cuts) // 2
        t[:, :channels][:, self.always] = MAX_SUM
        t[:, :channels][:, self.never] = -MAX_SUM
        return (-np.clip(t, -MAX_SUM, MAX_SUM)).astype(dtype)


def single_cuts(conv: XnorConv2d, rest: tuple[Op, ...]) -> Cuts | None:
    """The cuts of a stage that ends in one bit by a single comparison; None for any other."""
    match rest:
        case (Threshold() as step, Pack()) if step.elem.bits == 1 and step.cuts.shape[1] <= 1:
            cuts = step.cuts[:, 0] if step.cuts.shape[1] else np.full(step.base.size, NO_CUT, np.int32)
        case _:
            return None
    first, fixed = step.base > 0, cuts == NO_CUT
    turned = first & ~fixed
    lanes = _lane_masks(conv)
    weights = np.where(turned[:, None, None, None], conv.weights ^ lanes, conv.weights)
    # [y < cut] = [-y >= 1 - cut]
    ascending = np.where(turned, 1 - cuts.astype(np.int64), cuts.astype(np.int64))
    return Cuts(replace(conv, weights=weights), ascending, first & fixed, ~first & fixed)


def _lane_masks(conv: XnorConv2d) -> Array:
    """uint32 (words,): ones in the lanes that are channels."""
    channels = packed_of(conv.x).shape[2] // conv.groups
    lanes = np.arange(conv.weights.shape[-1] * WORD_BITS) < channels
    return np.packbits(lanes, bitorder="little").view("<u4")
