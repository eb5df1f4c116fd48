"""Thresholds lie where the folding says: the same integers, and what the model counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.graphs import encoder, random_threshold
from tests.hls.branches import add, conv
from tests.hls.lowered import lower
from tests.hls.projects import assert_as_sim, layer, packed, write_project
from tests.hls.test_solver import shallow

from bnnc.errors import BnncError
from bnnc.hls.lower import Accelerator
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions, read_folding
from bnnc.hls.project.lint import lint
from bnnc.hls.solve.fold import explained, fold
from bnnc.hls.units import Unit
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_PM, I8, TER, elem
from bnnc.ir.graph import Graph

FOLDS = {"few": {"pe": 3, "simd": 1}, "many": {"pe": 4, "simd": 3}}


def network() -> Graph:
    """Three steps, which are compared, then many, which are searched; then sums without any."""
    rng = np.random.default_rng(3)
    x = Reshape("flat", encoder(rng, Input("x", (10,)), "i8"), (1, 1, 10))
    few = layer(rng, x, "few", 30, (1, 1), TER, elem("u2"))
    many = layer(rng, few, "many", 8, (1, 1), TER, I8)
    return packed("steps", conv(rng, many, "sums", 4, (1, 1), B1_PM))


def folding(place: str) -> Folding:
    return Folding({name: {**chosen, "thresholds": place} for name, chosen in FOLDS.items()})


def built(place: str | None) -> Accelerator:
    chosen = folding(place) if place else Folding(FOLDS)
    return fold(network(), Names(), HlsOptions("zcu104", folding=chosen)).accelerator


def unit_of(acc: Accelerator, name: str) -> Unit:
    return next(unit for unit in acc.units if unit.name == name)


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("place", ["lut", "bram"])
def test_as_sim(place: str, tmp_path: Path) -> None:
    assert_as_sim(network(), tmp_path, dict(folding(place).layers))
    assert lint(tmp_path) == ()
    again = read_folding(str(tmp_path / "folding.json"))
    assert {name: again.layers[name]["thresholds"] for name in FOLDS} == dict.fromkeys(FOLDS, place)


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("weights", ["uram", "ddr"])
def test_beside_weights_in_memory(weights: str, tmp_path: Path) -> None:
    chosen = {"pe": 2, "simd": 5, "weights": weights, "thresholds": "bram"}
    assert_as_sim(network(), tmp_path, {"few": chosen})


def test_every_array_is_put_somewhere() -> None:
    for place in ("lut", "bram"):
        acc = built(place)
        for unit, what in (("few_mvtu", "cut"), ("many_mvtu", "level")):
            lines = [line for line in unit_of(acc, unit).head if f"_out_{what}" in line]
            assert lines and all(line.startswith(f"BNNC_{place.upper()}_ROM(") for line in lines)
    assert not any("_out_" in line for unit in built(None).units for line in unit.head)


def test_banks_of_block_ram_have_the_thresholds_of_all_elements() -> None:
    """3 elements x 3 steps x 12 bits are 108 bits: three banks of 36 bits, a block each."""
    lut, bram = (unit_of(built(place), "few_mvtu") for place in ("lut", "bram"))
    assert "typedef ap_int<12> cut_t;" in bram.parameters
    assert sum("few_mvtu_out_cut" in line for line in bram.head) == 3
    assert bram.resources.bram18 == lut.resources.bram18 + 3
    assert lut.resources.lut - bram.resources.lut == 9 * 6  # 10 words of 12 bits


@pytest.mark.usefixtures("cpp")
def test_many_lie_in_block_ram_by_default(tmp_path: Path) -> None:
    """120 words of 12 bits are more than 1,024 bits."""
    rng = np.random.default_rng(4)
    x = Reshape("flat", encoder(rng, Input("x", (10,)), "i8"), (1, 1, 10))
    graph = packed("deep", layer(rng, x, "few", 120, (1, 1), TER, elem("u2")))
    chosen = {"few": {"pe": 1, "simd": 5}}
    assert_as_sim(graph, tmp_path, chosen)
    options = HlsOptions("zcu104", folding=Folding(chosen))
    folded = fold(graph, Names(), options)
    assert explained(folded, options).solution.resources == shallow(folded.accelerator)
    head = unit_of(folded.accelerator, "few_mvtu").head
    assert "BNNC_BRAM_ROM(few_mvtu_out_cut_0)" in head and len(head) <= 1 + 2


def deep_maps(joined: bool) -> Graph:
    """Signs of 128 channels of 16 bits, or of sums of two maps of them."""
    rng = np.random.default_rng(6)
    x = encoder(rng, Input("x", (128,)), "i16")
    x = Reshape("flat", x, (1, 1, 128))
    return packed("deep", random_threshold(rng, add(x, x, "sums") if joined else x, "signs", B1_PM))


@pytest.mark.parametrize(("name", "joined"), [("signs", False), ("sums", True)])
def test_many_of_a_map_or_of_sums_lie_there_as_well(name: str, joined: bool) -> None:
    """Words of one lane: 128 cuts of 17 bits are banks of one block, which the function says."""
    acc = lower(deep_maps(joined), Names(), {name: {"lanes": 1}})
    (unit,) = (unit for unit in acc.units if "_out_cut_0" in unit.rom)
    assert unit.engines[0] == ("add" if joined else "map")
    assert unit.head == (f"BNNC_BRAM_ROM({unit.name}_out_cut_0)",)
    assert unit.resources.bram18 == 1


@pytest.mark.parametrize("place", ["lut", "bram", None])
def test_predictions_are_what_is_built(place: str | None) -> None:
    options = HlsOptions("zcu104", folding=folding(place) if place else Folding(FOLDS))
    folded = fold(network(), Names(), options)
    assert explained(folded, options).solution.resources == shallow(folded.accelerator)


def test_a_rate_is_solved_around_them() -> None:
    options = HlsOptions("zcu104", folding=Folding({"few": {"thresholds": "bram"}}), max_fps=True)
    folded = fold(network(), Names(), options)
    assert folded.solution is not None
    assert folded.solution.resources == shallow(folded.accelerator)
    assert folded.accelerator.settings.entries["few"]["thresholds"] == "bram"


def test_only_layers_that_have_them_are_offered_them() -> None:
    for name, more in (("few", " and thresholds"), ("sums", "")):
        with pytest.raises(BnncError, match=f"unknown key 'cuts'; give pe and simd and weights{more}$"):
            fold(network(), Names(), HlsOptions("zcu104", folding=Folding({name: {"cuts": "lut"}})))


def test_places_that_are_none_are_refused(tmp_path: Path) -> None:
    for name, place, message in (
        ("few", "uram", "thresholds in 'uram' are not possible; one of lut, bram is"),
        ("sums", "lut", "it has no thresholds; leave them out"),
    ):
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({"layers": {name: {"thresholds": place}}}))
        with pytest.raises(BnncError, match=f"folding of '{name}': {message}"):
            write_project(network(), tmp_path / name, folding=dict(read_folding(str(path)).layers))
