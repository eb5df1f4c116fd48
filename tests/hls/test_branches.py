"""Networks with branches, groups and sparse layers give the simulator's integers at any folding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dags import EVERYTHING, random_dag
from tests.hls.branches import (
    BRANCHES,
    conv,
    grouped_network,
    shuffled_network,
    sign,
    word_groups,
    wrapping_sums,
)
from tests.hls.lowered import foldables, lower
from tests.hls.projects import (
    Folding,
    assert_as_sim,
    largest_folding,
    map_input,
    packed,
    random_folding,
)

from bnnc.hls.names import Names
from bnnc.ir.elem import B1_PM, I8
from bnnc.ir.graph import Graph
from bnnc.passes.pack import PackBits

pytestmark = pytest.mark.usefixtures("cpp")
SMALL = replace(EVERYTHING, max_channels=40)


def default_folding(graph: Graph) -> Folding:
    return {}


@pytest.mark.parametrize(
    ("make", "folding"),
    [
        (word_groups, default_folding),
        (shuffled_network, largest_folding),
        (wrapping_sums, default_folding),
    ],
)
def test_network(make: Callable[[], Graph], folding: Callable[[Graph], Folding], tmp_path: Path) -> None:
    """The others are in test_foldings.py."""
    graph = make()
    assert_as_sim(graph, tmp_path, folding(graph), samples=6)


def test_random_branches(tmp_path: Path) -> None:
    graph = PackBits().run(random_dag(29, allowed=SMALL))
    assert_as_sim(graph, tmp_path, random_folding(graph, 29))


def test_every_network_has_foldings_of_several_groups() -> None:
    folds = {layer.name: layer.cycles for layer in foldables(grouped_network())}
    assert {(fold.pe, fold.simd) for fold in folds["depthwise"]} == {(1, 1), (3, 3)}
    assert {(fold.pe, fold.simd) for fold in folds["depthwise_signs"] if fold.simd > 1} == {(6, 3), (18, 9)}


def test_depthwise_layers_compute_all_channels_at_once_and_nothing_else() -> None:
    """64 channels of b1_pm: up to 64 at a time, a product a step for each; SIMD counts what arrives."""
    rng = np.random.default_rng(0)
    x = sign(rng, conv(rng, map_input(rng, (2, 6, 6), "i8"), "stem", 64, (1, 1), I8), "sign", 90)
    x = sign(rng, conv(rng, x, "depthwise", 64, (3, 3), B1_PM, groups=64), "sign 2", 3)
    folds = {layer.name: layer.cycles for layer in foldables(packed("g", x))}["depthwise"]
    assert {(fold.pe, fold.simd) for fold in folds} == {(n, n) for n in (1, 2, 4, 8, 16, 32, 64)}
    acc = lower(packed("g", x), Names(), {"depthwise": {"pe": 64, "simd": 64}})
    units = {unit.name: unit for unit in acc.units}
    assert units["depthwise_mvtu"].cycles == units["depthwise_window"].words == 16 * 9
    assert "PE = 64, SIMD = 1;" in units["depthwise_mvtu"].parameters


@pytest.mark.slow
@pytest.mark.parametrize("make", BRANCHES)
@pytest.mark.parametrize("seed", range(4))
def test_more_foldings(make: Callable[[], Graph], seed: int, tmp_path: Path) -> None:
    assert_as_sim(make(), tmp_path, random_folding(make(), seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_more_random_branches(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_dag(seed, 2 + seed % 3, SMALL))
    assert_as_sim(graph, tmp_path, random_folding(graph, seed) if seed % 2 else None)
