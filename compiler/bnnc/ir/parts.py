"""The parts of a lowered graph: float head, integer core, float tail.

x float32 -> [Input, EncodeInput] -> codes -> core -> raw integers -> [ToFloat, Mul, ..] -> y
A device receives the codes and answers the raw integers; head and tail are the edge.
"""

from __future__ import annotations

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import Cast, ChannelsFirst, EncodeInput, Reshape, ToFloat
from bnnc.ir.graph import Graph
from bnnc.ir.op import Op
from bnnc.ir.source_ops import Elementwise, LogSoftmax, Softmax


def core_input(graph: Graph) -> EncodeInput:
    """The operation whose result are the codes that the device receives, in the source's layout."""
    encoders = [op for op in graph.ops if isinstance(op, EncodeInput)]
    if len(encoders) != 1:
        raise BnncError.at(f"graph {graph.name!r}", f"{len(encoders)} input encoders where one is needed")
    return encoders[0]


def core_result(graph: Graph) -> Op:
    """The operation whose result are the raw integers that the device answers."""
    op = graph.result
    while isinstance(op, ToFloat | Cast | Reshape | ChannelsFirst | Elementwise | Softmax | LogSoftmax):
        op = op.operands[0]
    return op


def tail(graph: Graph) -> tuple[Op, ...]:
    """The operations behind the core, first to last."""
    ops: list[Op] = []
    op = graph.result
    while op is not core_result(graph):
        ops.append(op)
        op = op.operands[0]
    return tuple(reversed(ops))
