"""Bytes of the arena that each stage needs, against a map of every byte."""

from __future__ import annotations

import numpy as np
import pytest
from tests.dags import random_dag

from bnnc.arm.sizes import stage_sizes
from bnnc.passes.pack import PackBits
from bnnc.schedule.memory import MemoryPlan, aligned, plan
from bnnc.schedule.stages import Stage, stages


def needed(steps: tuple[Stage, ...], memory: MemoryPlan, scratch: list[int], number: int) -> int:
    """Bytes in use while stage `number` runs, one by one."""
    used = np.zeros(memory.arena_bytes, np.bool_)
    used[memory.scratch[number] : memory.scratch[number] + aligned(scratch[number])] = True
    for made, step in enumerate(steps[:-1]):
        last = max((i for i, other in enumerate(steps) if step.result in other.inputs), default=made)
        if made <= number <= last:
            start = memory.offsets[step.result]
            used[start : start + aligned(step.result.type.n_bytes)] = True
    return int(used.sum())


@pytest.mark.parametrize("seed", range(8))
def test_arena_bytes_are_what_is_in_use(seed: int) -> None:
    steps = stages(PackBits().run(random_dag(seed, blocks=4)))
    scratch = [70 * i for i in range(len(steps))]
    memory = plan(steps, scratch)
    sizes = stage_sizes(steps, memory, scratch, [bytes(i) for i in range(len(steps))])
    assert [size.arena_bytes for size in sizes] == [
        needed(steps, memory, scratch, number) for number in range(len(steps))
    ]
    assert [size.weight_bytes for size in sizes] == list(range(len(steps)))
    assert [size.function for size in sizes] == [step.name for step in steps]
