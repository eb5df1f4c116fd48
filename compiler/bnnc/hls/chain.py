"""The core of a packed graph as a list of operations."""

from __future__ import annotations

from bnnc.errors import Finding, raise_all
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.parts import core_input, core_result

CPU_REMEDY = "use --target arm"
Fused = Threshold | Table | Narrow | None
_BUILT = (
    *(EncodeInput, Conv2d, XnorConv2d, BitConv2d, Threshold, Table, Narrow, TopK),
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
    return chain


def _unsupported(op: Op) -> list[Finding]:
    match op:
        case EncodeInput() if not op.is_domain:
            what = "nothing says which integers the device receives, and target hls has no float input"
            return [
                Finding(f"input {op.x.name!r}", what, "declare them, as in --input-domain u8:scale=1/255")
            ]
        case Conv2d() if op.groups > 1:
            return [Finding(op.where, f"{op.groups} groups are not supported by target hls", CPU_REMEDY)]
        case _ if not isinstance(op, _BUILT):
            return [Finding(op.where, "not supported by target hls", CPU_REMEDY)]
        case _:
            return []
