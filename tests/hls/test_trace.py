"""A trace is what the unit's loop does, and it takes the cycles that the unit says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.hls.branches import BRANCHES, shuffled_network, sparse_network
from tests.hls.logged import logged
from tests.hls.lowered import lower
from tests.hls.projects import (
    ENGINES,
    Folding,
    every_engine,
    largest_folding,
    random_folding,
    smallest_folding,
)

from bnnc.hls.model.trace import READ, READ_SECOND, WRITE
from bnnc.hls.names import Names
from bnnc.ir.graph import Graph

FEW = (every_engine, sparse_network, shuffled_network)
MANY = [make for make in (*ENGINES, *BRANCHES) if make not in FEW]


def some_folding(graph: Graph) -> Folding:
    return random_folding(graph, 3)


def default_folding(graph: Graph) -> Folding:
    return {}


FOLDINGS = (smallest_folding, largest_folding, some_folding, default_folding)


@pytest.mark.parametrize("make", [*ENGINES, *BRANCHES, every_engine])
@pytest.mark.parametrize("folding", FOLDINGS)
def test_a_trace_has_the_steps_and_words_that_the_unit_says(
    make: Callable[[], Graph], folding: Callable[[Graph], Folding]
) -> None:
    graph = make()
    for stage in lower(graph, Names(), folding(graph)).stages:
        trace = stage.unit.trace
        assert trace.steps == stage.unit.cycles == len(trace.whole)
        counts = [trace.count(flag) for flag in (READ, READ_SECOND)[: len(stage.reads)]]
        assert counts == [stream.words for stream in stage.reads], stage.unit.name
        assert [trace.count(WRITE)] * len(stage.writes) == [stream.words for stream in stage.writes]
        assert trace.latency >= 1


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("make", [*FEW, *(pytest.param(make, marks=pytest.mark.slow) for make in MANY)])
def test_a_trace_is_what_the_emitted_loop_does(make: Callable[[], Graph], tmp_path: Path) -> None:
    graph = make()
    folding = random_folding(graph, 4)
    stages = lower(graph, Names(), folding).stages
    seen = logged(graph, tmp_path, folding, stages[0].reads[0].words)
    for stage in stages:
        name = stage.unit.name
        np.testing.assert_array_equal(seen[name], stage.unit.trace.whole, err_msg=name)
    assert len(seen) == len(stages)
