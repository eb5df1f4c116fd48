"""Products that count equal bits: what elements accumulate, what the cuts make of it, and when they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.graphs import ONE, random_threshold, random_values
from tests.hls.projects import assert_as_sim, map_input, packed

from bnnc.hls.accumulators import accumulator_of
from bnnc.hls.activations import activation_of
from bnnc.hls.lanes import Wire, lane_of
from bnnc.hls.matrix import Matrix, matrix_of
from bnnc.hls.model.products import Form
from bnnc.ir.elem import B1_01, B1_PM, Elem, elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, Threshold
from bnnc.ir.op import Array, Op

KINDS = [B1_PM, B1_01, elem("u2"), elem("i2"), elem("i3")]
LANES = 6


def matrix(kind: Elem, outputs: int = 5, inputs: int = 4 * LANES) -> Matrix:
    """A dense layer behind a vector of `kind`."""
    rng = np.random.default_rng(3)
    x: Op = random_threshold(rng, map_input(rng, (inputs, 1, 1), "i8"), "x", kind)
    conv = Conv2d("dense", x, random_values(rng, B1_PM, (outputs, 1, 1, inputs)), B1_PM)
    return matrix_of(conv, Wire(lane_of(kind), LANES, inputs, kind.lo, kind.hi))


def steps_added(m: Matrix, form: Form, codes: Array) -> Array:
    """int64 (O,): what the steps of a vector add, bit by bit, by the words of the engine."""
    w = m.w.codes(m.weights).astype(np.int64)
    total = np.zeros(len(w), np.int64)
    for bit in range(m.x.bits):
        weight = -(1 << bit) if m.x.kind == "Signed" and bit == m.x.bits - 1 else 1 << bit
        x = codes.astype(np.int64) >> bit & 1
        if form is Form.EQUAL:
            total += weight * (w == x).sum(axis=1)
            continue
        (x1, x2), (w1, w2) = (v.reshape(*v.shape[:-1], -1, 2, LANES // 2).swapaxes(-2, 0) for v in (x, w))
        h = np.where(w1 ^ x2[:, None], (x1 ^ x2)[:, None], 1 - (w1 ^ w2))
        total += weight * (2 * h.sum(axis=(0, 2)) - (x1 ^ x2).sum())
    return total


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("form", [Form.EQUAL, Form.PAIRS])
def test_moved_cuts_see_the_sum(kind: Elem, form: Form) -> None:
    m = matrix(kind)
    rng = np.random.default_rng(4)
    cuts = np.sort(rng.integers(m.lo, m.hi, (5, 3)).astype(np.int32), axis=1)
    op = Threshold("act", m.conv, np.zeros(5, np.int32), cuts, np.ones((5, 3), np.int32), ONE, elem("u2"))
    acc = accumulator_of(m, activation_of(op, m.lo, m.hi), form, LANES)
    assert isinstance(acc.act.op, Threshold)
    for _ in range(20):
        x = random_values(rng, kind, (m.shape[1],)).astype(np.int64)
        value = acc.scale * (acc.start + steps_added(m, form, m.x.codes(x))) + acc.rest
        assert acc.lo <= value.min() and value.max() <= acc.hi
        seen = (value[:, None] >= acc.act.op.cuts) @ np.ones(3, np.int64)
        assert np.array_equal(seen, (m.weights @ x >= cuts.T).sum(axis=0))


def layers(kind: Elem, groups: int = 1) -> Graph:
    """A layer with few steps, and one whose sums are the result."""
    rng = np.random.default_rng(5)
    x: Op = random_threshold(rng, map_input(rng, (32, 3, 3), "i8"), "x", kind)
    weights = random_values(rng, B1_PM, (12, 2, 2, 32 // groups))
    x = Conv2d("first", x, weights, B1_PM, groups=groups)
    x = random_threshold(rng, x, "steps", elem("u2"))
    return packed("products", Conv2d("last", x, random_values(rng, B1_PM, (4, 2, 2, 12)), B1_PM))


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("kind", KINDS[:-1], ids=str)
@pytest.mark.parametrize(
    ("folding", "form"),
    [
        ({"pe": 4, "simd": 16}, "Pairs"),
        ({"pe": 2, "simd": 32}, "Equal"),
        ({"pe": 4, "simd": 16, "weights": "ddr"}, "Pairs"),
    ],
    ids=["pairs", "equal", "streamed"],
)
def test_as_sim(kind: Elem, folding: dict[str, object], form: str, tmp_path: Path) -> None:
    assert_as_sim(layers(kind), tmp_path, {"first": folding})
    assert f"typedef bnnc::{form}<" in sources(tmp_path)


@pytest.mark.usefixtures("cpp")
def test_groups_at_once_share_nothing(tmp_path: Path) -> None:
    assert_as_sim(layers(B1_PM, groups=2), tmp_path, {"first": {"pe": 12, "simd": 32}})
    assert "typedef bnnc::Pairs<bnnc::Bipolar, 16> Products;" in sources(tmp_path)


def sources(project: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (project / "src").iterdir())
