"""Sparse rows as gaps and codes: against the definition, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnc.storage.sparse import SparseWeights, decode, encode, positions


def slow_decode(sparse: SparseWeights, features: int) -> np.ndarray:
    weights = np.zeros((len(sparse.rows) - 1, features), np.int64)
    for o in range(len(weights)):
        column = -1
        for e in range(sparse.rows[o], sparse.rows[o + 1]):
            column += int(sparse.gaps[e]) + 1
            weights[o, column] += sparse.table[sparse.codes[e]]
    return weights


def check(sparse: SparseWeights, weights: np.ndarray) -> None:
    """Everything that the fields promise."""
    assert np.array_equal(slow_decode(sparse, weights.shape[1]), weights)
    assert np.array_equal(decode(sparse, weights.shape[1]), weights)
    assert sparse.rows[0] == 0 and sparse.rows[-1] == len(sparse.gaps) == len(sparse.codes)
    assert sparse.gaps.max(initial=0) < 2**sparse.gap_bits and sparse.codes.max(initial=0) < len(sparse.table)
    assert len(sparse.table) == 2**sparse.code_bits and 2 <= sparse.code_bits <= 8
    dtypes = [field.dtype.name for field in (sparse.rows, sparse.gaps, sparse.codes, sparse.table)]
    assert dtypes == ["int32", "uint8", "uint8", "int16"]


def random_weights(out: int, features: int, density: float, levels: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.choice(np.arange(1, 32768), levels, replace=False) * rng.choice([-1, 1], levels)
    return np.where(rng.random((out, features)) < density, rng.choice(values, (out, features)), 0)


@given(
    st.integers(1, 6),
    st.integers(1, 700),
    st.sampled_from([0, 0.003, 0.05, 0.3, 1]),
    st.integers(1, 40),
    st.integers(0, 99),
    st.sampled_from([None, *range(1, 9)]),
)
@settings(max_examples=150, deadline=None)
def test_weights_come_back(
    out: int, features: int, density: float, levels: int, seed: int, gap_bits: int | None
) -> None:
    weights = random_weights(out, features, density, levels, seed)
    check(encode(weights, gap_bits), weights)


@pytest.mark.parametrize("gap_bits", range(1, 9))
def test_gaps_on_both_sides_of_the_widest(gap_bits: int) -> None:
    reach = 2**gap_bits
    for zeros in (0, 1, reach - 2, reach - 1, reach, reach + 1, 2 * reach - 1, 2 * reach, 2 * reach + 1):
        weights = np.zeros((2, zeros + 1), np.int16)
        weights[0, zeros], weights[1, 0] = 7, -32768
        sparse = encode(weights, gap_bits)
        check(sparse, weights)
        assert np.diff(sparse.rows).tolist() == [zeros // reach + 1, 1]


def test_fillers_have_the_largest_gap_and_code_0() -> None:
    weights = np.zeros((1, 40), np.int16)
    weights[0, 35] = -3
    sparse = encode(weights, 4)
    assert sparse.gaps.tolist() == [15, 15, 3] and sparse.codes.tolist() == [0, 0, 1]
    assert sparse.table.tolist() == [0, -3, 0, 0] and positions(sparse).tolist() == [15, 31, 35]


def test_a_filler_takes_a_code() -> None:
    """256 values fit only where no filler is needed; that decides the width, or is an error."""
    weights = np.zeros((1, 260), np.int16)
    weights[0, :256] = np.arange(256) - 300
    check(encode(weights), weights)
    weights = np.roll(weights, 4)
    assert encode(weights).gap_bits == 3
    with pytest.raises(ValueError, match="256 distinct weights and 0"):
        encode(weights, 2)


def test_the_width_is_the_smallest() -> None:
    for seed, density in enumerate((0.9, 0.3, 0.09, 0.02)):
        weights = random_weights(32, 600, density, 15, seed)
        sizes = [encode(weights, g).packed_bits for g in range(1, 9)]
        assert encode(weights).packed_bits == min(sizes)


def test_nothing_but_zeros() -> None:
    sparse = encode(np.zeros((3, 5), np.int16))
    check(sparse, np.zeros((3, 5)))
    assert sparse.rows.tolist() == [0, 0, 0, 0]


def test_positions_restart_in_every_row() -> None:
    weights = np.array([[0, 2, 0, 2], [0, 0, 0, 0], [2, 0, 0, 2]])
    assert positions(encode(weights, 2)).tolist() == [1, 3, 0, 3]
