"""Operations that move values, and the largest elements."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graphs import random_values
from tests.sim.cases import assert_as_slow, integers, packed

from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, Reshape
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, I32, I64, TER, U8, Elem, elem
from bnnc.ir.integer_ops import Narrow, TopK
from bnnc.ir.packed_ops import Pack, Unpack
from bnnc.sim import slow
from bnnc.sim.simulator import evaluate

X = random_values(np.random.default_rng(0), I8, (2, 3, 4, 5))


def test_channels_last_and_first_are_inverse() -> None:
    last = assert_as_slow(ChannelsLast("n", integers(I8, (3, 4, 5))), X)
    assert last.shape == (2, 4, 5, 3)
    assert last[1, 2, 3, 0] == X[1, 0, 2, 3]
    back = assert_as_slow(ChannelsFirst("n", integers(I8, (4, 5, 3))), last)
    np.testing.assert_array_equal(back, X)


def test_reshape_keeps_the_order() -> None:
    assert_as_slow(Reshape("n", integers(I8, (3, 4, 5)), (1, 1, 60)), X)


def test_cast() -> None:
    assert assert_as_slow(Cast("n", integers(I8, (3, 4, 5)), I64), X).dtype == np.int64


@pytest.mark.parametrize("kind", [B1_PM, B1_01, TER, elem("u3"), U8, I8, I16], ids=str)
def test_narrow_keeps_the_integers(kind: Elem) -> None:
    x = random_values(np.random.default_rng(2), kind, (2, 3, 4, 33)).astype(np.int32)
    narrow = assert_as_slow(Narrow("n", integers(I32, x.shape[1:]), kind), x)
    assert narrow.dtype == kind.dtype
    np.testing.assert_array_equal(narrow, x)


@pytest.mark.parametrize("kind", [B1_PM, TER, elem("u3"), I8], ids=str)
@pytest.mark.parametrize("channels", [1, 31, 32, 33, 65])
def test_pack_and_unpack(kind: Elem, channels: int) -> None:
    x = random_values(np.random.default_rng(1), kind, (2, 3, 4, channels))
    words = evaluate(Pack("n", integers(kind, x.shape[1:])), x)
    np.testing.assert_array_equal(words, np.stack([slow.packed_words(sample, kind) for sample in x]))
    np.testing.assert_array_equal(assert_as_slow(Unpack("n", packed(kind, x.shape[1:])), x), x)


@pytest.mark.parametrize(
    ("row", "k", "expected"),
    [
        ([3, 7, 7, 1], 1, [1]),
        ([3, 7, 7, 1], 4, [1, 2, 0, 3]),
        ([0, 0, 0], 3, [0, 1, 2]),
        ([-(2**31), 2**31 - 1, -(2**31)], 3, [1, 0, 2]),
    ],
)
def test_ties_go_to_the_lowest_index(row: list[int], k: int, expected: list[int]) -> None:
    x = np.array(row, np.int32).reshape(1, 1, 1, -1)
    assert assert_as_slow(TopK("n", integers(I32, x.shape[1:]), k), x).ravel().tolist() == expected


@pytest.mark.parametrize("seed", range(20))
def test_largest_of_many(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, (3, 1, 1, 50)).astype(np.int32)
    assert_as_slow(TopK("n", integers(I32, (1, 1, 50)), int(rng.integers(1, 51))), x)
