"""Where everything of a program lies: values in the arena, constants in weights.bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_input, core_result
from bnnc.schedule.memory import ALIGNMENT, MemoryPlan, aligned
from bnnc.schedule.stages import Stage, storage


@dataclass(frozen=True)
class Call:
    """A call of a kernel. `x`, `y`, `scratch` are offsets into the arena, `constants` into the weights."""

    function: str
    label: str
    x: int
    y: int
    scratch: int
    constants: int


@dataclass(frozen=True)
class Layout:
    """Offsets into the arena, multiples of ALIGNMENT. `test_output` is where the self-test puts integers."""

    calls: tuple[Call, ...]
    input: int
    output: int
    test_output: int
    arena_bytes: int
    weights: bytes


def lay_out(graph: Graph, stages: Sequence[Stage], plan: MemoryPlan, constants: Sequence[bytes]) -> Layout:
    """Behind the planned values come codes and raw integers, copied so that kernels find them aligned."""
    source, result = core_input(graph), core_result(graph)
    weights, starts = _join(constants)
    start = aligned(plan.arena_bytes)
    output = start + aligned(source.type.n_bytes)
    offsets = {**plan.offsets, result: output, source: start}
    test_output = output + aligned(result.type.n_bytes)
    calls = tuple(
        Call(stage.name, label(stage), offsets[stage.inputs[0]], offsets[stage.result], scratch, first)
        for stage, scratch, first in zip(stages, plan.scratch, starts, strict=True)
    )
    return Layout(
        calls,
        start,
        offsets[storage(result)],
        test_output,
        test_output + aligned(result.type.n_bytes),
        weights,
    )


def label(stage: Stage) -> str:
    """The operations of a stage and the node that it comes from: `xnor_conv2d, threshold, pack: 'fc1'`."""
    return f"{', '.join(op.mnemonic() for op in stage.ops)}: {stage.head.name!r}"


def _join(parts: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """All parts in one, each aligned, and where each starts. Never empty: C has no empty objects."""
    joined, starts = bytearray(), []
    for part in parts:
        joined.extend(bytes(aligned(len(joined)) - len(joined)))
        starts.append(len(joined))
        joined.extend(part)
    return bytes(joined) or bytes(ALIGNMENT), starts
