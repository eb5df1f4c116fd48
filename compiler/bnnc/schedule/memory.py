"""The arena: one block of memory in which values share room when they do not live at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnnc.ir.op import Op
from bnnc.schedule.stages import Stage

ALIGNMENT = 64


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets into an arena that is aligned to 64 bytes.

    `offsets` has the result of every stage but the last: the input codes and the raw result are buffers of
    the caller. `scratch` has the scratch memory of every stage, in their order (0 where a stage needs
    none).
    """

    arena_bytes: int
    offsets: dict[Op, int]
    scratch: tuple[int, ...]


@dataclass(frozen=True)
class _Block:
    first: int  # number of the stage that writes it
    last: int  # number of the last stage that reads it
    size: int
    offset: int = 0

    def meets(self, other: _Block) -> bool:
        return self.first <= other.last and other.first <= self.last


def plan(stages: Sequence[Stage], scratch_bytes: Sequence[int]) -> MemoryPlan:
    """Place every value and all scratch memory, the largest first, each at the lowest free offset."""
    values = [stage.result for stage in stages[:-1]]
    blocks = [_lifetime(value, number, stages) for number, value in enumerate(values)]
    blocks += [_Block(i, i, aligned(size)) for i, size in enumerate(scratch_bytes)]
    placed = _place(blocks)
    arena = max((block.offset + block.size for block in placed), default=0)
    offsets = {value: block.offset for value, block in zip(values, placed, strict=False)}
    return MemoryPlan(arena, offsets, tuple(block.offset for block in placed[len(values) :]))


def aligned(n_bytes: int) -> int:
    """The size rounded up to the alignment of the arena."""
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def _lifetime(value: Op, number: int, stages: Sequence[Stage]) -> _Block:
    readers = [i for i, stage in enumerate(stages) if value in stage.inputs]
    return _Block(number, max(readers, default=number), aligned(value.type.n_bytes))


def _place(blocks: Sequence[_Block]) -> list[_Block]:
    """The same blocks with their offsets."""
    placed: dict[int, _Block] = {}
    for i in sorted(range(len(blocks)), key=lambda i: (-blocks[i].size, i)):
        block = blocks[i]
        others = [other for other in placed.values() if other.meets(block)]
        placed[i] = _Block(block.first, block.last, block.size, _lowest_gap(block.size, others))
    return [placed[i] for i in range(len(blocks))]


def _lowest_gap(size: int, others: Sequence[_Block]) -> int:
    offset = 0
    for other in sorted(others, key=lambda other: other.offset):
        if offset + size <= other.offset:
            break
        offset = max(offset, other.offset + other.size)
    return offset
