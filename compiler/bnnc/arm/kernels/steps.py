"""The operations between a stage's head and its result: what is done to 32-bit integers at hand."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx

from bnnc.arm.kernels.bounds import bounds
from bnnc.arm.kernels.builder import Expr, Kernel, cast, splat
from bnnc.arm.kernels.levels import (
    MAX_COMPARED_CUTS,
    ScalarStep,
    Spot,
    VectorStep,
    compared,
    looked_up,
    searched,
)
from bnnc.arm.kernels.rescale import rescaled
from bnnc.ir.integer_ops import NO_CUT, Table, Threshold
from bnnc.ir.op import Op, tensor_of
from bnnc.ir.value_ops import AddMaps, Rescale


@dataclass(frozen=True)
class Step:
    """One operation: on vectors of channels where there is a way, else channel by channel."""

    vector: VectorStep | None = None
    scalar: ScalarStep | None = None


def step_of(kernel: Kernel, op: Op, before: Op, capacity: int) -> Step | None:
    """How `op` goes on from the values of `before`; None where it changes nothing."""
    match op:
        case Threshold() if op.cuts.shape[1] <= MAX_COMPARED_CUTS:
            return Step(below_no_cut(before, compared(kernel, op, capacity)))
        case Threshold():
            return Step(scalar=searched(kernel, op))
        case Table():
            return Step(scalar=looked_up(kernel, op))
        case Rescale():
            return Step(rescaled(kernel, op, bounds(before), capacity))
        case AddMaps():
            return _added(kernel, op, before, capacity)
        case _:
            return None


def below_no_cut(before: Op, step: VectorStep) -> VectorStep:
    """The same step on values that may be as large as the cut that stands for none: no real cut is."""
    may_reach = isinstance(before, Rescale | AddMaps) and bounds(before).hull()[1] >= NO_CUT
    if not may_reach:
        return step
    return lambda x, spot, lanes: step(tirx.min(x, splat(NO_CUT - 1, lanes)), spot, lanes)


def _added(kernel: Kernel, op: AddMaps, before: Op, capacity: int) -> Step:
    """The other operand out of memory, which ends at the last channel."""
    other, channels = op.b if op.a is before else op.a, op.type.shape[-1]
    if other is before:
        return Step(lambda x, _spot, _lanes: x + x)
    view = kernel.read(other, tensor_of(other).elem.dtype.name)

    def values(x: Expr, spot: Spot, lanes: int) -> Expr:
        added = view.vector(spot.pixel * channels + spot.channel, lanes)
        return x + cast("int32", added, lanes)

    def value(x: Expr, spot: Spot) -> Expr:
        return values(x, spot, 1)

    return Step(values) if channels == capacity else Step(scalar=value)
