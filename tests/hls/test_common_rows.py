"""Functions that all channels have in common: one row of each array, and bits that stay the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.graphs import ONE, encoder, random_values
from tests.hls.lowered import lower
from tests.hls.projects import assert_as_sim, map_input, packed
from tests.hls.test_solver import shallow

from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import explained, fold
from bnnc.hls.units import Unit
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_PM, I8
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.value_ops import ConcatChannels, Rescale

CHANNELS, FEW, MANY, ENTRIES = 6, 3, 40, 120
KINDS = ("table", "few", "many", "lines")


def rows(values: Array, differs: bool) -> Array:
    """The same row for every channel; or a last entry of the last channel that differs."""
    made = np.repeat(values[None], CHANNELS, axis=0)
    made[-1, -1] += differs
    return made


def function(x: Op, kind: str, differs: bool) -> Op:
    rng = np.random.default_rng(len(kind))
    match kind:
        case "table":
            entries = rows(rng.integers(-128, 127, ENTRIES), differs).astype(np.int8)
            return Table(kind, x, np.full(CHANNELS, -60, np.int32), entries, ONE, 0, I8)
        case "few" | "many":
            n = FEW if kind == "few" else MANY
            cuts = rows(np.sort(rng.choice(np.arange(-90, 90), n, replace=False)), differs).astype(np.int32)
            return Threshold(kind, x, np.full(CHANNELS, -20, np.int32), cuts, np.ones_like(cuts), ONE, I8)
        case _:
            pivot, shift = np.full(CHANNELS, 5, np.int32), np.full(CHANNELS, 8, np.int32)
            multiplier = rows(np.array([70, 301]), differs).T.astype(np.int32)
            offset = rows(np.array([900, -255]), False).T.astype(np.int64)
            return Rescale(kind, x, pivot, multiplier, offset, shift, ONE, I8.lo, I8.hi, I8)


def network(kind: str, differs: bool) -> Graph:
    x = map_input(np.random.default_rng(1), (CHANNELS, 5, 8), "i8")
    return packed(kind, function(x, kind, differs))


def all_kinds(differs: bool) -> Graph:
    x: Op = map_input(np.random.default_rng(1), (CHANNELS, 5, 8), "i8")
    parts = [function(x, kind, differs) for kind in KINDS]
    joined = parts[0]
    for part in parts[1:]:
        joined = ConcatChannels(f"join {part.name}", joined, part)
    return packed("functions", joined)


def unit_of(kind: str, differs: bool, lanes: int) -> Unit:
    acc = lower(network(kind, differs), Names(), {kind: {"lanes": lanes}})
    return next(unit for unit in acc.units if unit.name == f"{kind}_map")


def lengths(unit: Unit) -> list[int]:
    return [int(n) for n in re.findall(r"\w+\[(\d+)\] = ", unit.rom)]


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("differs", [False, True])
def test_as_sim(differs: bool, tmp_path: Path) -> None:
    assert_as_sim(all_kinds(differs), tmp_path, samples=6)


@pytest.mark.parametrize(
    ("kind", "common", "own"),
    [
        ("table", [ENTRIES] * 2, [3 * ENTRIES] * 2),
        ("few", [], [3] * FEW * 2),
        ("many", [1, 2, 4, 8, 16, 32] * 2 + [64] * 2, [3, 6, 12, 24, 48, 96] * 2 + [64] * 2),
        ("lines", [], [3] * 8),
    ],
)
def test_one_row_is_stored(kind: str, common: list[int], own: list[int]) -> None:
    """In the arrays of each of 2 lanes, of which 6 channels take 3 folds."""
    one, many = (unit_of(kind, differs, 2) for differs in (False, True))
    assert lengths(one) == common and lengths(many) == own
    assert "fold" not in one.parameters and "fold" in many.parameters
    assert one.resources.lut < many.resources.lut or one.resources.bram18 < many.resources.bram18


def dense(kind: str, differs: bool) -> Unit:
    """24 sums of products by +-1 that are compared with one number, by 2 elements."""
    rng = np.random.default_rng(2)
    x = Reshape("flat", encoder(rng, Input("x", (20,)), kind), (1, 1, 20))
    sums = Conv2d("dense", x, random_values(rng, B1_PM, (24, 1, 1, 20)), B1_PM)
    cuts, jumps = np.full((24, 1), 2, np.int32), np.full((24, 1), 2, np.int32)
    cuts[-1] += 2 * differs
    signs = Threshold("signs", sums, np.full(24, -1, np.int32), cuts, jumps, ONE, B1_PM)
    acc = lower(packed("dense", signs), Names(), {"dense": {"pe": 2, "simd": 20}})
    return next(unit for unit in acc.units if unit.name == "dense_mvtu")


@pytest.mark.parametrize("kind", ["b1_pm", "u2"])
def test_cuts_that_weights_move_apart_are_no_longer_common(kind: str) -> None:
    """Sums of equal bits of +-1 need no number of the row's own; those of wider codes do."""
    one, many = dense(kind, False), dense(kind, True)
    assert "_out_cut_0" in many.rom
    assert ("_out_cut_0" in one.rom) == (kind == "u2")
    assert (one.resources.lut == many.resources.lut) == (kind == "u2")


@pytest.mark.parametrize("differs", [False, True])
def test_predictions_are_what_is_built(differs: bool) -> None:
    options = HlsOptions("zcu104", folding=Folding({"table": {"lanes": 2}}))
    folded = fold(all_kinds(differs), Names(), options)
    assert explained(folded, options).solution.resources == shallow(folded.accelerator)
