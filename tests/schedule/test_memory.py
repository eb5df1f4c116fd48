"""The arena: values that live at the same time never share a byte."""

from __future__ import annotations

import itertools

import pytest
from tests.dags import random_dag
from tests.graphs import random_graph

from bnnc.passes.pack import PackBits
from bnnc.schedule.memory import ALIGNMENT, MemoryPlan, aligned, plan
from bnnc.schedule.stages import Stage, stages


def planned(seed: int, scratch: int = 100) -> tuple[tuple[Stage, ...], MemoryPlan]:
    graph = random_dag(seed, blocks=4) if seed % 2 else random_graph(seed, layers=5)
    steps = stages(PackBits().run(graph))
    return steps, plan(steps, [scratch * i for i in range(len(steps))])


def live_ranges(steps: tuple[Stage, ...], arena: MemoryPlan, number: int) -> list[tuple[int, int]]:
    """(offset, end) of what a stage reads, writes and scribbles in, and of what waits meanwhile."""
    waiting = {
        step.result
        for i, step in enumerate(steps[:-1])
        if i <= number and (i == number or any(step.result in later.inputs for later in steps[number:]))
    }
    ranges = [(arena.offsets[value], arena.offsets[value] + value.type.n_bytes) for value in waiting]
    return [*ranges, (arena.scratch[number], arena.scratch[number] + 100 * number)]


@pytest.mark.parametrize("seed", range(20))
def test_what_lives_together_lies_apart(seed: int) -> None:
    steps, arena = planned(seed)
    for number in range(len(steps)):
        ranges = [r for r in live_ranges(steps, arena, number) if r[0] < r[1]]
        for a, b in itertools.combinations(sorted(ranges), 2):
            assert a[1] <= b[0]
        assert all(r[1] <= arena.arena_bytes and r[0] % ALIGNMENT == 0 for r in ranges)


@pytest.mark.parametrize("seed", range(5))
def test_the_arena_is_not_the_sum_of_all(seed: int) -> None:
    steps, arena = planned(seed, scratch=0)
    sizes = [aligned(step.result.type.n_bytes) for step in steps[:-1]]
    assert max(sizes) <= arena.arena_bytes < sum(sizes) or len(sizes) < 3


def test_the_plan_is_the_same_every_time() -> None:
    assert planned(3)[1].arena_bytes == planned(3)[1].arena_bytes
    assert list(planned(3)[1].offsets.values()) == list(planned(3)[1].offsets.values())


def test_no_stages_need_no_memory() -> None:
    assert plan((), ()) == MemoryPlan(0, {}, ())
