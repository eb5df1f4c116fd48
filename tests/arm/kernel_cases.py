"""Stages for the tests of kernels, at sizes around every boundary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from tests.arm.kernel_runner import Case, planes_of, values_of
from tests.graphs import random_threshold, random_values

from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, TER, Elem, elem, range_elem
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.integer_ops import NO_CUT, Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedConv, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.sim.bits import pack

U2, U3, U8, I2, I17 = (elem(name) for name in ("u2", "u3", "u8", "i2", "i17"))
SIZES = (1, 31, 32, 33, 63, 64, 65, 129)
ONE = np.array(1, np.float32)


@dataclass(frozen=True)
class Conv:
    """A convolution, and the element type behind it: None for raw sums; bit planes where `packed`."""

    x: Elem
    w: Elem
    shape: tuple[int, int, int]
    outputs: int
    kernel: Pair = (1, 1)
    strides: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    dilations: Pair = (1, 1)
    pad_value: int = 0
    groups: int = 1
    behind: Elem | None = None
    packed: bool = True

    def binary(self, seed: int) -> Case:
        """On bit planes."""
        rng = np.random.default_rng(seed)
        conv = self._plain(rng)
        words = pack(conv.weights, self.w)
        geometry = (self.strides, self.pads, self.dilations, self.pad_value, self.groups)
        source = planes_of(self.x, self.shape)
        if (self.x, self.w) == (B1_PM, B1_PM):
            lowered: PackedConv = XnorConv2d("c", source, words[:, :, :, 0], *geometry)
        else:
            lowered = BitConv2d("c", source, words, self.w, *geometry)
        return Case(self._chain(rng, conv, lowered), pack(random_values(rng, self.x, self.shape), self.x))

    def integer(self, seed: int) -> Case:
        """On plain integers."""
        rng = np.random.default_rng(seed)
        conv = self._plain(rng)
        return Case(self._chain(rng, conv, conv), random_values(rng, self.x, self.shape))

    def _plain(self, rng: np.random.Generator) -> Conv2d:
        weights = random_values(rng, self.w, (self.outputs, *self.kernel, self.shape[2] // self.groups))
        geometry = (self.strides, self.pads, self.dilations, self.groups, self.pad_value)
        return Conv2d("c", values_of(self.x, self.shape), weights, self.w, *geometry)

    def _chain(self, rng: np.random.Generator, plain: Conv2d, conv: Op) -> tuple[Op, ...]:
        if self.behind is None:
            return (conv,)
        step = replace(random_threshold(rng, plain, "t", self.behind), x=conv)
        return (conv, step, Pack("p", step)) if self.packed else (conv, step)


def channel_cases() -> Iterator[Conv]:
    """Every number of channels on both sides of a word, dense and 3 x 3."""
    for i, channels in enumerate(SIZES):
        outputs = SIZES[-1 - i]
        behind = (None, B1_PM, TER, U3)[i % 4]
        yield Conv(B1_PM, B1_PM, (1, 1, channels), outputs, behind=behind)
        yield Conv(B1_PM, B1_PM, (5, 6, channels), outputs, (3, 3), pads=(1, 1, 1, 1), behind=B1_PM)


def geometry_cases() -> Iterator[Conv]:
    """Strides, dilations and pads of every kind, tiles that do not fit, kernels as large as the map."""
    base = Conv(B1_PM, B1_PM, (7, 11, 40), 24, (3, 3), behind=B1_PM)
    for pad_value in (0, 1, -1):
        yield replace(base, pads=(1, 1, 1, 1), pad_value=pad_value)
        yield replace(base, pads=(2, 0, 1, 2), pad_value=pad_value, strides=(2, 1))
        yield replace(base, pads=(2, 2, 2, 2), pad_value=pad_value, dilations=(2, 2), strides=(1, 3))
        yield replace(base, kernel=(5, 2), pads=(4, 1, 4, 1), pad_value=pad_value, behind=None)
        yield replace(base, shape=(2, 2, 33), kernel=(5, 5), pads=(3, 3, 3, 3), pad_value=pad_value)
    yield replace(base, shape=(4, 4, 64), kernel=(4, 4))
    yield replace(base, shape=(9, 4, 64), kernel=(3, 4), strides=(2, 1))
    yield replace(base, shape=(6, 5, 96), kernel=(1, 1), outputs=70)
    yield replace(base, shape=(6, 5, 96), kernel=(1, 1), strides=(2, 2))
    yield replace(base, shape=(4, 40, 20), kernel=(1, 3), dilations=(1, 4))


def long_sum_cases() -> Iterator[Conv]:
    """Sums that bytes cannot count in one go."""
    yield Conv(B1_PM, B1_PM, (1, 1, 3000), 40)
    yield Conv(B1_PM, B1_PM, (3, 3, 1100), 33, (3, 3), pads=(1, 1, 1, 1), pad_value=-1, behind=B1_PM)
    yield Conv(B1_PM, B1_PM, (4, 5, 520), 20, (3, 3), behind=TER)
    yield Conv(TER, B1_PM, (4, 5, 330), 20, (3, 3), pads=(1, 1, 1, 1), behind=TER)
    yield Conv(B1_01, B1_01, (6, 6, 60), 9, (5, 5), pads=(2, 2, 2, 2), behind=B1_01)


def plane_cases() -> Iterator[Conv]:
    """Pairs of element types, with planes of either sign."""
    for i, (x, w) in enumerate(
        [(TER, B1_PM), (B1_PM, TER), (TER, TER), (B1_01, B1_PM), (B1_PM, B1_01), (U2, B1_PM), (I2, I2)]
        + [(U2, TER), (B1_PM, I2), (U3, B1_PM), (elem("u4"), B1_PM), (B1_01, elem("i4")), (elem("i3"), B1_01)]
    ):
        pad_value = (0, 1, -1)[i % 3]
        case = Conv(x, w, (5, 6, 45), 37, (3, 3), pads=(1, 0, 1, 1), pad_value=pad_value)
        yield case
        yield replace(case, shape=(4, 4, 70), outputs=64, behind=(B1_PM, TER, U2, I2)[i % 4], strides=(1, 2))
    yield Conv(TER, B1_PM, (3, 3, 64), 96, (2, 2), behind=I8, packed=False)


def integer_cases() -> Iterator[Conv]:
    """Plain integers of several widths, grouped and depthwise ones."""
    pads = (1, 1, 1, 1)
    yield Conv(I8, B1_PM, (6, 7, 3), 64, (3, 3), behind=B1_PM)
    for i, channels in enumerate(SIZES):
        yield Conv(elem("u8"), I8, (1, 1, channels), SIZES[-1 - i], behind=(None, U3, B1_PM)[i % 3])
    for pad_value in (0, -1, 7):
        yield Conv(I8, I8, (5, 7, 33), 31, (3, 3), (2, 1), (2, 0, 1, 1), (1, 2), pad_value, behind=TER)
    yield Conv(I16, I8, (5, 7, 5), 33, (3, 2), pads=(1, 0, 1, 0), pad_value=300, behind=I8, packed=False)
    yield Conv(elem("u16"), elem("i10"), (4, 5, 4), 20, (2, 2), behind=elem("i4"), packed=False)
    yield Conv(elem("i20"), I2, (3, 3, 9), 5, (3, 3), pads=pads)
    for outputs, groups in ((64, 64), (66, 3), (33, 33), (12, 6), (16, 16), (128, 128)):
        channels = groups if outputs in (64, 33, 16, 128) else 2 * groups
        conv = Conv(I8, I8, (5, 6, channels), outputs, (3, 3), pads=pads, pad_value=1, groups=groups)
        yield conv
        yield replace(conv, strides=(2, 1), behind=U2)
        yield replace(conv, dilations=(2, 2), behind=I8, packed=False)
        yield replace(conv, x=I16, w=TER, behind=B1_PM)
    yield Conv(I16, elem("i12"), (3, 3, 2), 20, (2, 2), groups=2, behind=TER)
    yield Conv(I16, B1_PM, (4, 4, 254), 127, (3, 3), pads=pads, groups=127, behind=B1_PM)
    yield Conv(elem("u4"), TER, (4, 4, 127), 127, (3, 3), pads=pads, groups=127)


def many_weight_cases() -> Iterator[Conv]:
    """So many weights that they are stored in their bits: dense, of few and many pixels, in groups."""
    for i, kind in enumerate((B1_PM, TER, B1_01, elem("i4"), U3, I8)):
        behind = (None, B1_PM, U3)[i % 3]
        yield Conv(I8, kind, (1, 1, 300), 60, behind=behind)
        yield Conv(
            (elem("u8"), I16)[i % 2], kind, (7, 7, 65), 33, (3, 3), pads=(1, 0, 1, 1), pad_value=i % 3 - 1
        )
        yield Conv(I8, kind, (3, 3, 160), 256, (3, 3), pads=(1, 1, 1, 1), groups=2, behind=behind)
    yield Conv(elem("i20"), B1_PM, (2, 2, 80), 64, (2, 2))
    yield Conv(I8, B1_PM, (1, 4, 4100), 8)


def grouped_cases() -> Iterator[Conv]:
    """Groups of whole words, whose outputs fill words or end anywhere."""
    kinds = [(B1_PM, B1_PM), (TER, B1_PM), (B1_01, B1_PM), (U2, B1_PM), (I2, I2), (B1_PM, TER)]
    for i, (x, w) in enumerate(kinds):
        pad_value = (0, 1, -1)[i % 3] if x.is_signed else 0
        for j, (groups, inputs, outputs) in enumerate(
            ((2, 64, 64), (2, 128, 10), (3, 96, 96), (4, 128, 132))
        ):
            behind = (None, B1_PM, TER, U3)[(i + j) % 4]
            shape, pads = (4, 5, inputs), (1, 1, 1, 1)
            window = Conv(x, w, shape, outputs, (3, 3), (1, 1 + j % 2), pads, (1, 1), pad_value, groups)
            yield replace(window, behind=behind)
    for groups, outputs in ((4, 64), (3, 48), (8, 32), (2, 24), (2, 16), (4, 4)):
        for x in (B1_PM, B1_01):
            yield Conv(
                x, B1_PM, (3, 3, 32 * groups), outputs, (2, 2), groups=groups, behind=(B1_PM, TER)[groups % 2]
            )


def full_count_cases() -> Iterator[Case]:
    """All bits differ, for as many words as fill a byte's count, and one more or less."""
    for words in (30, 31, 32, 33, 62, 63):
        case = Conv(B1_PM, B1_PM, (1, 1, 32 * words), 33).binary(0)
        (conv,) = case.ops
        assert isinstance(conv, XnorConv2d)
        yield Case((replace(conv, weights=np.zeros_like(conv.weights)),), np.full_like(case.x, 2**32 - 1))
        rows = Conv(B1_PM, B1_PM, (words, 2, 30), 9, (words, 1)).binary(0)
        (conv,) = rows.ops
        assert isinstance(conv, XnorConv2d)
        yield Case((replace(conv, weights=np.zeros_like(conv.weights)),), np.full_like(rows.x, 2**30 - 1))


