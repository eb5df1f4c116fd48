"""Pooling of plain and packed maps equals the slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs import random_values
from tests.sim.cases import assert_as_slow, integers, packed

from bnnc.ir.elem import B1_01, B1_PM, I16, I32, TER, Elem, elem
from bnnc.ir.geometry import Pads
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d
from bnnc.ir.packed_ops import PackedMaxPool2d
from bnnc.sim.bits import unpack

ELEMS = [B1_PM, B1_01, TER, *(elem(name) for name in ("u2", "i4", "u8", "i8")), I16, I32]
WORD_ELEMS = [B1_PM, B1_01, TER]
CHANNELS = [1, 31, 32, 33, 64, 65]


@pytest.mark.parametrize("kind", WORD_ELEMS, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 0, 1, 1)])
def test_maximum_on_words(kind: Elem, channels: int, pads: Pads) -> None:
    x = random_values(np.random.default_rng(channels), kind, (2, 6, 5, channels))
    plain = assert_as_slow(MaxPool2d("n", integers(kind, x.shape[1:]), (3, 2), (2, 1), pads), x)
    words = assert_as_slow(PackedMaxPool2d("n", packed(kind, x.shape[1:]), (3, 2), (2, 1), pads), x)
    np.testing.assert_array_equal(unpack(words, kind, channels), plain)


@pytest.mark.parametrize("window", [[-1, -1], [-1, 0], [-1, 1], [0, 0], [0, 1], [1, 1]])
def test_every_ternary_pair(window: list[int]) -> None:
    for pair in (window, window[::-1]):
        x = np.array(pair, np.int8).reshape(1, 1, 2, 1)
        words = assert_as_slow(PackedMaxPool2d("n", packed(TER, (1, 2, 1)), (1, 2)), x)
        assert unpack(words, TER, 1).item() == max(pair)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_window(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(ELEMS))
    height, width = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    kernel = data.draw(st.tuples(st.integers(1, min(5, height)), st.integers(1, min(5, width))))
    strides = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = data.draw(st.tuples(*(st.integers(0, kernel[i % 2] - 1) for i in range(4))))
    x = random_values(np.random.default_rng(height), kind, (2, height, width, 3))
    assert_as_slow(MaxPool2d("n", integers(kind, x.shape[1:]), kernel, strides, pads), x)
    if kind == I32:
        x //= kernel[0] * kernel[1]
    assert_as_slow(SumPool2d("n", integers(kind, x.shape[1:]), kernel, strides, pads), x)
    if kind in WORD_ELEMS:
        assert_as_slow(PackedMaxPool2d("n", packed(kind, x.shape[1:]), kernel, strides, pads), x)
