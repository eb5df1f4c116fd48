"""The core of a packed graph as a list of operations, in an order that suits streams."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnnc.errors import Finding, raise_all
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.parts import core_input, core_result

CPU_REMEDY = "use --target arm"
Steps = Threshold | Table | None
_BUILT = (
    *(EncodeInput, Conv2d, XnorConv2d, BitConv2d, Threshold, Table, TopK),
    *(MaxPool2d, PackedMaxPool2d, SumPool2d, ChannelsLast, ChannelsFirst, Pack, Unpack, Reshape, Cast),
)


def core_chain(graph: Graph) -> list[Op]:
    """The operations behind the input encoder, first to last. BnncError for what this target cannot build."""
    encoder, op, chain = core_input(graph), core_result(graph), list[Op]()
    while op is not encoder:
        chain.append(op)
        op = op.operands[0]
    chain.reverse()
    raise_all([finding for op in (encoder, *chain) for finding in _unsupported(op)])
    return steps_before_pools(chain)


def steps_before_pools(chain: list[Op]) -> list[Op]:
    """Move rising steps in front of the maximum that they follow: f(max(a, b)) = max(f(a), f(b)).

    They then end a matrix, and the lines that wait for the maximum hold narrow codes instead of sums.
    """
    chain = list(chain)
    for at in range(len(chain) - 1):
        pool, steps = chain[at], chain[at + 1]
        if isinstance(pool, MaxPool2d) and isinstance(steps, Threshold) and _rises(steps):
            first = replace(steps, x=pool.x)
            chain[at : at + 2] = [first, replace(pool, x=first)]
    return chain


def _rises(steps: Threshold) -> bool:
    return bool(np.all(steps.jumps >= 0))


def _unsupported(op: Op) -> list[Finding]:
    where = f"node {op.name!r} ({op.mnemonic()})"
    match op:
        case EncodeInput() if not op.is_domain:
            what = "a float input without a declared domain has no integers to send to target hls"
            return [Finding(f"input {op.x.name!r}", what, "declare it, as in --input-domain u8:scale=1/255")]
        case Conv2d() if op.groups > 1:
            return [Finding(where, f"{op.groups} groups are not supported by target hls", CPU_REMEDY)]
        case _ if not isinstance(op, _BUILT):
            return [Finding(where, "not supported by target hls", CPU_REMEDY)]
        case _:
            return []
