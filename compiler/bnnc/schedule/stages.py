"""Stages: the core of a packed graph as a sequence of fused steps, each of which becomes one function."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bnnc.ir.edge_ops import ChannelsLast, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, Unpack, XnorConv2d
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale

MAX_NAME = 40
_MAKERS = (
    Conv2d
    | XnorConv2d
    | BitConv2d
    | SparseDense
    | SumPool2d
    | MaxPool2d
    | ConcatChannels
    | GatherChannels
    | ChannelsLast
    | Unpack
)
_STEPS = Threshold | Table | Narrow | Rescale | AddMaps  # what is done to integers while they are at hand


@dataclass(frozen=True)
class Stage:
    """A chain of operations that runs as one step: each one's only user is the next.

    The sum of two maps reads one of them from memory: an input of the stage like those of its head.
    `name` is a C identifier, unique in its program.
    """

    name: str
    ops: tuple[Op, ...]

    @property
    def inputs(self) -> tuple[Op, ...]:
        """What the stage reads: the core's input or results of other stages (views are looked through)."""
        operands = (operand for op in self.ops for operand in op.operands if operand not in self.ops)
        return tuple(dict.fromkeys(storage(operand) for operand in operands))

    @property
    def head(self) -> Op:
        return self.ops[0]

    @property
    def result(self) -> Op:
        return self.ops[-1]


def storage(op: Op) -> Op:
    """The operation whose result holds the bytes of `op`: a `Reshape` is a view."""
    while isinstance(op, Reshape):
        op = op.x
    return op


def stages(graph: Graph) -> tuple[Stage, ...]:
    """The core of a packed graph, from the codes to the raw integers, in an order that can be run."""
    position = {op: i for i, op in enumerate(graph.ops)}
    chains: list[list[Op]] = []
    chain_of: dict[Op, list[Op]] = {}
    for op in _core(graph):
        # Of two values that could be added where they are made, the later one: the other waits in memory.
        latest_first = sorted(op.operands, key=position.__getitem__, reverse=True)
        known = (chain_of[operand] for operand in latest_first if operand in chain_of)
        chain = next((chain for chain in known if _joins(op, chain, graph)), None)
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(op)
        chain_of[op] = chain
    chains.sort(key=lambda chain: position[chain[-1]])
    return tuple(Stage(stage_name(i, chain[0].name), tuple(chain)) for i, chain in enumerate(chains))


def stage_name(number: int, source: str) -> str:
    """A C identifier out of any text: 3, "/fc 1/Conv" -> "s03_fc_1_Conv"."""
    text = re.sub(r"[^A-Za-z0-9]+", "_", source).strip("_")
    return f"s{number:02d}_{text}"[:MAX_NAME].rstrip("_")


def _core(graph: Graph) -> list[Op]:
    """Every operation between the codes and the raw integers that moves data, operands first."""
    inside: set[Op] = set()
    pending = [core_result(graph)]
    while pending:
        op = pending.pop()
        if op not in inside and op is not core_input(graph):
            inside.add(op)
            pending.extend(op.operands)
    return [op for op in graph.ops if op in inside and not isinstance(op, Reshape)]


def _joins(op: Op, chain: list[Op], graph: Graph) -> bool:
    """Whether `op` runs in the stage of an operand, which nobody else may need."""
    last = chain[-1]
    if last not in op.operands or len(graph.users[last]) > 1 or last is core_result(graph):
        return False
    return isinstance(last, _MAKERS | _STEPS) and isinstance(op, _STEPS | Pack)
