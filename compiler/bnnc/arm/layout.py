"""Where everything of a program lies: values in the arena, constants in weights.bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bnnc.arm.stored import Blob, Storage
from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_input, core_result
from bnnc.schedule.memory import MemoryPlan, aligned
from bnnc.schedule.stages import Stage, storage


@dataclass(frozen=True)
class Call:
    """A call of a kernel. `inputs`, `y`, `scratch` are offsets into the arena, `constants` into the weights.

    Where the constants `are_decoded`, into the memory that weights are decoded to. A kernel that `is_shared`
    is called by every thread, for a part of the work and with `scratch_bytes` of its own.
    """

    function: str
    label: str
    inputs: tuple[int, ...]
    y: int
    scratch: int
    constants: int
    are_decoded: bool
    is_shared: bool = False
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Layout:
    """Offsets into the arena, multiples of ALIGNMENT. `test_output` is where the self-test puts integers.

    `blobs` are the coded constants among the weights, which are decoded to `decoded_bytes` of memory.
    """

    calls: tuple[Call, ...]
    input: int
    output: int
    test_output: int
    arena_bytes: int
    weights: bytes
    blobs: tuple[Blob, ...] = ()
    decoded_bytes: int = 0

    @property
    def arities(self) -> list[int]:
        """How many inputs kernels have, each number once."""
        return sorted({len(call.inputs) for call in self.calls if not call.is_shared})

    @property
    def shared_arities(self) -> list[int]:
        """The same of kernels that are shared."""
        return sorted({len(call.inputs) for call in self.calls if call.is_shared})


def lay_out(graph: Graph, stages: Sequence[Stage], plan: MemoryPlan, constants: Storage) -> Layout:
    """Behind the planned values come codes and raw integers, copied so that kernels find them aligned."""
    source, result = core_input(graph), core_result(graph)
    start = aligned(plan.arena_bytes)
    output = start + aligned(source.type.n_bytes)
    offsets = {**plan.offsets, result: output, source: start}
    test_output = output + aligned(result.type.n_bytes)
    calls = tuple(
        Call(
            stage.name,
            label(stage),
            tuple(offsets[value] for value in stage.inputs),
            offsets[stage.result],
            scratch,
            first,
            are_decoded,
        )
        for stage, scratch, first, are_decoded in zip(
            stages, plan.scratch, constants.offsets, constants.coded, strict=True
        )
    )
    return Layout(
        calls,
        start,
        offsets[storage(result)],
        test_output,
        test_output + aligned(result.type.n_bytes),
        constants.weights,
        constants.blobs,
        constants.decoded_bytes,
    )


def share(layout: Layout, scratch_bytes: Sequence[int], are_shared: Sequence[bool]) -> Layout:
    """The layout where some kernels are shared by threads; `scratch_bytes` is what one thread needs."""
    if not any(are_shared):
        return layout
    told = zip(layout.calls, scratch_bytes, are_shared, strict=True)
    calls = tuple(replace(call, is_shared=is_, scratch_bytes=aligned(size)) for call, size, is_ in told)
    return replace(layout, calls=calls)


def label(stage: Stage) -> str:
    """The operations of a stage and the node that it comes from: `xnor_conv2d, threshold, pack: 'fc1'`."""
    return f"{', '.join(op.mnemonic() for op in stage.ops)}: {stage.head.name!r}"
