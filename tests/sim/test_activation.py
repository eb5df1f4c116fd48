"""Thresholds and tables equal the slow definition, for every kind of channel."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graphs import random_threshold, random_values
from tests.sim.cases import ONE, assert_as_slow, integers

from bnnc.ir.elem import B1_01, B1_PM, I8, I16, I32, TER, U8, Elem, elem
from bnnc.ir.integer_ops import NO_CUT, Table, Threshold
from bnnc.ir.op import Array

RESULTS = [B1_PM, B1_01, TER, *(elem(name) for name in ("u2", "i2", "i4")), U8, I8, I16]
LOWEST = -(2**31)


def step_function(base: list[int], cuts: list[list[int]], jumps: list[list[int]], kind: Elem) -> Threshold:
    x = integers(I32, (1, 1, len(base)))
    arrays = (np.array(values, np.int32) for values in (base, cuts, jumps))
    return Threshold("n", x, *arrays, ONE, kind)


def accumulators(rng: np.random.Generator, op: Threshold | Table, edges: Array) -> Array:
    """int32 (n, 1, 1, C): every edge, its neighbours, and the ends of int32."""
    near = edges.astype(np.int64).ravel()
    column = np.unique(np.concatenate([near - 1, near, near + 1, [LOWEST, -1, 0, 1, 2**31 - 2]]))
    column = column[(column >= LOWEST) & (column < NO_CUT)]
    x = np.stack([rng.permutation(column) for _ in range(op.type.shape[-1])], axis=-1)
    return x[:, None, None].astype(np.int32)


@pytest.mark.parametrize("kind", RESULTS, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_random_step_functions(kind: Elem, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op = random_threshold(rng, integers(elem("i12"), (1, 1, 25)), "n", kind)
    op = Threshold("n", integers(I32, (1, 1, 25)), op.base, op.cuts, op.jumps, op.scale, kind)
    assert_as_slow(op, accumulators(rng, op, op.cuts))


@pytest.mark.parametrize("kind", ["u8", "i8", "i16", "b1_pm", "i4"])
def test_step_functions_of_narrow_values(kind: str) -> None:
    source, rng = elem(kind), np.random.default_rng(1)
    op = random_threshold(rng, integers(source, (3, 3, 20)), "n", TER)
    assert_as_slow(op, random_values(rng, source, (4, 3, 3, 20)))


def test_a_cut_is_reached_by_itself() -> None:
    op = step_function([-1], [[5]], [[2]], B1_PM)
    x = np.array([4, 5, 6], np.int32).reshape(3, 1, 1, 1)
    assert assert_as_slow(op, x).ravel().tolist() == [-1, 1, 1]


def test_falling_interval_constant_and_lowest_cuts() -> None:
    cuts = [[0, NO_CUT], [-3, 3], [NO_CUT, NO_CUT], [LOWEST, NO_CUT], [2, 2]]
    jumps = [[-2, 0], [2, -2], [0, 0], [2, 0], [2, -2]]
    op = step_function([1, -1, 1, -1, -1], cuts, jumps, B1_PM)
    x = np.array([LOWEST, -4, -3, -1, 0, 2, 3, NO_CUT - 1], np.int32)
    y = assert_as_slow(op, np.repeat(x, 5).reshape(-1, 1, 1, 5))[:, 0, 0].T.tolist()
    assert y[0] == [1, 1, 1, 1, -1, -1, -1, -1]
    assert y[1] == [-1, -1, 1, 1, 1, 1, -1, -1]
    assert y[2:] == [[1] * 8, [1] * 8, [-1] * 8]


@pytest.mark.parametrize("steps", [1, 2, 16, 17, 40])
def test_jumps_across_the_whole_range(steps: int) -> None:
    """A jump from -128 to 127 does not fit the int8 of the result; the levels do."""
    levels = np.array([-128, 127] * steps)[: steps + 1]
    op = step_function([-128], [list(range(0, 3 * steps, 3))], [np.diff(levels).tolist()], I8)
    assert_as_slow(op, accumulators(np.random.default_rng(0), op, op.cuts))


@pytest.mark.parametrize("kind", [B1_PM, U8, I8, I16], ids=str)
@pytest.mark.parametrize("shift", [0, 1, 5])
@pytest.mark.parametrize("width", [1, 2, 64])
def test_tables(kind: Elem, shift: int, width: int) -> None:
    rng = np.random.default_rng(width)
    first = np.array([0, -100, 17, LOWEST, 2**31 - 1], np.int32)
    op = Table("n", integers(I32, (1, 1, 5)), first, random_values(rng, kind, (5, width)), ONE, shift, kind)
    edges = first[:, None] + (np.arange(width) << shift)
    assert_as_slow(op, accumulators(rng, op, edges))
