"""Which convolutions the WB kernel computes, and in which register tiles: the fewest instructions decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.rows import row_length
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import AssemblyLoop
from bnnc.arm.kernels.wb_avx512 import LANES
from bnnc.arm.kernels.wb_avx512_loop import Avx512Loop
from bnnc.arm.kernels.wb_cuts import MAX_SUM
from bnnc.arm.kernels.wb_neon import CHANNELS, weight_registers
from bnnc.arm.kernels.wb_neon_loop import PAIR_BYTES, NeonLoop
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_walk import MAX_OFFSET, pixels_down
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.types import WORD_BITS

MAX_PIXELS = 18
NEAR = 1.01  # times as many


@dataclass(frozen=True)
class WbPlan:
    """The pairs of a tap and the tile over them."""

    pairing: Pairing
    tiling: Tiling

    @property
    def name(self) -> str:
        """What tells it from the others of a convolution."""
        return f"wb half={self.pairing.half} vectors={self.tiling.vectors} pixels={self.tiling.pixels}"

    def loop(self, isa: Isa, pixels: int, pixel_bytes: int) -> AssemblyLoop:
        """The inner loop of a tile of so many pixels."""
        vectors = self.tiling.vectors
        if isa.is_neon:
            return NeonLoop(pixels, vectors, weight_registers(self.pairing), pixel_bytes, isa.in_order)
        return Avx512Loop(pixels, vectors, pixel_bytes)


def wb_plans(isa: Isa, conv: XnorConv2d, win: Window, packed: bool) -> tuple[WbPlan, ...]:
    """All tiles for the window, the best first; none where there are no pairs or the sums are too long."""
    words = conv.weights.shape[3]
    is_avx512 = isa.counts_words and isa.lanes == LANES
    if not (isa.is_neon or is_avx512) or words < 2 or win.taps * words * WORD_BITS > MAX_SUM:
        return ()
    # Of equals the larger tile.
    works = {plan: _work(isa, plan, win, conv.groups) for plan in reversed([*_plans(isa, conv, win, packed)])}
    slots = {plan: isa.core.slots(*work) for plan, work in works.items()}
    # About as many slots are as good as equal; then instructions count.
    near = NEAR * min(slots.values(), default=0)
    return tuple(sorted(works, key=lambda plan: (max(slots[plan], near), works[plan][0])))


def pays(isa: Isa, conv: XnorConv2d, win: Window, plan: WbPlan) -> bool:
    """Whether pairs take fewer instructions than to count word by word."""
    words, outputs = conv.weights.shape[3], conv.weights.shape[0] // conv.groups
    return bool(_work(isa, plan, win, conv.groups)[0] < _plain_instructions(isa, words, outputs, win))


def _plans(isa: Isa, conv: XnorConv2d, win: Window, packed: bool) -> Iterator[WbPlan]:
    """Every tile whose operands fit the registers."""
    words, outputs = conv.weights.shape[3], conv.weights.shape[0] // conv.groups
    lanes = CHANNELS if isa.is_neon else LANES
    unit = WORD_BITS if packed else lanes
    channels = ceil(outputs / unit) * unit
    for half in (half for half in ((1, 2, 4) if isa.is_neon else (1,)) if words % half == 0):
        pairs = Pairing(words, half)
        stride = win.columns.stride * conv.groups * pairs.pairs * PAIR_BYTES
        for vectors in (n for n in (1, 2, 4) if channels % (n * lanes) == 0):
            for pixels in range(1, min(row_length(win), MAX_PIXELS) + 1):
                plan = WbPlan(pairs, Tiling(lanes, vectors, channels // (vectors * lanes), pixels))
                loop = plan.loop(isa, pixels, stride)
                if loop.fits and pixels * stride <= MAX_OFFSET:
                    yield plan


def _work(isa: Isa, plan: WbPlan, win: Window, groups: int) -> Array:
    """An estimate of the instructions for a group of output channels, the pairing of its map included, and
    of the operations on vectors among them.
    """
    tiles, rows, columns = plan.tiling, win.rows, win.columns
    inner = rows.out * ceil(len(columns.interior) / tiles.pixels)
    per_panel = inner * _tile_work(isa, plan, win, tiles.pixels, columns.kernel)
    down = pixels_down(win, tiles.pixels, groups * plan.pairing.pairs * PAIR_BYTES)
    n_tiles = ceil(len(rows.interior) / down)
    for taps in (len(columns.taps(i)) for i in range(columns.out) if i not in columns.interior):
        per_panel += n_tiles * _tile_work(isa, plan, win, down, taps)
        per_panel += (rows.out - len(rows.interior)) * _tile_work(isa, plan, win, 1, taps)
    pairs = win.rows.size * columns.size * (18 + 8 * plan.pairing.pairs) + 3 * win.pixels
    work: Array = tiles.panels * per_panel + np.array([pairs, 0])
    return work


def _tile_work(isa: Isa, plan: WbPlan, win: Window, pixels: int, taps: int) -> Array:
    """Of a tile in an average row, with so many taps of a row of the window."""
    loop = plan.loop(isa, pixels, 0)
    step = np.array([loop.cost, loop.count_operations])
    rows = sum(len(win.rows.taps(i)) for i in range(win.rows.out)) / win.rows.out
    ends = 20 + pixels * (2 + 3 * plan.tiling.vectors)
    work: Array = rows * (taps * plan.pairing.pairs * step + [8, 0]) + [ends, 0]
    return work


def _plain_instructions(isa: Isa, words: int, outputs: int, win: Window) -> float:
    """An estimate for the kernel that counts word by word: 3.7 instructions for a vector of channels."""
    per_pixel = ceil(outputs / isa.lanes) * (3.7 * win.taps * words + 8)
    return win.pixels * per_pixel
