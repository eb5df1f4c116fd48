"""Which convolutions the WB kernel computes, and in which register tiles: the fewest instructions decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.rows import row_length
from bnnc.arm.kernels.tiling import Tiling, tiling
from bnnc.arm.kernels.wb_assembly import WbLoop
from bnnc.arm.kernels.wb_cuts import MAX_SUM
from bnnc.arm.kernels.wb_neon import CHANNELS, weight_registers
from bnnc.arm.kernels.wb_pairing import Pairing, pairing
from bnnc.arm.kernels.window import Window
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.types import WORD_BITS

REGISTERS = 32
MAX_PIXELS = 18
_MAX_OFFSET = 2**16 - 32  # of a load behind a pointer


@dataclass(frozen=True)
class WbPlan:
    """The pairs of a tap and the tile over them."""

    pairing: Pairing
    tiling: Tiling


def wb_plan(isa: Isa, conv: XnorConv2d, win: Window, packed: bool) -> WbPlan | None:
    """The best tile for the window; None where pairs do not pay or the sums are too long."""
    words, outputs = conv.weights.shape[3], conv.weights.shape[0] // conv.groups
    if words < 2 or win.taps * words * WORD_BITS > MAX_SUM:
        return None
    if isa.is_neon:
        plans = {_instructions(plan, win): plan for plan in _neon_plans(conv, win, packed)}
        best = min(plans)
        return plans[best] if best < _plain_instructions(words, outputs, win) else None
    if isa.counts_words and isa.lanes > 1:
        return WbPlan(Pairing(words, 1), tiling(isa, outputs, row_length(win), packed))
    return None


def _neon_plans(conv: XnorConv2d, win: Window, packed: bool) -> Iterator[WbPlan]:
    """Every tile whose operands fit the registers."""
    words, outputs = conv.weights.shape[3], conv.weights.shape[0] // conv.groups
    unit = WORD_BITS if packed else CHANNELS
    channels = ceil(outputs / unit) * unit
    for half in sorted({pairing(words, most).half for most in (1, 2, 4)}):
        pairs = Pairing(words, half)
        stride = win.columns.stride * conv.groups * pairs.pairs * 32
        for groups in (n for n in (1, 2, 4) if channels % (n * CHANNELS) == 0):
            for pixels in range(1, min(row_length(win), MAX_PIXELS) + 1):
                steps = WbLoop(pixels, groups, weight_registers(pairs), stride)
                if steps.n_registers <= REGISTERS and pixels * stride <= _MAX_OFFSET:
                    yield WbPlan(pairs, Tiling(CHANNELS, groups, channels // (groups * CHANNELS), pixels))


def _instructions(plan: WbPlan, win: Window) -> float:
    """An estimate for a group of output channels, the pairing of its map included."""
    tiles, columns = plan.tiling, win.columns
    inner = ceil(len(columns.interior) / tiles.pixels)
    outer = [len(columns.taps(i)) for i in range(columns.out) if i not in columns.interior]
    per_panel = inner * _tile_instructions(plan, win, tiles.pixels, columns.kernel)
    per_panel += sum(_tile_instructions(plan, win, 1, taps) for taps in outer)
    pairs = win.rows.size * columns.size * (18 + 8 * plan.pairing.pairs) + 3 * win.pixels
    return tiles.panels * per_panel * win.rows.out + pairs


def _tile_instructions(plan: WbPlan, win: Window, pixels: int, taps: int) -> float:
    """Of a tile in an average row, with so many taps of a row of the window."""
    groups = plan.tiling.vectors
    step = WbLoop(pixels, groups, weight_registers(plan.pairing), 0)
    rows = sum(len(win.rows.taps(i)) for i in range(win.rows.out)) / win.rows.out
    ends = 20 + pixels * (3 + 3.5 * groups)
    return rows * (taps * plan.pairing.pairs * (len(step.instructions) + 2) + 8) + ends


def _plain_instructions(words: int, outputs: int, win: Window) -> float:
    """An estimate for the kernel that counts word by word: about 3.7 instructions for four channels."""
    per_pixel = ceil(outputs / 4) * (3.7 * win.taps * words + 8)
    return win.pixels * per_pixel
