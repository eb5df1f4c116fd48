"""Fixed-point steps: the one place where a network may compute in float64.

Cast to DOUBLE -> Mul -> [Add] -> [PRelu] -> [Add] -> Floor -> Clip -> Cast to FLOAT become one `FixedPoint`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.node import Node
from bnnc.frontends.values import Const, Doubles, Value
from bnnc.ir import source_ops as s
from bnnc.ir.op import Array

STAGES = ("Cast", "Mul", "Add", "PRelu", "the second Add", "Floor", "Clip")
_REMEDY = "float64 is read as Cast, Mul, [Add], [PRelu], [Add], Floor, Clip, Cast only"
OLDEST_CLIP = 12  # of float64 in onnxruntime


def convert(node: Node) -> Value:
    """The value of a node with a float64 operand."""
    doubles = next(value for value in node.inputs if isinstance(value, Doubles))
    if node.op_type not in STEPS:
        raise node.refusal("computes in float64", _REMEDY)
    return STEPS[node.op_type](node, doubles)


def _after(node: Node, doubles: Doubles, stage: str, **read: Any) -> Doubles:
    """The next stage, with the fields that it gives."""
    position = STAGES.index(stage)
    node.require(doubles.stage < position, f"stands behind {STAGES[doubles.stage]} in float64", _REMEDY)
    return replace(doubles, stage=position, **read)


def _constant(node: Node, doubles: Doubles, what: str) -> Array:
    """The operand that is no float64 number of the network: a constant, () or (C,)."""
    positions = [i for i, value in enumerate(node.inputs) if isinstance(value, Const)]
    node.require(len(positions) == 1, "combines two layers' results in float64", _REMEDY)
    array = node.const(positions[0], what).array
    node.require(array.dtype == np.float64, f"{what} is {array.dtype}, not float64")
    node.require(array.size > 0 and bool(np.isfinite(array).all()), f"NaN or infinity in {what}")
    return channel_constant(node, array, doubles.x, what)


def multiply(node: Node, doubles: Doubles) -> Value:
    """Mul by the multiplier."""
    return _after(node, doubles, "Mul", multiplier=_constant(node, doubles, "the multiplier"))


def add(node: Node, doubles: Doubles) -> Value:
    """The first Add, or the one behind PRelu."""
    constant = _constant(node, doubles, "the constant")
    if doubles.stage < STAGES.index("Add"):
        return _after(node, doubles, "Add", before=constant)
    return _after(node, doubles, "the second Add", after=constant)


def prelu(node: Node, doubles: Doubles) -> Value:
    """PRelu in front of the second Add."""
    node.require(
        isinstance(node.value(0), Doubles), "its slope is computed at run time", "make it a constant"
    )
    return _after(node, doubles, "PRelu", slope=_constant(node, doubles, "the slope"))


def floor(node: Node, doubles: Doubles) -> Value:
    """Floor"""
    return _after(node, doubles, "Floor")


def clip(node: Node, doubles: Doubles) -> Value:
    """Clip to whole numbers."""
    node.require(doubles.stage == STAGES.index("Floor"), "clips float64 numbers in front of Floor", _REMEDY)
    node.require(
        node.opset >= OLDEST_CLIP, f"clips float64 in opset {node.opset}", f"use {OLDEST_CLIP} or newer"
    )
    node.require(node.has(1) and node.has(2), "clips float64 numbers on one side", "give both bounds")
    lo, hi = node.number(1, "a bound"), node.number(2, "a bound")
    node.require(
        lo <= hi and lo.is_integer() and hi.is_integer(), f"clips to {lo}..{hi}", "use whole numbers"
    )
    return _after(node, doubles, "Clip", lo=lo, hi=hi)


def cast(node: Node, doubles: Doubles) -> Value:
    """Back to float32, which ends the step."""
    target = node.int_attribute("to", 0)
    if target == TensorProto.DOUBLE:
        return doubles
    complete = target == TensorProto.FLOAT and doubles.stage == STAGES.index("Clip")
    node.require(complete, f"casts float64 numbers behind {STAGES[doubles.stage]}", _REMEDY)
    d = doubles
    return s.FixedPoint(node.name, d.x, d.multiplier, d.before, d.slope, d.after, d.lo, d.hi)


STEPS: dict[str, Callable[[Node, Doubles], Value]] = {
    "Mul": multiply,
    "Add": add,
    "PRelu": prelu,
    "Floor": floor,
    "Clip": clip,
    "Cast": cast,
}
