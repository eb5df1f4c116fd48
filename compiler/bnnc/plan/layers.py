"""The layers of a source graph that have weights: what each reads in real numbers, its work, its block."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op

Weighted = src.Conv | src.Dense
_LAYOUTS = Reshape | src.Transpose
_KEEP_BITS = Reshape | src.Transpose | src.Pad | src.MaxPool | src.Mul | src.Gather
Above = Mapping[Op, frozenset[Op]]


@dataclass(frozen=True)
class RealInput:
    """The value of `op`, of which the ONNX graph has a tensor, after `steps`, minus `centre` (() or (C,))."""

    op: Op
    steps: tuple[Op, ...]
    centre: Array


@dataclass(frozen=True)
class Layer:
    """A layer with weights. `kind` is its operation, `macs` its multiply-accumulates for one sample.

    `role` is "first" (no layer in front), "last" (none behind), "shortcut" or "". `block` is the name of the
    residual addition behind it, if it is in one of the branches that meet there.
    """

    name: str
    kind: str
    input: RealInput
    macs: int
    role: str = ""
    block: str = ""


def find_layers(graph: Graph, tensors: Container[str]) -> tuple[Layer, ...]:
    """The layers of a source graph in its order; `tensors`: names of operations whose results can be read."""
    above = layers_above(graph)
    blocks, shortcuts = residual_blocks(graph, above), shortcut_layers(graph, above)
    inner = {other for op in above for other in above[op] if isinstance(op, Weighted) and other is not op}

    def role(op: Op) -> str:
        if above[op] == {op}:
            return "first"
        return "last" if op not in inner else "shortcut" if op in shortcuts else ""

    return tuple(
        Layer(op.name, op.mnemonic(), real_input(op, tensors), macs(op), role(op), blocks.get(op, ""))
        for op in graph.ops
        if isinstance(op, Weighted)
    )


def macs(layer: Weighted) -> int:
    """Multiply-accumulates for one sample, padding counted: for each result element its channel's weights."""
    return math.prod(layer.type.shape) * math.prod(layer.weights.shape[1:])


def layers_above(graph: Graph) -> Above:
    """For every operation the layers on the ways from the input to it, itself included."""
    above: dict[Op, frozenset[Op]] = {}
    for op in graph.ops:
        own = frozenset({op} if isinstance(op, Weighted) else ())
        above[op] = own.union(*(above[operand] for operand in op.operands))
    return above


def residual_blocks(graph: Graph, above: Above) -> dict[Op, str]:
    """The residual addition of each layer that is above one of its operands alone; of several the first.

    What is above both is in front of the place where the branches part.
    """
    blocks: dict[Op, str] = {}
    for add in _additions(graph):
        for layer in above[add.a] ^ above[add.b]:
            blocks.setdefault(layer, add.name)
    return blocks


def shortcut_layers(graph: Graph, above: Above) -> set[Op]:
    """1x1 convolutions that are alone in their branch, beside one with a larger kernel or several layers."""
    found: set[Op] = set()
    seen: set[Op] = set()
    for add in _additions(graph):
        a, b = above[add.a] - above[add.b] - seen, above[add.b] - above[add.a] - seen
        for branch, other in ((a, b), (b, a)):
            if len(branch) == 1 and all(map(_is_pointwise, branch)):
                found.update(branch if len(other) > 1 or not all(map(_is_pointwise, other)) else ())
        seen |= a | b
    return found


def real_input(layer: Weighted, tensors: Container[str]) -> RealInput:
    """What a layer reads, padding left out; where it reads bits, the value in front of their sign."""
    sign = _sign_in_front(layer.x)
    op, centre = sign or (layer.x, np.zeros((), np.float32))
    return _traced(_without_padding(op), centre, tensors)


def _additions(graph: Graph) -> tuple[src.AddTensors, ...]:
    return tuple(op for op in graph.ops if isinstance(op, src.AddTensors))


def _is_pointwise(op: Op) -> bool:
    return isinstance(op, src.Conv) and op.weights.shape[2:] == (1, 1)


def _sign_in_front(op: Op) -> tuple[Op, Array] | None:
    """The operand of the one-bit quantizer whose bits `op` holds, and where that one decides."""
    while isinstance(op, _KEEP_BITS):
        op = op.x
    match op:
        case src.BipolarQuant() | src.Sign():
            return op.x, np.zeros((), np.float32)
        case src.Select():
            return op.x, op.cut
        case src.MultiThreshold() if op.thresholds.shape[1] == 1:
            return op.x, op.thresholds[:, 0]
        case src.Concat() if _sign_in_front(op.a) or _sign_in_front(op.b):
            raise op.refusal("joins bits of several quantizers", "quantize behind the Concat instead")
        case _:
            return None


def _without_padding(op: Op) -> Op:
    moved = op
    while isinstance(moved, _LAYOUTS):
        moved = moved.x
    return _without_padding(moved.x) if isinstance(moved, src.Pad) else op


def _traced(op: Op, centre: Array, tensors: Container[str]) -> RealInput:
    """`op` as the nearest operation in front whose result can be read, and the steps from there."""
    steps: list[Op] = []
    while op.name not in tensors:
        if not isinstance(op, _LAYOUTS | src.Gather | src.Elementwise):
            raise op.refusal("no tensor of the ONNX graph holds its result, which a layer reads")
        steps.append(op)
        op = op.x
    return RealInput(op, tuple(reversed(steps)), centre)
