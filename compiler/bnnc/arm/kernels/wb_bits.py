"""Counts of a WB tile to bits in memory, where one comparison makes each: without 32-bit sums on the way.

With s = pc(B) over a window and h = pc(h), y = base - 4 h + 2 s, where base depends on channel and border. So

    y >= cut   where   2 h - s <= t = floor((base - cut) / 2)   where   h - floor((t + s) / 2) <= 0

and floor((t + s) / 2) is what the sums start from, negated: h + ceil((-t - s) / 2) <= 0. A channel whose bit
is 1 below the cut has its weights negated: then it is 1 from a cut on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, bits_as, splat
from bnnc.arm.kernels.wb_map import SUM
from bnnc.arm.kernels.wb_tile import CHANNELS, pairwise
from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op
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

    def starts(self, base: Array) -> Array:
        """-t for the constant part `base` of the sums: int32 (classes, capacity) to int16."""
        channels = self.cuts.size
        t = np.full(base.shape, -MAX_SUM, np.int64)
        t[:, :channels] = (base[:, :channels].astype(np.int64) - self.cuts) // 2
        t[:, :channels][:, self.always] = MAX_SUM
        t[:, :channels][:, self.never] = -MAX_SUM
        return (-np.clip(t, -MAX_SUM, MAX_SUM)).astype(np.int16)


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


def store_bits(sums: View, pixels: int, groups: int, out: View, stride: int) -> None:
    """Bits [sum <= 0] of (pixels, groups) registers of 8 channels; a pixel's bytes are `stride` apart.

    `out` is a view of the tile's first byte, in units of a pixel's `groups` bytes.
    """
    at_once = 16 // groups
    for first in range(0, pixels, at_once):
        count = min(at_once, pixels - first)
        registers = range(first * groups, (first + count) * groups)
        octets = _octets([sums.vector(i * CHANNELS, CHANNELS) for i in registers])
        dtype, lanes = f"uint{8 * groups}", 16 // groups
        values = T.bind(octets if groups == 1 else bits_as(f"{dtype}x{lanes}", octets))
        for i in range(count):
            out.put((first + i) * stride, tirx.Shuffle([values], [i]))


def _octets(sums: list[Expr]) -> Expr:
    """uint8x16: byte i has the bits [sum <= 0] of register i."""
    weights = [tirx.const(1 << (i % 8), "uint8") for i in range(16)]
    weight = tirx.Shuffle(weights, list(range(16)))
    masks = [s <= splat(0, CHANNELS, SUM) for s in sums]
    masks += [masks[-1]] * (len(masks) % 2)
    bits = [
        T.bind(tirx.Select(tirx.Shuffle(masks[i : i + 2], list(range(16))), weight, splat(0, 16, "uint8")))
        for i in range(0, len(masks), 2)
    ]
    for _ in range(3):
        bits += [bits[-1]] * (len(bits) % 2)
        bits = (
            [pairwise(bits[i : i + 2]) for i in range(0, len(bits), 2)]
            if len(bits) > 1
            else [pairwise(bits * 2)]
        )
    return bits[0]


def _lane_masks(conv: XnorConv2d) -> Array:
    """uint32 (words,): ones in the lanes that are channels."""
    channels = conv.x.type.shape[2] // conv.groups
    lanes = np.arange(conv.weights.shape[-1] * WORD_BITS) < channels
    return np.packbits(lanes, bitorder="little").view("<u4")
