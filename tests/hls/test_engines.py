"""Every engine gives the simulator's integers at any folding."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.graphs import Allowed, random_graph
from tests.hls.projects import (
    assert_as_sim,
    convolutional_network,
    dense_network,
    every_engine,
    largest_folding,
    random_folding,
    smallest_folding,
)

from bnnc.ir.elem import TER
from bnnc.ir.parts import core_result
from bnnc.passes.pack import PackBits

pytestmark = pytest.mark.usefixtures("cpp")
ALLOWED = Allowed(heads=("i8", "u8", "u2", "b1_pm"), groups=False)


def test_every_engine_with_the_default_folding(tmp_path: Path) -> None:
    assert_as_sim(every_engine(), tmp_path)


def test_every_engine_one_product_at_a_time(tmp_path: Path) -> None:
    graph = every_engine()
    assert_as_sim(graph, tmp_path, smallest_folding(graph))


def test_every_engine_as_wide_as_words_are(tmp_path: Path) -> None:
    graph = every_engine()
    assert_as_sim(graph, tmp_path, largest_folding(graph))


@pytest.mark.parametrize("seed", [0, 9, 13, 20])
def test_random_graphs_with_random_foldings(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed, allowed=ALLOWED))
    assert_as_sim(graph, tmp_path, random_folding(graph, seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_more_random_graphs(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed, allowed=ALLOWED))
    assert_as_sim(graph, tmp_path, random_folding(graph, seed) if seed % 2 else None)


def test_dense_network(tmp_path: Path) -> None:
    assert_as_sim(dense_network((196, 64, 48, 10), TER), tmp_path, samples=20)


def test_convolutional_network(tmp_path: Path) -> None:
    graph = convolutional_network()
    assert core_result(graph).type.shape == (1, 1, 10)
    assert_as_sim(graph, tmp_path)
