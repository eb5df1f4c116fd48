"""Convolutions for the tests of the WB kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from tests.arm.kernel_cases import Conv
from tests.arm.kernel_runner import Case

from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_neon import CHANNELS, weight_registers
from bnnc.arm.kernels.wb_neon_loop import REGISTERS, NeonLoop
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_plan import WbPlan
from bnnc.ir.elem import B1_PM, TER
from bnnc.ir.geometry import Pair
from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.packed_ops import Pack, XnorConv2d

ONE = np.array(1, np.float32)
# H = W and C of the published 3x3 layers, the instructions to reach and those to hope for.
FIGURES = {(56, 64): 2_300_000, (28, 128): 2_100_000, (14, 256): 2_000_000, (7, 512): 2_000_000}


def binary_layer(size: Pair, channels: int, pad_value: int = 0, outputs: int | None = None) -> Case:
    """3x3, stride 1, pad 1, from bits to bits by one cut a channel, which may go either way or be no cut."""
    rng, outputs = np.random.default_rng(channels), outputs or channels
    conv = Conv(B1_PM, B1_PM, (*size, channels), outputs, (3, 3), pads=(1, 1, 1, 1), pad_value=pad_value)
    case = conv.binary(channels)
    reach = 9 * channels
    cuts = rng.integers(-40, 41, (outputs, 1)).astype(np.int32)
    cuts[:6, 0] = (NO_CUT, -(2**31), -reach, -reach + 1, reach, reach + 1)
    base = rng.choice([-1, 1], outputs).astype(np.int32)
    jumps = np.where(cuts == NO_CUT, 0, -2 * base[:, None]).astype(np.int32)
    step = Threshold("t", case.ops[0], base, cuts, jumps, ONE, B1_PM)
    return Case((*case.ops, step, Pack("p", step)), case.x)


def geometry_cases() -> Iterator[Conv]:
    """Strides, dilations, kernels, pads of every kind, maps smaller than a tile, odd numbers of words."""
    base = Conv(B1_PM, B1_PM, (7, 11, 64), 32, (3, 3), pads=(1, 1, 1, 1), behind=B1_PM)
    for i, pad_value in enumerate((0, 1, -1)):
        one = replace(base, pad_value=pad_value)
        yield replace(one, shape=(6, 9, 33 + 64 * i), pads=(2, 0, 1, 2), strides=(2, 1))
        yield replace(one, shape=(9, 8, 129), pads=(2, 2, 2, 2), dilations=(2, 2), strides=(1, 3), outputs=40)
        yield replace(one, shape=(5, 6, 250), kernel=(5, 2), pads=(4, 1, 4, 1), behind=None, outputs=9)
        yield replace(one, shape=(2, 2, 96), kernel=(5, 5), pads=(3, 3, 3, 3), behind=TER, outputs=70)
        yield replace(one, shape=(1, 1, 128), outputs=33)
        yield replace(one, shape=(4, 19, 128), outputs=64, behind=(None, B1_PM, TER)[i])
    yield replace(base, shape=(4, 4, 64), kernel=(4, 4), pads=(0, 0, 0, 0))
    yield replace(base, shape=(6, 5, 96), kernel=(1, 1), pads=(0, 0, 0, 0), outputs=70)
    yield replace(base, shape=(6, 5, 96), kernel=(1, 1), pads=(0, 0, 0, 0), strides=(2, 2))
    yield replace(base, shape=(1, 1, 640), kernel=(1, 1), pads=(0, 0, 0, 0), outputs=100)
    yield replace(base, shape=(4, 40, 64), kernel=(1, 3), pads=(0, 0, 0, 0), dilations=(1, 4))
    yield replace(base, shape=(9, 180, 512), outputs=8, behind=None)  # rows too far apart for one pointer
    yield replace(base, shape=(23, 3, 64), outputs=24)  # columns of the border alone, in tiles and single
    yield replace(base, shape=(3, 3, 1792), outputs=33)  # the longest sum: 9 * 1792 = 16128


def group_cases() -> Iterator[Conv]:
    """Groups that fill panels, that end inside of them, and that end inside a word."""
    base = Conv(B1_PM, B1_PM, (6, 7, 128), 64, (3, 3), pads=(1, 1, 1, 1), groups=2, behind=B1_PM)
    for i, outputs in enumerate((64, 128, 20, 34, 16)):
        yield replace(base, outputs=outputs, pad_value=(0, 1, -1)[i % 3])
        yield replace(base, outputs=outputs, behind=(None, TER)[i % 2], packed=i % 3 > 0)
    yield replace(base, shape=(5, 5, 256), outputs=32, groups=4, strides=(2, 2))


def tiles(conv: XnorConv2d) -> Iterator[WbPlan]:
    """Tiles of 8, 16 and 32 channels, for every way to pair the words, and odd numbers of pixels."""
    words, outputs = conv.weights.shape[3], conv.weights.shape[0] // conv.groups
    for half in (half for half in (1, 2, 4) if words % half == 0):
        for groups in (n for n in (1, 2, 4) if outputs % (n * CHANNELS) == 0):
            for pixels in (1, 3, 8, 17):
                plan = Pairing(words, half)
                loop = NeonLoop(pixels, groups, weight_registers(plan), 0)
                if loop.fits and loop.n_sums + len(loop.others) <= REGISTERS:
                    yield WbPlan(plan, Tiling(CHANNELS, groups, outputs // (groups * CHANNELS), pixels))
