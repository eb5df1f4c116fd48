"""Thresholds as constants of C++: what is left of them for a range of integers, and in which order."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.graphs import ONE, random_threshold

from bnnc.hls.activations import Activation, activation_of, activation_text, reachable_steps
from bnnc.hls.lanes import lane_of
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM, I8, I32, Elem, elem
from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op


def integers(kind: Elem, channels: int) -> Op:
    cuts = np.zeros((1, 0 if kind != B1_PM else 1), np.float32)
    none = np.zeros((0, 0), np.float32)
    return EncodeInput("codes", Input("x", (channels,)), cuts, none, none, ONE, 0, kind)


def steps(base: list[int], cuts: list[list[int]], jumps: list[list[int]], kind: Elem) -> Threshold:
    b, c, j = (np.array(values, np.int32) for values in (base, cuts, jumps))
    return Threshold("n", integers(I32, len(base)), b, c, j, ONE, kind)


def evaluate(base: Array, cuts: Array, jumps: Array, x: Array) -> Array:
    """(values, channels): base + jumps of the cuts that each value reaches."""
    reached = x[:, None, None].astype(np.int64) >= cuts[None]
    levels: Array = base[None] + (reached * jumps[None]).sum(axis=2)
    return levels


@pytest.mark.parametrize("kind", [B1_PM, elem("u3"), I8], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_answers_the_same(kind: Elem, seed: int) -> None:
    rng = np.random.default_rng(seed)
    op = random_threshold(rng, integers(elem("i8"), 24), "n", kind)
    lo, hi = sorted(rng.integers(-200, 200, 2).tolist())
    rows, x = reachable_steps(op, lo, hi), np.arange(lo, hi + 1)
    np.testing.assert_array_equal(
        evaluate(rows.base, rows.cuts, rows.jumps, x), evaluate(op.base, op.cuts, op.jumps, x)
    )
    assert ((rows.cuts > lo) & (rows.cuts <= hi + 1)).all()


def test_equal_cuts_become_one() -> None:
    rows = reachable_steps(steps([0], [[3, 3, 5, 5, NO_CUT]], [[1, 2, 4, -4, 0]], I8), -10, 10)
    assert (rows.base.tolist(), rows.cuts.tolist(), rows.jumps.tolist()) == ([0], [[3]], [[3]])


def test_a_constant_channel_keeps_a_cut_out_of_reach() -> None:
    rows = reachable_steps(steps([1], [[NO_CUT]], [[0]], B1_PM), -4, 4)
    assert (rows.cuts.tolist(), rows.jumps.tolist()) == ([[5]], [[0]])


@pytest.mark.parametrize("n_cuts", [16, 31, 32, 255])
@pytest.mark.parametrize("lanes", [1, 2, 6])
def test_bisection_reads_the_right_cuts(n_cuts: int, lanes: int) -> None:
    """Interprets the emitted arrays as bnnc::Steps does."""
    rng = np.random.default_rng(n_cuts)
    cuts = np.sort(rng.choice(np.arange(-900, 900), (6, n_cuts), replace=False), axis=1).astype(np.int32)
    op = steps([-128] * 6, cuts.tolist(), np.ones_like(cuts).tolist(), elem("i16"))
    text = activation_text(activation_of(op, -1000, 1000), "unit", lanes, -1000, 1000)
    arrays = {
        (what, int(number)): [int(v) for v in body.split(",")]
        for what, number, body in re.findall(r"unit_out_(\w+)_(\d+)\[\d+\] = \{([^}]*)\}", text.arrays)
    }
    stages = n_cuts.bit_length()
    assert text.type == "bnnc::Steps<unit_out>" and f"STAGES = {stages}" in text.struct
    for x in rng.integers(-1000, 1001, 40):
        for channel in range(6):
            fold, lane = divmod(channel, lanes)
            reached = 0
            for stage in range(stages):
                row = arrays["cut", lane * stages + stage]
                reached = 2 * reached + int(x >= row[(fold << stage) + reached])
            assert reached == (x >= cuts[channel]).sum()


def test_nothing_is_stored_for_what_is_the_same_everywhere() -> None:
    op = steps([-1] * 4, [[0]] * 4, [[2]] * 4, B1_PM)
    text = activation_text(activation_of(op, -9, 9), "unit", 2, -9, 9)
    assert text.arrays == "" and "return 2;" in text.struct
    keep = Activation(None, lane_of(I32), -9, 9)
    assert activation_text(keep, "unit", 1, -9, 9).type == "bnnc::Keep<unit_out>"
