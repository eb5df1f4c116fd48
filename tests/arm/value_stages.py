"""Stages of the value path for the tests of kernels: rescales, sums, moves of channels, sparse layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tests.arm.kernel_cases import I17, ONE, SIZES, U3, Conv
from tests.arm.kernel_runner import Case, planes_of, values_of
from tests.graphs import accumulators, random_threshold, random_values
from tests.value_cases import FARTHEST, LARGEST, gap_coded, only_clipping, random_rescale, random_sparse

from bnnc.ir.elem import B1_PM, I8, I16, I32, TER, U8, Elem, elem
from bnnc.ir.integer_ops import NO_CUT, MaxPool2d, Narrow, SumPool2d, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack, Unpack
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.sim.bits import pack

LOWEST, HIGHEST = -(2**31), 2**31 - 1
ODD = (1, 31, 32, 33, 63, 64, 65, 127, 129)


def wide_values(shape: tuple[int, ...]) -> Op:
    """An operation whose result are 32-bit integers."""
    part = values_of(I16, shape)
    return AddMaps("wide", part, part, I32)


def rescale_cases(seed: int) -> Iterator[Case]:
    """On their own and behind layers, alone, in a row, and in front of bits."""
    rng = np.random.default_rng(seed)
    for i, channels in enumerate(ODD):
        numbers = (I8, I16, I17)[i % 3]
        x, codes = values_of(numbers, (2, 3, channels)), random_values(rng, numbers, (2, 3, channels))
        first = _rescale(rng, x, (I16, U8, elem("i28"))[i % 3])
        second = _rescale(rng, first, (I8, U3, TER)[i % 3])
        step = random_threshold(rng, second, "t", (B1_PM, TER, U3)[i % 3])
        yield Case((first,), codes)
        yield Case((first, second), codes)
        yield Case((first, second, step, Pack("p", step)), codes)
        middle = random_values(rng, first.elem, (2, 3, channels)).clip(first.lo, first.hi)
        yield Case((second, Pack("p", second)), middle)
        for head in _layers(i, channels):
            value = _rescale(rng, head.ops[-1], (I16, elem("u4"), elem("i28"), I8)[i % 4])
            yield Case((*head.ops, value), head.x)
            bits = random_threshold(rng, value, "t", B1_PM)
            yield Case((*head.ops, value, bits, Pack("p", bits)), head.x)


def _layers(i: int, channels: int) -> Iterator[Case]:
    """Convolutions and pools of so many channels."""
    window = ((3, 3), (1, 2), (1, 1, 1, 1))
    yield Conv(B1_PM, B1_PM, (4, 5, SIZES[i % 8]), channels, *window, pad_value=i % 3 - 1).binary(i)
    yield Conv((I8, I16)[i % 2], (I8, B1_PM)[i % 2], (4, 5, 7), channels, *window).integer(i)
    for numbers in (I16, U8):
        codes = random_values(np.random.default_rng(i), numbers, (4, 5, channels))
        x = values_of(numbers, codes.shape)
        yield Case((SumPool2d("s", x, *window),), codes)
        yield Case((MaxPool2d("m", x, *window),), codes)


def _rescale(rng: np.random.Generator, x: Op, kind: Elem) -> Rescale:
    return random_rescale(rng, x, "r", kind, *accumulators(x))


def extreme_rescale_cases() -> Iterator[Case]:
    """Largest multipliers and offsets, shifts of 0 and 40, pivots at the ends, both ends of every type."""
    values = np.array([LOWEST, LOWEST + 1, -1000, -1, 0, 1, 999, HIGHEST - 1, HIGHEST], np.int32)
    multipliers = [(a, b) for a in (-LARGEST, 1, LARGEST) for b in (-LARGEST, 0, LARGEST)]
    for shift in (0, 1, 17, 31, 32, 33, 40):
        for pivot in (LOWEST, -1, 0, 1000, HIGHEST):
            for bound, numbers in ((FARTHEST, I32), (1 << 30, I32), (1 << 20, elem("i9"))):
                offsets = [(0, 0), (bound, -bound), (-bound, bound - 1)]
                yield from _extremes(multipliers, offsets, shift, pivot, values, numbers)


def _extremes(
    multipliers: list[tuple[int, int]],
    offsets: list[tuple[int, int]],
    shift: int,
    pivot: int,
    values: Array,
    numbers: Elem,
) -> Iterator[Case]:
    """One channel for every pair of lines; a pixel for every value."""
    lines = [(m, b) for m in multipliers for b in offsets]
    multiplier, offset = (np.array([line[i] for line in lines]).T for i in (0, 1))
    channels, codes = len(lines), np.clip(values, numbers.lo, numbers.hi).astype(numbers.dtype)
    shape = (1, len(values), channels)
    x = wide_values(shape) if numbers == I32 else values_of(numbers, shape)
    column = np.full(channels, pivot, np.int32), np.full(channels, shift, np.int32)
    codes = np.repeat(codes[None, :, None], channels, axis=2)
    for lo, hi, kind in ((-128, 127, I8), (LOWEST, HIGHEST, I32), (0, 200, U8)):
        op = Rescale("r", x, column[0], multiplier.astype(np.int32), offset, column[1], ONE, lo, hi, kind)
        yield Case((op,), codes)
    constant = np.full((channels, 1), NO_CUT, np.int32)
    wide = Rescale(
        "r", x, column[0], multiplier.astype(np.int32), offset, column[1], ONE, LOWEST, HIGHEST, I32
    )
    step = Threshold("t", wide, np.ones(channels, np.int32), constant, 0 * constant, ONE, B1_PM)
    yield Case((wide, step, Pack("p", step)), codes)


def sum_cases(seed: int) -> Iterator[Case]:
    """A layer, its rescale, another branch, clips, a PReLU, bits: all in one stage; and sums on their own."""
    rng = np.random.default_rng(seed)
    for i, channels in enumerate(ODD):
        case = Conv(B1_PM, B1_PM, (4, 5, 40), channels, (3, 3), pads=(1, 1, 1, 1)).binary(i)
        branch = _rescale(rng, case.ops[-1], elem("i12"))
        shape = branch.type.shape
        stream, codes = values_of(I16, shape), rng.integers(-(2**14), 2**14, shape).astype(np.int16)
        total = AddMaps("a", *((stream, branch) if i % 2 else (branch, stream)), elem("i17"))
        clip = only_clipping(rng, total, "c", I16.lo, I16.hi, I16)
        yield Case((*case.ops, branch, total, clip), case.x, (codes,))
        relu = random_rescale(rng, clip, "p", I16, np.zeros(channels), 1 << 12)
        bits = random_threshold(rng, relu, "t", (B1_PM, TER)[i % 2])
        yield Case((*case.ops, branch, total, clip, relu, bits, Pack("p", bits)), case.x, (codes,))
        other = values_of(I8, shape)
        alone = AddMaps("a", stream, other, elem("i18"))
        small = random_values(rng, I8, shape)
        yield Case((alone,), codes, (small,))
        yield Case((AddMaps("a", stream, stream, elem("i18")),), codes)
        signs = random_threshold(rng, alone, "t", B1_PM)
        yield Case((alone, signs, Pack("p", signs)), codes, (small,))
        again = AddMaps("b", alone, other, elem("i19"))
        yield Case((alone, again), codes, (small,))


def move_cases(seed: int) -> Iterator[Case]:
    """Channels joined, split, doubled and shuffled, as they are and with what follows."""
    rng = np.random.default_rng(seed)
    wide = wide_values((2, 2, 3))
    numbers = random_values(rng, I32, wide.type.shape)
    yield Case((ConcatChannels("j", wide, wide),), numbers)
    for i, channels in enumerate(ODD):
        kind = (I8, I16, B1_PM, U8)[i % 4]
        a, b = values_of(kind, (3, 2, channels)), values_of(kind, (3, 2, ODD[-1 - i]))
        codes, others = random_values(rng, kind, a.type.shape), random_values(rng, kind, b.type.shape)
        joined = ConcatChannels("j", a, b)
        bits = random_threshold(rng, joined, "t", (B1_PM, TER)[i % 2])
        yield Case((joined,), codes, (others,))
        yield Case((joined, bits, Pack("p", bits)), codes, (others,))
        yield Case((ConcatChannels("j", a, a),), codes)
        half, everything = (channels + 1) // 2, np.arange(channels)
        for index in (
            everything[:half],
            everything[half - 1 :],
            np.tile(everything, 2),
            rng.permutation(channels),
        ):
            moved = GatherChannels("g", a, index.astype(np.int32))
            yield Case((moved,), codes)
            value = random_rescale(rng, moved, "r", I8, np.zeros(len(index)), 100)
            yield Case((moved, value), codes)
    x = planes_of(TER, (2, 2, 70))
    words = pack(random_values(rng, TER, (2, 2, 70)), TER)
    plain = Unpack("u", x)
    yield Case(
        (plain, AddMaps("a", plain, values_of(I8, (2, 2, 70)), I16)), words, (np.ones((2, 2, 70), np.int8),)
    )
    yield Case((plain, Narrow("n", _rescale(rng, plain, I16), I8))[:1], words)


def sparse_cases(seed: int) -> Iterator[Case]:
    """Inputs of every kind, dense and nearly empty rows, wide and narrow entries, and what follows."""
    rng = np.random.default_rng(seed)
    for i, channels in enumerate(ODD):
        for kind in (I8, U8, I16, B1_PM):
            shape = (1, 1, channels) if i % 2 else (2, 3, channels)
            x, codes = values_of(kind, shape), random_values(rng, kind, shape)
            layer = random_sparse(rng, x, "s", ODD[-1 - i], max(-kind.lo, kind.hi))
            yield Case((layer,), codes)
            value = random_rescale(rng, layer, "r", I8, np.zeros(ODD[-1 - i]), 1 << 12)
            yield Case((layer, value), codes)
    yield from full_sparse_cases()


def full_sparse_cases() -> Iterator[Case]:
    """Long rows: one weight for all (sums pay), and 255 different ones (products pay)."""
    rng = np.random.default_rng(0)
    for kind, codes in ((I16, np.ones((5, 700), int)), (I8, rng.integers(0, 255, (5, 700)))):
        rows = [gap_coded(np.arange(0, 2800, 4), row, 8, 255) for row in codes]
        table = np.append(rng.integers(-20, 20, 255), 0).astype(np.int16)
        gaps, stored = (np.concatenate([row[i] for row in rows]).astype(np.uint8) for i in (0, 1))
        starts = np.arange(0, 3501, 700, dtype=np.int32)
        x = values_of(kind, (1, 1, 2800))
        layer = SparseDense("s", x, starts, gaps, stored, table, 8, 8)
        yield Case((layer,), random_values(rng, kind, (1, 1, 2800)))
