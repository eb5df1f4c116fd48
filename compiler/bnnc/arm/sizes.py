"""What each stage of a program takes: memory that is in use while it runs, constants that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnnc.ir.op import Op
from bnnc.schedule.memory import MemoryPlan, aligned
from bnnc.schedule.stages import Stage


@dataclass(frozen=True)
class StageSize:
    """`function` is the kernel, `layer` the operation it begins with, `ops` are all of its operations.

    `arena_bytes` are in use while it runs: its operands, its result, its scratch memory, and what later
    stages read. `weight_bytes` are its constants as the kernel reads them.
    """

    function: str
    layer: str
    ops: tuple[str, ...]
    arena_bytes: int
    weight_bytes: int


def stage_sizes(
    stages: Sequence[Stage], plan: MemoryPlan, scratch_bytes: Sequence[int], constants: Sequence[bytes]
) -> tuple[StageSize, ...]:
    """The sizes of every stage; the codes and the raw integers, which are the caller's, do not count."""
    return tuple(
        StageSize(
            stage.name,
            stage.head.name,
            tuple(op.mnemonic() for op in stage.ops),
            _covered([*_living(number, stages, plan), (plan.scratch[number], scratch_bytes[number])]),
            len(constants[number]),
        )
        for number, stage in enumerate(stages)
    )


def _living(number: int, stages: Sequence[Stage], plan: MemoryPlan) -> Iterable[tuple[int, int]]:
    """(offset, bytes) of the values that are written by then and read then or later, or written then."""
    made = [stage.result for stage in stages[: number + 1]]
    needed: set[Op] = {value for stage in stages[number:] for value in stage.inputs} | {made[-1]}
    return (
        (plan.offsets[value], value.type.n_bytes) for value in made if value in needed & plan.offsets.keys()
    )


def _covered(blocks: Iterable[tuple[int, int]]) -> int:
    """Bytes that are in one block at least: a result may lie where an operand lay."""
    total = end = 0
    for offset, size in sorted(blocks):
        stop = offset + aligned(size)
        total += max(0, stop - max(end, offset))
        end = max(end, stop)
    return total
