"""Stages to kernels: which kernel family writes the function of a stage."""

from __future__ import annotations

from collections.abc import Sequence

from bnnc.arm.kernels.binary_conv import write_binary_conv
from bnnc.arm.kernels.builder import Built, Kernel, build_kernel
from bnnc.arm.kernels.isa import Isa
from bnnc.errors import Finding, raise_all
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.schedule.stages import Stage

_HEADS = (XnorConv2d, BitConv2d)


def check(stages: Sequence[Stage], target_name: str) -> None:
    """Raise one BnncError for all operations that have no kernel."""
    raise_all(
        [
            Finding(
                f"node {stage.head.name!r} ({stage.head.mnemonic()})",
                f"there is no CPU kernel for this operation (target {target_name})",
                "use --target hls, or --on sim to run it in the simulator",
            )
            for stage in stages
            if not isinstance(stage.head, _HEADS)
        ]
    )


def lower(stage: Stage, isa: Isa) -> Built:
    """The kernel of a stage that `check` has passed."""
    return build_kernel(stage.name, lambda kernel: _write(kernel, isa, stage))


def _write(kernel: Kernel, isa: Isa, stage: Stage) -> None:
    rest = stage.ops[1:]
    match stage.head:
        case XnorConv2d() | BitConv2d() as conv:
            write_binary_conv(kernel, isa, conv, rest)
