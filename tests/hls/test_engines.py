"""Every engine gives the simulator's integers at any folding."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.graphs import random_graph
from tests.hls.lowered import lower
from tests.hls.projects import (
    ENGINES,
    Folding,
    assert_as_sim,
    convolutional_network,
    dense_network,
    every_engine,
    largest_folding,
    layer,
    map_input,
    packed,
    random_folding,
    smallest_folding,
)

from bnnc.hls.names import Names
from bnnc.ir.elem import B1_PM, TER
from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_result
from bnnc.passes.pack import PackBits
from bnnc.resources import resource

pytestmark = pytest.mark.usefixtures("cpp")


@pytest.mark.parametrize("graph", [make() for make in ENGINES], ids=lambda graph: str(graph.name))
@pytest.mark.parametrize("folding", [smallest_folding, largest_folding])
def test_engine(graph: Graph, folding: Callable[[Graph], Folding], tmp_path: Path) -> None:
    assert_as_sim(graph, tmp_path, folding(graph), samples=6)


def test_every_engine_in_one_project(tmp_path: Path) -> None:
    assert_as_sim(every_engine(), tmp_path)


def test_functions_of_engines_have_names_of_their_own() -> None:
    """No overloads of one another: files are read together, in any order."""
    texts = [path.read_text() for path in sorted(resource("bnnc.templates", "hls").glob("*.h.j2"))]
    names = [
        name for text in texts for name in re.findall(r"^(?![#/\s]).*?\b([a-z]\w*)\(", text, re.MULTILINE)
    ]
    assert {"add", "mvtu", "sparse", "widen"} <= set(names) and len(names) == len(set(names))


@pytest.mark.parametrize("seed", [13])
def test_random_graphs_with_random_foldings(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed))
    assert_as_sim(graph, tmp_path, random_folding(graph, seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_more_random_graphs(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed))
    assert_as_sim(graph, tmp_path, random_folding(graph, seed) if seed % 2 else None)


@pytest.mark.parametrize("lanes", [1, 4, 12])
def test_channels_first(lanes: int, tmp_path: Path) -> None:
    """All channels of a pixel leave at once, however many pixels of a channel arrive at once."""
    rng = np.random.default_rng(lanes)
    x = layer(rng, map_input(rng, (3, 4, 6), "i8"), "conv", 4, (2, 2), B1_PM, B1_PM)
    folding = {"reorder": {"lanes": lanes}}
    (unit,) = (u for u in lower(packed("first", x), Names(), folding).units if u.name == "reorder_reorder")
    assert (unit.cycles, unit.wire.lanes) == (72 // lanes + 24, 3)
    assert_as_sim(packed("first", x), tmp_path, folding)


def test_dense_network(tmp_path: Path) -> None:
    assert_as_sim(dense_network((196, 64, 48, 10), TER), tmp_path, samples=20)


def test_convolutional_network(tmp_path: Path) -> None:
    graph = convolutional_network()
    assert core_result(graph).type.shape == (1, 1, 10)
    assert_as_sim(graph, tmp_path)