def table_case(seed: int, packed: bool) -> Case:
    """A convolution into a table."""
    rng = np.random.default_rng(seed)
    case = Conv(B1_PM, B1_PM, (4, 5, 64), 50, (3, 3)).binary(seed)
    first = rng.integers(-200, 100, 50).astype(np.int32)
    table = Table("t", case.ops[0], first, random_values(rng, I8, (50, 40)), ONE, 3, I8)
    return Case((*case.ops, table, Pack("p", table)) if packed else (*case.ops, table), case.x)


def pixelwise_cases(seed: int) -> Iterator[Case]:
    """Steps, tables and changes of layout on their own, on maps and vectors."""
    rng = np.random.default_rng(seed)
    for channels in SIZES:
        x = values_of(I8, (3, 2, channels))
        codes = random_values(rng, I8, x.type.shape)
        step = random_threshold(rng, x, "t", (B1_PM, TER, U3, I8)[channels % 4])
        yield Case((step,), codes)
        yield Case((step, Pack("p", step)), codes)
        yield Case((Pack("p", x),), codes)
        planes = planes_of(U3, x.type.shape)
        words = pack(random_values(rng, U3, x.type.shape), U3)
        yield Case((Unpack("u", planes),), words)
        yield Case((ChannelsFirst("f", x),), codes)
        last = ChannelsLast("l", x)
        yield Case((last,), codes)
        step = random_threshold(rng, last, "t", B1_PM)
        yield Case((last, step, Pack("p", step)), codes)
    many = random_threshold(rng, values_of(I16, (70,)), "t", elem("u8"))
    yield Case((many,), random_values(rng, I16, (70,)))
    for kind in (B1_PM, B1_01, TER):
        planes = planes_of(kind, (2, 2, 40))
        yield Case((Unpack("u", planes),), pack(random_values(rng, kind, (2, 2, 40)), kind))
    none = values_of(I8, (1, 1, 40))
    base, empty = rng.choice([-1, 1], 40).astype(np.int32), np.zeros((40, 0), np.int32)
    constant = Threshold("t", none, base, empty, empty, ONE, B1_PM)
    yield Case((constant, Pack("p", constant)), random_values(rng, I8, (1, 1, 40)))
    yield Case((constant,), random_values(rng, I8, (1, 1, 40)))


