"""Which convolutions the WB kernel computes, and in which register tiles: the fewest instructions decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_bits import MAX_SUM
from bnnc.arm.kernels.wb_pairing import Pairing, pairing
from bnnc.arm.kernels.wb_tile import CHANNELS
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.types import WORD_BITS

REGISTERS = 32
MAX_PIXELS = 16


@dataclass(frozen=True)
class WbPlan:
    """The pairs of a tap and the tile over them."""

    pairing: Pairing
    tiling: Tiling


def wb_plan(isa: Isa, conv: XnorConv2d, row: int, packed: bool) -> WbPlan | None:
    """The best tile over rows of `row` pixels; None where pairs do not pay or the sums are too long."""
    words, taps = conv.weights.shape[3], conv.kernel[0] * conv.kernel[1]
    outputs = conv.weights.shape[0] // conv.groups
    if not isa.is_neon or words < 2 or taps * words * WORD_BITS > MAX_SUM:
        return None
    plans = _plans(words, outputs, row, packed)
    return min(plans, key=lambda plan: _instructions(plan, row, taps))


def _plans(words: int, outputs: int, row: int, packed: bool) -> Iterator[WbPlan]:
    """Every tile whose operands fit the registers."""
    unit = WORD_BITS if packed else CHANNELS
    channels = -(-outputs // unit) * unit
    for most in (4, 2, 1):
        pairs = pairing(words, most)
        for groups in (1, 2, 4):
            width = groups * CHANNELS
            for pixels in range(1, min(row, MAX_PIXELS) + 1):
                if channels % width == 0 and _registers(pairs, groups, pixels) <= REGISTERS:
                    yield WbPlan(pairs, Tiling(CHANNELS, groups, channels // width, pixels))


def _registers(pairs: Pairing, groups: int, pixels: int) -> int:
    """Sums, weights, a pixel's pair, and what is on its way through counting and adding."""
    weights = groups * CHANNELS * pairs.half // 4
    return pixels * groups + 2 * weights + 2 + 2 + (2 * pairs.half).bit_length()


def _instructions(plan: WbPlan, row: int, taps: int) -> float:
    """Of a row and a panel, per output channel."""
    pixels, groups = plan.tiling.pixels, plan.tiling.vectors
    weights = plan.tiling.width * plan.pairing.half // 4
    step = 4 * pixels * weights + weights + pixels
    steps = taps * plan.pairing.pairs
    ends = pixels * (8 + 6 * groups) + 16
    return -(-row // pixels) * (steps * (step + 2) + ends) / plan.tiling.width
