"""What a tuning log calls a stage: all that its time depends on, and no name."""

from __future__ import annotations

from bnnc.ir.op import Op, attribute_fields
from bnnc.schedule.stages import Stage


def stage_key(stage: Stage) -> str:
    """Operations, types and shapes; equal for layers that differ in their numbers only."""
    read = ", ".join(str(op.type) for op in stage.inputs)
    return " ".join((read, *(f"-> {_step(op)}" for op in stage.ops)))


def _step(op: Op) -> str:
    constants = (f"{name}={array.dtype}{[*array.shape]}" for name, array in op.constants.items())
    attributes = (f"{name}={_text(getattr(op, name))}" for name in attribute_fields(type(op)))
    return f"{op.mnemonic()}({', '.join((*constants, *attributes))}) {op.type}"


def _text(value: object) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, tuple) else str(value)
