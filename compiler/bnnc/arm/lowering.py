"""Stages to kernels: which kernel family writes the function of a stage."""

from __future__ import annotations

from collections.abc import Sequence

from bnnc.arm.candidates import candidates
from bnnc.arm.kernels.builder import Built, Kernel, build_kernel
from bnnc.arm.kernels.depthwise_conv import write_depthwise_conv
from bnnc.arm.kernels.depthwise_plan import depthwise_plan
from bnnc.arm.kernels.grouped_conv import write_grouped_conv
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.packed_pool import write_packed_pool
from bnnc.arm.kernels.pixelwise import (
    channels_first,
    unpacked,
    write_channels_first,
    write_gathered,
    write_joined,
    write_pixelwise,
    write_steps,
)
from bnnc.arm.kernels.pools import write_pool
from bnnc.arm.kernels.signs import compares_narrow, write_signs
from bnnc.arm.kernels.top_k import write_top_k
from bnnc.errors import Finding, raise_all
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.types import Packed
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.schedule.stages import Stage

_LAYERS = (Conv2d, XnorConv2d, BitConv2d, SparseDense)
_POOLS = (MaxPool2d, SumPool2d, PackedMaxPool2d)
_STEPS = (Threshold, Table, Narrow, Rescale, AddMaps)
_MOVES = (Pack, Unpack, ChannelsLast, ChannelsFirst, ConcatChannels, GatherChannels, TopK)


def check(stages: Sequence[Stage], target_name: str) -> None:
    """Raise one BnncError for all operations that have no kernel."""
    raise_all(
        [
            Finding(
                stage.head.where,
                f"target {target_name} has no kernel for this operation",
                "use --target hls, or --on sim to run it in the simulator",
            )
            for stage in stages
            if not isinstance(stage.head, _LAYERS + _POOLS + _STEPS + _MOVES)
        ]
    )


def lower(stage: Stage, isa: Isa, parts: int = 1, choice: str = "") -> Built:
    """The kernel of a stage that `check` has passed, shared by so many threads where that is possible.

    `choice` names one of its candidates; without it the best by the cost models is taken.
    """
    found = candidates(stage, isa)
    named = {candidate.name: candidate for candidate in found}
    chosen = named[choice] if choice else next(iter(found), None)
    write = chosen.write if chosen else lambda kernel: _write(kernel, isa, stage)
    return build_kernel(stage.name, stage.inputs, write, parts, keeps_loops=bool(isa.in_order))


def _write(kernel: Kernel, isa: Isa, stage: Stage) -> None:
    """A stage that is computed in one way only."""
    rest = stage.ops[1:]
    match stage.head:
        case Conv2d() as conv if depthwise := depthwise_plan(isa, conv, _is_packed(stage)):
            write_depthwise_conv(kernel, conv, rest, depthwise)
        case Conv2d() as conv:
            write_grouped_conv(kernel, isa, conv, rest)
        case MaxPool2d() | SumPool2d() as pool:
            write_pool(kernel, pool, rest)
        case PackedMaxPool2d() as pool:
            write_packed_pool(kernel, pool)
        case TopK() as top:
            write_top_k(kernel, top)
        case ChannelsFirst() as op:
            write_channels_first(kernel, op)
        case ChannelsLast() as op:
            write_pixelwise(kernel, op, channels_first(kernel, op), rest)
        case Unpack() as op:
            write_pixelwise(kernel, op, unpacked(kernel, op), rest)
        case ConcatChannels() as op:
            write_joined(kernel, op, rest)
        case GatherChannels() as op:
            write_gathered(kernel, op, rest)
        case Threshold() as step if compares_narrow(isa, stage.ops):
            write_signs(kernel, step)
        case Threshold() | Table() | Narrow() | Rescale() | AddMaps() | Pack():
            write_steps(kernel, stage.ops)


def _is_packed(stage: Stage) -> bool:
    return isinstance(stage.result.type, Packed)
