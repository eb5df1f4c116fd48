"""Sparse dense layers equal the slow definition and the dense layer of the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs import random_values
from tests.sim.cases import assert_as_slow, integers
from tests.value_cases import gap_coded, random_sparse

from bnnc.ir.elem import B1_PM, I8, I16, TER, U8, Elem, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense

SOURCES = [B1_PM, TER, elem("u2"), U8, I8, I16, elem("u16")]


def dense_weights(op: SparseDense) -> Array:
    """int64 (O, features)."""
    weights = np.zeros((len(op.rows) - 1, int(np.prod(op.x.type.shape))), np.int64)
    row = np.repeat(np.arange(len(weights)), np.diff(op.rows))
    np.add.at(weights, (row, op.columns), op.table[op.codes])
    return weights


@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 33), (2, 3, 31), (1, 1, 129), (3, 3, 65)])
def test_random_layers(source: Elem, shape: tuple[int, int, int]) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        op = random_sparse(rng, integers(source, shape), "n", int(rng.integers(1, 20)), 2**source.bits)
        x = random_values(rng, source, (3, *shape))
        y = assert_as_slow(op, x)
        weights = dense_weights(op)
        np.testing.assert_array_equal(y[:, 0, 0], x.reshape(3, -1).astype(np.int64) @ weights.T)
        conv = Conv2d("n", op.x, weights.reshape(-1, *shape), elem("i17"))
        np.testing.assert_array_equal(assert_as_slow(conv, x), y)


def layer(rows: list[int], gaps: list[int], codes: list[int], table: list[int], features: int) -> SparseDense:
    numbers = (np.array(rows, np.int32), np.array(gaps, np.uint8), np.array(codes, np.uint8))
    bits = (len(table) - 1).bit_length()
    return SparseDense("n", integers(I8, (1, 1, features)), *numbers, np.array(table, np.int16), 2, bits)


def test_a_gap_counts_what_is_left_out() -> None:
    op = layer([0, 2, 2, 4], [1, 0, 3, 3], [1, 2, 0, 3], [0, 10, -7, 100], 8)
    assert op.columns.tolist() == [1, 2, 3, 7]
    x = np.arange(1, 9, dtype=np.int8).reshape(1, 1, 1, 8)
    assert assert_as_slow(op, x).ravel().tolist() == [2 * 10 - 7 * 3, 0, 8 * 100]


@pytest.mark.parametrize("rows", [[0, 0], [0, 0, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 1, 1]])
def test_empty_rows_are_zero(rows: list[int]) -> None:
    entries = rows[-1]
    op = layer(rows, [0] * entries, [1] * entries, [0, 5], 3)
    y = assert_as_slow(op, np.full((2, 1, 1, 3), 3, np.int8))
    np.testing.assert_array_equal(y[:, 0, 0], np.tile(15 * np.diff(rows), (2, 1)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sets(st.integers(0, 600)), st.integers(1, 8))
def test_fillers_bridge_wide_gaps(columns: set[int], gap_bits: int) -> None:
    wanted = np.array(sorted(columns), np.int64)
    gaps, codes = gap_coded(wanted, np.ones(len(wanted), np.int64), gap_bits, zero=0)
    assert (gaps < 1 << gap_bits).all()
    np.testing.assert_array_equal((np.cumsum(gaps + 1) - 1)[codes == 1], wanted)


def test_the_largest_sum() -> None:
    """int32 holds it; the products alone are near 2^30."""
    op = layer([0, 1], [0], [1], [0, -(2**15)], 1)
    op = SparseDense("n", integers(I16, (1, 1, 1)), op.rows, op.gaps, op.codes, op.table, 2, 1)
    x = np.array([I16.lo, I16.hi], np.int16).reshape(2, 1, 1, 1)
    assert assert_as_slow(op, x).ravel().tolist() == [2**30, -(2**15) * I16.hi]