def extreme_cases() -> Iterator[Case]:
    """32-bit values at both ends of their range, through steps, a table and the order of equals."""
    values = np.array([-(2**31), 2**31 - 1, 0, -1, 2**31 - 1, 5, 5, -(2**31)], np.int32)
    x = SumPool2d("s", values_of(I8, (1, 1, 8)), (1, 1))
    cuts = np.array([[-(2**31), -(2**31) + 1, 2**31 - 2]] * 8, np.int32)
    step = Threshold("t", x, np.zeros(8, np.int32), cuts, np.ones_like(cuts), ONE, U2)
    yield Case((step,), values.reshape(1, 1, 8))
    first = np.array([2**31 - 1, -(2**31)] * 4, np.int32)
    table = Table("t", x, first, np.arange(24, dtype=np.int8).reshape(8, 3), ONE, 0, I8)
    yield Case((table,), values.reshape(1, 1, 8))
    for k in (1, 3, 8):
        yield Case((TopK("k", x, k),), values.reshape(1, 1, 8))


def pool_cases(seed: int) -> Iterator[Case]:
    """Pools of plain and packed maps, with pads, gaps and overlaps, alone and with what follows."""
    rng = np.random.default_rng(seed)
    for channels, kernel, strides, pads in (
        (1, (2, 2), (2, 2), (0, 0, 0, 0)),
        (33, (3, 3), (2, 2), (1, 1, 1, 1)),
        (64, (2, 3), (3, 1), (1, 0, 0, 2)),
        (70, (5, 6), (1, 1), (0, 0, 0, 0)),
    ):
        shape = (5, 6, channels)
        window = (kernel, strides, pads)
        for numbers in (I8, I17):
            x, codes = values_of(numbers, shape), random_values(rng, numbers, shape)
            for head in (MaxPool2d("m", x, *window), SumPool2d("s", x, *window)):
                yield Case((head,), codes)
                step = random_threshold(rng, head, "t", (TER, B1_PM)[channels % 2])
                yield Case((head, step, Pack("p", step)), codes)
        for kind in (B1_PM, B1_01, TER):
            pool = PackedMaxPool2d("m", planes_of(kind, shape), *window)
            yield Case((pool,), pack(random_values(rng, kind, shape), kind))


