"""Convolutions of the simulator equal the slow definition on plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs import random_values
from tests.sim.cases import assert_as_slow, integers, packed

from bnnc.ir.elem import B1_01, B1_PM, I8, TER, U8, Elem, elem
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.sim.bits import pack

CHANNELS = [1, 31, 32, 33, 63, 64, 65, 129]
VALUES = [B1_PM, B1_01, TER, *(elem(name) for name in ("u2", "u3", "i2", "i4"))]
WEIGHTS = [B1_PM, B1_01, TER, *(elem(name) for name in ("i2", "i3", "i4"))]
WINDOWS: list[tuple[Pair, Pair, Pads, Pair]] = [
    ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((3, 2), (2, 3), (2, 0, 1, 1), (1, 2)),
    ((2, 5), (1, 2), (0, 4, 1, 3), (2, 1)),
    ((4, 5), (3, 1), (3, 3, 3, 3), (1, 1)),
    ((5, 5), (1, 1), (0, 0, 0, 0), (1, 1)),
]


def check(
    value: Elem, weight: Elem, size: tuple[int, int, int], n_out: int, window: tuple[Pair, Pair, Pads, Pair],
    pad_value: int, seed: int,
) -> None:  # fmt: skip
    """The same convolution as `Conv2d` and on packed words: both equal the slow definition and each other."""
    rng = np.random.default_rng(seed)
    kernel, *rest = window
    x = random_values(rng, value, (2, *size))
    weights = random_values(rng, weight, (n_out, *kernel, size[2]))
    plain = assert_as_slow(Conv2d("n", integers(value, size), weights, weight, *rest, 1, pad_value), x)
    words = pack(weights, weight)
    if value == weight == B1_PM and abs(pad_value) <= 1:
        xnor = XnorConv2d("n", packed(value, size), words[:, :, :, 0], *rest, pad_value)
        np.testing.assert_array_equal(assert_as_slow(xnor, x), plain)
    bitwise = BitConv2d("n", packed(value, size), words, weight, *rest, pad_value)
    np.testing.assert_array_equal(assert_as_slow(bitwise, x), plain)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("pad_value", [0, -1, 1])
def test_binary(channels: int, window: tuple[Pair, Pair, Pads, Pair], pad_value: int) -> None:
    for n_out in (1, 5, 33):
        check(B1_PM, B1_PM, (5, 6, channels), n_out, window, pad_value, seed=channels)


@pytest.mark.parametrize("value", VALUES, ids=str)
@pytest.mark.parametrize("weight", WEIGHTS, ids=str)
@pytest.mark.parametrize("pad_value", [0, -1, 1, 2])
def test_every_pair_of_types(value: Elem, weight: Elem, pad_value: int) -> None:
    for channels in (1, 32, 33):
        for window in WINDOWS[1:4]:
            check(value, weight, (5, 6, channels), 3, window, pad_value, seed=channels)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_window(data: st.DataObject) -> None:
    value, weight = data.draw(st.sampled_from(VALUES)), data.draw(st.sampled_from(WEIGHTS))
    kernel = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilations = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = data.draw(st.tuples(*[st.integers(0, 5)] * 4))
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    least = [max(1, spans[axis] - pads[axis] - pads[axis + 2]) for axis in (0, 1)]
    rows, columns = (data.draw(st.integers(n, n + 4)) for n in least)
    size, window = (rows, columns, data.draw(st.sampled_from(CHANNELS))), (kernel, strides, pads, dilations)
    check(value, weight, size, 4, window, data.draw(st.integers(-1, 1)), seed=rows)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("pad_value", [0, -3])
def test_groups(groups: int, window: tuple[Pair, Pair, Pads, Pair], pad_value: int) -> None:
    rng = np.random.default_rng(groups)
    kernel, *rest = window
    weights = random_values(rng, I8, (12, *kernel, 6 // groups))
    op = Conv2d("n", integers(U8, (5, 7, 6)), weights, I8, *rest, groups, pad_value)
    assert_as_slow(op, random_values(rng, U8, (3, 5, 7, 6)))


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("pad_value", [0, -1, 1])
def test_groups_of_whole_words(groups: int, words: int, pad_value: int) -> None:
    """Packed and plain, b1_pm and planes: the same sums."""
    rng, depth = np.random.default_rng(groups), 32 * words
    size = (4, 5, groups * depth)
    for value, weight in [(B1_PM, B1_PM), (TER, B1_PM), (B1_PM, TER), (TER, TER)]:
        for kernel, *rest in WINDOWS[:4]:
            x = random_values(rng, value, (2, *size))
            weights = random_values(rng, weight, (2 * groups, *kernel, depth))
            conv = Conv2d("n", integers(value, size), weights, weight, *rest, groups, pad_value)
            plain = assert_as_slow(conv, x)
            packed_weights = pack(weights, weight)
            options = (*rest, pad_value, groups)
            bitwise = BitConv2d("n", packed(value, size), packed_weights, weight, *options)
            np.testing.assert_array_equal(assert_as_slow(bitwise, x), plain)
            if value == weight == B1_PM:
                xnor = XnorConv2d("n", packed(value, size), packed_weights[:, :, :, 0], *options)
                np.testing.assert_array_equal(assert_as_slow(xnor, x), plain)


@pytest.mark.parametrize("kind", ["u8", "i16", "b1_pm"])
def test_one_weight_for_every_channel(kind: str) -> None:
    """Depthwise: as many groups as channels."""
    value, rng = elem(kind), np.random.default_rng(1)
    x = random_values(rng, value, (2, 4, 5, 33))
    weights = random_values(rng, B1_PM, (66, 3, 3, 1))
    assert_as_slow(Conv2d("n", integers(value, (4, 5, 33)), weights, B1_PM, pads=(1,) * 4, groups=33), x)


@pytest.mark.parametrize("value", ["u8", "i16", "i24"])
def test_sums_beyond_the_integers_of_float32_are_exact(value: str) -> None:
    """i16 x i8 needs float64 products; extremes everywhere make the largest sums. i24 wraps around."""
    kind, rng = elem(value), np.random.default_rng(0)
    x = np.where(rng.random((1, 3, 3, 200)) < 0.5, kind.hi, kind.lo).astype(kind.dtype)
    weights = np.where(x > 0, 127, -127).astype(np.int8)
    assert_as_slow(Conv2d("n", integers(kind, (3, 3, 200)), weights, I8), x)


def test_more_taps_than_a_short_counter_holds() -> None:
    """65,536 differing bits do not wrap around."""
    x = np.ones((1, 1, 1, 2**16), np.int8)
    op = XnorConv2d("n", packed(B1_PM, (1, 1, 2**16)), np.zeros((1, 1, 1, 2**11), np.uint32))
    assert assert_as_slow(op, x).ravel().tolist() == [-(2**16)]


def test_batches_larger_than_a_cached_part() -> None:
    rng = np.random.default_rng(0)
    weights = random_values(rng, B1_PM, (600, 1, 1, 64))
    x = random_values(rng, B1_PM, (130, 1, 1, 64))
    assert_as_slow(XnorConv2d("n", packed(B1_PM, (1, 1, 64)), pack(weights, B1_PM)[:, :, :, 0]), x)
