"""FIFOs are deep enough: no unit waits for ever, whatever iterations a tool's pipelines keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from tests.dags import EVERYTHING, random_dag
from tests.hls.branches import BRANCHES, residual_network, shuffled_network, tall_residual
from tests.hls.projects import every_engine, random_folding
from tests.hls.test_window import random_window
from tests.hls.tokens import blocked, constants_of, iterations, pace, window_iterations

from bnnc.hls.fifos import PIPELINE
from bnnc.hls.lanes import BIPOLAR
from bnnc.hls.lower import Accelerator, lower
from bnnc.hls.names import Names
from bnnc.hls.window import window_struct
from bnnc.ir.graph import Graph
from bnnc.passes.pack import PackBits

SMALL = replace(EVERYTHING, max_channels=33)


def depths(acc: Accelerator) -> dict[str, int]:
    return {fifo.name: fifo.depth for fifo in acc.fifos}


@pytest.mark.parametrize("pipeline", [0, 1, PIPELINE])
@pytest.mark.parametrize("make", [*BRANCHES, tall_residual, every_engine])
def test_nobody_waits_for_ever(make: Callable[[], Graph], pipeline: int) -> None:
    graph = make()
    acc = lower(graph, Names(), random_folding(graph, 1))
    assert blocked(acc, depths(acc), pipeline=pipeline) == []


@pytest.mark.parametrize("seed", range(12))
def test_nobody_waits_for_ever_in_random_branches(seed: int) -> None:
    graph = PackBits().run(random_dag(seed, allowed=SMALL))
    acc = lower(graph, Names(), random_folding(graph, seed))
    assert blocked(acc, depths(acc), pipeline=5 * (seed % 3)) == []


@pytest.mark.parametrize("make", [residual_network, shuffled_network, tall_residual])
def test_shallow_fifos_block(make: Callable[[], Graph]) -> None:
    acc = lower(make(), Names())
    assert blocked(acc, dict.fromkeys(depths(acc), 2))


def test_a_branch_waits_for_what_the_other_holds_back_and_no_longer() -> None:
    """Two windows of 3 x 3 hold back three rows each at most; least is what does not block."""
    one_tap = {"conv1": {"pe": 1, "simd": 2}, "conv2": {"pe": 1, "simd": 4}}
    one_lane = dict.fromkeys(("values", "sign", "add"), {"lanes": 1})
    acc = lower(tall_residual(), Names(), one_tap | one_lane)
    found, row = depths(acc), 24 * 2
    depth = found["copy_from_values_fork"]
    assert 5 * row < depth < 6 * row + 13 * PIPELINE
    assert blocked(acc, found | {"copy_from_values_fork": 5 * row})


def test_a_chain_needs_no_room_for_branches() -> None:
    acc = lower(every_engine(), Names())
    assert [fifo.depth for fifo in acc.fifos] == [stage.unit.fifo for stage in acc.stages[1:]]


@pytest.mark.parametrize("make", [*BRANCHES, tall_residual, every_engine])
def test_no_unit_holds_back_more_than_it_says(make: Callable[[], Graph]) -> None:
    graph = make()
    for stage in lower(graph, Names(), random_folding(graph, 2)).stages:
        said, n_reads = stage.unit.pace, tuple(stream.words for stream in stage.reads)
        seen = pace(iterations(stage.unit), n_reads, stage.unit.words, said.hold)
        assert seen.hold <= said.hold and seen.wait <= said.wait, stage.unit.name


@pytest.mark.parametrize("seed", range(60))
def test_a_window_holds_back_what_it_says(seed: int) -> None:
    window = random_window(seed)
    said, n_reads = window.rows.pace, window.shape[0] * window.in_steps
    text = window_struct("w", window, 1, BIPOLAR, None)
    seen = pace(window_iterations(constants_of(text)), (n_reads,), window.out_words, said.hold)
    assert seen.hold == said.hold
    assert said.wait - Fraction(2, min(n_reads, window.out_words)) <= seen.wait <= said.wait