def narrow_cases(seed: int) -> Iterator[Case]:
    """The integers of convolutions, pools and maps in narrower types, packed where they fit."""
    for i, channels in enumerate(SIZES):
        few = min(channels, 15)
        yield from _narrowed(Conv(B1_01, B1_PM, (3, 4, 4 * few), SIZES[-1 - i], (1, 2)).binary(i), 120)
        yield from _narrowed(Conv(I2, I2, (3, 3, few), channels, (2, 1)).integer(i), 120)
        yield from _narrowed(Conv(I8, TER, (3, 3, 2 * channels), channels, groups=channels).integer(i), 256)
        codes = np.random.default_rng(seed + i).integers(-40, 41, (3, 4, channels)).astype(np.int32)
        wide = values_of(I17, (3, 4, channels))
        yield from _narrowed(Case((SumPool2d("s", wide, (3, 2), (2, 1), (1, 1, 0, 0)),), codes), 240)
        yield from _narrowed(Case((MaxPool2d("m", wide, (2, 2)),), codes), 40)
        yield from _narrowed(Case((ChannelsLast("l", wide),), codes), 40)
        yield Case((Narrow("n", wide, I8),), codes)
        bits = pack((codes > 0).astype(np.uint8), U3)
        yield from _narrowed(Case((Unpack("u", planes_of(U3, (3, 4, channels))),), bits), 1)


def _narrowed(case: Case, bound: int) -> Iterator[Case]:
    """The results, which lie between -bound and bound, in a narrower type, and as bit planes."""
    narrow = Narrow("n", case.ops[-1], range_elem(-bound, bound))
    yield Case((*case.ops, narrow), case.x)
    if narrow.elem.bits <= 8:
        yield Case((*case.ops, narrow, Pack("p", narrow)), case.x)


