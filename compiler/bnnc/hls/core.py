"""The core of a packed graph: the operations that target hls builds units for."""

from __future__ import annotations

from bnnc.errors import Finding, raise_all
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.sim.simulator import core_ops

CPU_REMEDY = "use --target arm"
_BUILT = (
    *(EncodeInput, Conv2d, XnorConv2d, BitConv2d, SparseDense, Threshold, Table, Rescale, Narrow, TopK),
    *(MaxPool2d, PackedMaxPool2d, SumPool2d, AddMaps, ConcatChannels, GatherChannels),
    *(ChannelsLast, ChannelsFirst, Pack, Unpack, Reshape, Cast),
)


def buildable_core(graph: Graph) -> tuple[Op, ...]:
    """The operations from the input encoder to the result. BnncError for what this target cannot build."""
    ops = core_ops(graph)
    raise_all([finding for op in ops for finding in _unsupported(op)])
    return ops


def _unsupported(op: Op) -> list[Finding]:
    match op:
        case EncodeInput() if not op.is_domain:
            what = "nothing says which integers the device receives, and target hls has no float input"
            return [
                Finding(f"input {op.x.name!r}", what, "declare them, as in --input-domain u8:scale=1/255")
            ]
        case _ if not isinstance(op, _BUILT):
            return [Finding(op.where, "not supported by target hls", CPU_REMEDY)]
        case _:
            return []
