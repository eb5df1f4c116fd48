"""FIFOs are deep enough and no deeper: no cycle is lost, and no unit waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dags import EVERYTHING, random_dag
from tests.hls.bounded import bounded, ends
from tests.hls.branches import BRANCHES, residual_network, shuffled_network, tall_residual
from tests.hls.lowered import lower
from tests.hls.pipelines import random_stages
from tests.hls.projects import every_engine, random_folding, write_project
from tests.hls.tokens import blocked

from bnnc.errors import BnncError
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.simulate import Wait, simulate
from bnnc.hls.model.sizing import (
    LATENCIES,
    LEAST,
    MOST_WAITS,
    PIPELINE,
    deadlock_error,
    fifos,
    minimal_depths,
    shown,
    slowest,
)
from bnnc.hls.names import Names
from bnnc.ir.graph import Graph
from bnnc.passes.pack import PackBits

SMALL = replace(EVERYTHING, max_channels=33)


def depths(acc: Accelerator) -> dict[str, int]:
    return {fifo.name: fifo.depth for fifo in acc.fifos}


def assert_sized(acc: Accelerator) -> None:
    """Samples follow each other at the rate of the slowest unit, and a word less anywhere costs cycles."""
    for latency in LATENCIES:
        run = simulate(acc.stages, depths(acc), latency=latency)
        assert run.ii_cycles == slowest(acc.stages) and not run.deadlock
    assert not simulate(acc.stages, depths(acc), drains=True).deadlock
    assert "nothing" not in shown(acc.stages, depths(acc)).values()


@pytest.mark.parametrize("make", [*BRANCHES, tall_residual, every_engine])
def test_depths_are_the_least_that_cost_no_cycle(make: Callable[[], Graph]) -> None:
    graph = make()
    assert_sized(lower(graph, Names(), random_folding(graph, 1)))


@pytest.mark.parametrize("seed", range(8))
def test_depths_of_random_branches_are_the_least(seed: int) -> None:
    graph = PackBits().run(random_dag(seed, allowed=SMALL))
    assert_sized(lower(graph, Names(), random_folding(graph, seed)))


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
    shallow = dict.fromkeys(depths(acc), LEAST)
    circle = simulate(acc.stages, shallow).deadlock
    assert blocked(acc, shallow) and {wait.unit for wait in circle} <= set(blocked(acc, shallow))


@pytest.mark.usefixtures("cpp")
def test_the_emitted_units_do_not_wait_for_ever(tmp_path: Path) -> None:
    write_project(residual_network(), tmp_path / "net")
    program = bounded(tmp_path / "net", lower(residual_network(), Names()).input.words)
    assert ends(program)
    assert not ends(program, "shallow")


def test_a_branch_holds_what_the_other_one_waits_for() -> None:
    """Two windows of 3 x 3 hold back about two rows each."""
    one_tap = {"conv1": {"pe": 1, "simd": 2}, "conv2": {"pe": 1, "simd": 4}}
    one_lane = dict.fromkeys(("values", "sign", "add"), {"lanes": 1})
    acc = lower(tall_residual(), Names(), one_tap | one_lane)
    row = 24 * 2
    assert 4 * row < depths(acc)["copy_from_values_fork"] < 6 * row + 13 * PIPELINE


def test_given_depths_are_taken() -> None:
    stages = lower(residual_network(), Names()).stages
    found = {fifo.name: fifo.depth for fifo in fifos(stages, {"from_stem_mvtu": 77})}
    assert found.pop("from_stem_mvtu") == 77
    assert found.items() <= {fifo.name: fifo.depth for fifo in fifos(stages)}.items()


def test_given_depths_may_cost_cycles() -> None:
    stages = lower(residual_network(), Names()).stages
    deep = max(fifos(stages), key=lambda fifo: fifo.depth)
    found = {fifo.name: fifo.depth for fifo in fifos(stages, {deep.name: deep.depth - 1})}
    assert simulate(stages, found, latency=PIPELINE).ii_cycles > slowest(stages)


def test_given_depths_that_block_are_refused_with_the_loop() -> None:
    stages = lower(tall_residual(), Names()).stages
    with pytest.raises(BnncError) as refused:
        fifos(stages, {"copy_from_values_fork": 20})
    enough = {fifo.name: fifo.depth for fifo in fifos(stages)}["copy_from_values_fork"]
    head, *loop = str(refused.value).splitlines()
    assert head == (
        "FIFO 'copy_from_values_fork': with 20 words units wait for each other for ever; "
        f"give it {enough} words, which cost no cycle, or leave its depth out; the loop is"
    )
    assert loop[0] == "  values_fork waits for room in copy_from_values_fork, and so for add_add"
    assert all(" waits for " in line for line in loop) and len(loop) <= MOST_WAITS
    units = [line.split()[0] for line in loop]
    assert [line.split()[-1] for line in loop] == [*units[1:], units[0]]


def test_long_loops_are_told_in_part() -> None:
    names = [f"unit{i}" for i in range(MOST_WAITS + 5)]
    around = zip(names, [*names[1:], names[0]], strict=True)
    waits = tuple(Wait(unit, f"from_{unit}", True, other) for unit, other in around)
    said = str(
        deadlock_error(waits, {"from_unit3": 2, "from_unit2": 9}, {"from_unit3": 1_234, "from_unit2": 9})
    )
    lines = said.splitlines()
    assert lines[0].startswith("FIFO 'from_unit3': with 2 words ") and "give it 1,234 words" in lines[0]
    assert lines[1].startswith("  unit3 waits for room in from_unit3") and lines[-1] == "  .. and 5 more"
    assert len(lines) == MOST_WAITS + 2 and "FIFO 'from_unit2'" not in said


def test_a_loop_through_depths_that_suffice_is_a_bug_of_ours() -> None:
    with pytest.raises(AssertionError, match="least depths block"):
        deadlock_error((Wait("a", "from_a", True, "a"),), {"from_a": 9}, {"from_a": 9})


@given(st.integers(0, 2**32), st.sampled_from(LATENCIES))
@settings(max_examples=50, deadline=None)
def test_depths_that_suffice_do_so_where_units_drain(seed: int, latency: int | None) -> None:
    stages = random_stages(seed)
    assert not simulate(stages, minimal_depths(stages), latency=latency, drains=True).deadlock


def test_fifos_that_are_not_there() -> None:
    with pytest.raises(BnncError, match="FIFO 'from_nobody': there is none; there are copy_from"):
        fifos(lower(residual_network(), Names()).stages, {"from_nobody": 3})
