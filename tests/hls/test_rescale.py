"""Constants of rescales: the same function in fewer bits, and how many bits its sums need."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graphs import ONE
from tests.hls.projects import map_input
from tests.value_cases import only_clipping, random_rescale

from bnnc.hls.activations import activation_of, activation_text
from bnnc.hls.lanes import Lane
from bnnc.hls.rescale import Lines, lines_of
from bnnc.ir.elem import I16, Elem, elem
from bnnc.ir.op import Array, Op
from bnnc.ir.value_ops import Rescale
from bnnc.sim.value_path import rescale

KINDS = [I16, elem("u8"), elem("i4"), elem("u11")]


def values(channels: int) -> Op:
    return map_input(np.random.default_rng(0), (channels, 2, 3), "i16")


def drawn(seed: int, kind: Elem) -> tuple[Rescale, int, int]:
    rng = np.random.default_rng(seed)
    spread = int(rng.choice([10, 1000, 200000]))
    op = random_rescale(rng, values(12), "n", kind, rng.normal(0, spread, 12), spread)
    lo, hi = sorted(int(n) for n in rng.integers(-2 * spread, 2 * spread, 2))
    return op, lo, hi


def inputs(seed: int, lo: int, hi: int) -> Array:
    x = np.random.default_rng(seed).integers(lo, hi + 1, (300, 1, 1, 12))
    x[0], x[1] = lo, hi
    return x.astype(np.int32)


def sums(lines: Lines, x: Array) -> Array:
    """x * multiplier + offset, as the emitted C++ has it."""
    above = x >= lines.pivot if len(lines.multiplier) == 2 else np.zeros(x.shape, bool)
    made: Array = x * np.where(above, lines.multiplier[-1], lines.multiplier[0])
    made += np.where(above, lines.offset[-1], lines.offset[0])
    return made


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("seed", range(40))
def test_lines_are_the_same_function(seed: int, kind: Elem) -> None:
    op, lo, hi = drawn(seed, kind)
    lines, x = lines_of(op, lo, hi), inputs(seed, lo, hi)
    seen = sums(lines, x.astype(np.int64))
    y = np.clip(seen >> lines.shift, lines.lo, lines.hi)
    np.testing.assert_array_equal(y, rescale(op, x))
    most = 1 << (lines.sum_bits - 1)
    assert -most <= seen.min() and seen.max() < most
    assert lines.range[0] <= y.min() and y.max() <= lines.range[1]


@pytest.mark.parametrize("seed", range(40))
def test_the_range_is_reached(seed: int) -> None:
    """Where both ends of both lines are among the inputs."""
    op, lo, hi = drawn(seed, I16)
    ends = [
        lo,
        hi,
        *np.clip(op.pivot, lo, hi).tolist(),
        *np.clip(op.pivot.astype(np.int64) - 1, lo, hi).tolist(),
    ]
    y = rescale(op, np.tile(np.array(ends, np.int32)[:, None, None, None], (1, 1, 1, 12)))
    assert lines_of(op, lo, hi).range == (y.min(), y.max())


def scaling(multiplier: list[int], offset: list[int], shift: list[int]) -> Rescale:
    """One line a channel."""
    pivot = np.zeros(len(shift), np.int32)
    m, b = np.array([multiplier] * 2, np.int32), np.array([offset] * 2, np.int64)
    return Rescale("n", values(len(shift)), pivot, m, b, np.array(shift, np.int32), ONE, -99, 99, I16)


def test_channels_get_one_shift_where_it_fits() -> None:
    lines = lines_of(scaling([3, 5, 4, 0], [1, 0, 7, 100], [2, 4, 5, 3]), -50, 50)
    assert lines.shift.tolist() == [4, 4, 4, 4]
    assert lines.multiplier.tolist() == [[12, 5, 2, 0]]
    assert lines.offset.tolist() == [[4, 0, 2, 192]]


def test_channels_keep_their_shifts_where_a_multiplier_would_not_fit() -> None:
    lines = lines_of(scaling([2**16 + 1, 1], [0, 0], [0, 2]), -50, 50)
    assert lines.shift.tolist() == [0, 2]
    wide = lines_of(scaling([1, 1], [2**57, 0], [0, 6]), -50, 50)
    assert wide.shift.tolist() == [0, 6]


def test_a_clip_multiplies_nothing() -> None:
    op = only_clipping(np.random.default_rng(0), values(4), "n", -20, 90, I16)
    act = activation_of(op, -30, 60)
    assert (act.op, act.lane, act.lo, act.hi) == (op, Lane("Signed", 7), -20, 60)
    text = activation_text(act, "unit", 2, -30, 60)
    assert text.type == "bnnc::Clip<unit_out>" and "multiplier" not in text.struct
    within = activation_of(op, -20, 60)
    assert (within.op, within.lane) == (None, Lane("Signed", 7))


def test_equal_lines_need_no_comparison() -> None:
    act = activation_of(scaling([3, 5], [0, 0], [1, 1]), -9, 9)
    text = activation_text(act, "unit", 1, -9, 9)
    assert text.type == "bnnc::Line<unit_out>" and "pivot" not in text.struct