def byte_cases() -> Iterator[Case]:
    """Bytes by bytes of all magnitudes: products that fit 16 bits one by one, in chains, or not at all."""
    for i, (depth, outputs) in enumerate(
        ((1, 1), (3, 9), (15, 32), (16, 33), (17, 64), (64, 65), (100, 120))
    ):
        conv = Conv((I8, U8)[i % 2], I8, (1 + i % 3, 5, depth), outputs, behind=(None, I8, B1_PM)[i % 3])
        for bound in (128, 127, 63, 31):
            yield bounded(replace(conv, packed=conv.behind == B1_PM).integer(i), bound)
    window = Conv(U8, I8, (9, 11, 3), 24, (5, 5), (2, 2), (2, 2, 1, 2), behind=I16, packed=False)
    for i, shape in enumerate(((9, 11, 3), (8, 9, 16), (7, 7, 20), (6, 13, 1))):
        for x, pad_value in ((U8, 0), (U8, 255), (I8, -128), (I8, 5), (U3, 7), (TER, -1)):
            conv = replace(window, x=x, shape=shape, pad_value=pad_value, outputs=(24, 40, 70, 5)[i])
            yield bounded(conv.integer(i), (127, 31)[i % 2])
            yield bounded(replace(conv, dilations=(1, 2), strides=(1, 1)).integer(i), 127)
    dense = Conv(I8, I8, (4, 4, 64), 100, (4, 4))
    yield from (bounded(replace(dense, x=x).integer(i), 127 >> i) for i, x in enumerate((I8, U8, I8)))
    yield Conv(I8, B1_PM, (8, 8, 36), 72, (3, 3), pads=(1, 1, 1, 1), behind=B1_PM).integer(0)
    yield Conv(U8, B1_PM, (8, 8, 33), 70, (3, 3), pads=(1, 1, 1, 1), pad_value=9).integer(0)
    yield Conv(U8, B1_PM, (50, 50, 40), 48, (3, 3), pads=(1, 1, 1, 1), behind=I8, packed=False).integer(0)


def extreme_byte_cases() -> Iterator[Case]:
    """The largest products everywhere, of either sign."""
    for weight, x, kind in ((127, -128, I8), (-127, 255, U8), (-128, -128, I8), (31, -128, I8), (63, 0, U8)):
        for depth in (64, 65, 200):
            case = Conv(kind, I8, (1, 7, depth), 40).integer(0)
            (conv,) = case.ops
            assert isinstance(conv, Conv2d)
            same = replace(conv, weights=np.full_like(conv.weights, weight))
            yield Case((same,), np.full_like(case.x, x))


def bounded(case: Case, bound: int) -> Case:
    """The same with weights within -bound .. bound."""
    conv, *rest = case.ops
    assert isinstance(conv, Conv2d)
    ops: list[Op] = [replace(conv, weights=conv.weights.clip(max(-bound, -128), min(bound, 127)))]
    for op in rest:
        ops.append(replace(op, x=ops[-1]))  # type: ignore[call-arg]
    return Case(tuple(ops), case.x)


def sign_cases(seed: int) -> Iterator[Case]:
    """Bits of narrow integers, whose cuts lie at the ends of their range, past them, or are none."""
    rng = np.random.default_rng(seed)
    for i, channels in enumerate((32, 64, 96, 128, 160, 256, 40)):
        for kind in (I8, U8, I16, elem("u16")):
            lo, hi = kind.lo, kind.hi
            x, bits = values_of(kind, (3, 2, channels)), (B1_PM, B1_01)[i % 2]
            ends = np.array([lo - 9, lo, lo + 1, hi - 1, hi, hi + 1, NO_CUT, 0])
            cuts = rng.choice(ends, (channels, 1)).astype(np.int32)
            base = rng.choice((bits.lo, bits.hi), channels).astype(np.int32)
            jumps = np.where(cuts == NO_CUT, 0, (bits.lo + bits.hi - 2 * base)[:, None]).astype(np.int32)
            step = Threshold("t", x, base, cuts, jumps, ONE, bits)
            codes = rng.choice(ends[1:5], x.type.shape).astype(kind.dtype)
            yield Case((step, Pack("p", step)), codes)
