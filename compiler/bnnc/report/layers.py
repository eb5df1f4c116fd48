"""What a lowered network consists of, layer by layer: sizes, work, and how each layer is computed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import NO_CUT, Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, PackedConv, PackedMaxPool2d, XnorConv2d
from bnnc.ir.parts import tail
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.passes.sparse_costs import layer_of, sparse_pays

Conv = Conv2d | XnorConv2d | BitConv2d
LAYOUTS = ("pack", "unpack", "reshape", "channels_last", "channels_first", "cast", "to_float")


@dataclass(frozen=True)
class Bits:
    """Bits of one element: of what a layer reads, of its weights (0: it has none), of what it answers.

    Of two operands the wider one counts; weights of sparse layers are codes into a table.
    """

    input: int
    weight: int
    output: int


@dataclass(frozen=True)
class Layer:
    """One layer. `shape` is that of its result, channel last, without the batch; `macs` are for one sample.

    `weight_bytes` is the size of the weights in their own bits: whole words of packed layers, gaps, codes and
    row pointers of sparse ones. `table_bytes` is that of thresholds, tables, rescales and chosen channels.
    """

    name: str
    op: str
    bits: Bits
    shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    table_bytes: int
    lowered: str


def layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a packed graph in the order of their computation. Changes of layout are no layers."""
    edge = tail(graph)
    shown = (op for op in graph.ops if not isinstance(op, Input) and op.mnemonic() not in LAYOUTS)
    return tuple(_layer(op, op in edge) for op in shown)


def _layer(op: Op, at_edge: bool) -> Layer:
    return Layer(
        name=op.name,
        op=op.mnemonic(),
        bits=Bits(max(x.type.elem.bits for x in op.operands), _weight_bits(op), op.type.elem.bits),
        shape=op.type.shape,
        macs=macs(op),
        weight_bytes=_weight_bytes(op),
        table_bytes=0 if at_edge else _table_bytes(op),
        lowered="float at the edge, outside the device" if at_edge else lowered(op),
    )


def macs(op: Op) -> int:
    """Multiply-accumulates, padding counted; of a sparse layer those of its weights that are not 0."""
    match op:
        case Conv2d() | XnorConv2d() | BitConv2d():
            taps = math.prod(op.kernel) * op.x.type.shape[2] // op.groups
            return math.prod(op.type.shape) * taps
        case SparseDense():
            return int(np.count_nonzero(op.table[op.codes]))
        case _:
            return 0


def _weight_bits(op: Op) -> int:
    match op:
        case XnorConv2d():
            return B1_PM.bits
        case Conv2d() | BitConv2d():
            return op.weight_elem.bits
        case SparseDense():
            return op.code_bits
        case _:
            return 0


def _weight_bytes(op: Op) -> int:
    match op:
        case XnorConv2d() | BitConv2d():
            return op.weights.nbytes
        case Conv2d():
            return -(-op.weights.size * op.weight_elem.bits // 8)
        case SparseDense():
            return -(-len(op.codes) * (op.gap_bits + op.code_bits) // 8) + op.rows.nbytes
        case _:
            return 0


def _table_bytes(op: Op) -> int:
    match op:
        case Threshold():
            return op.base.nbytes + op.cuts.nbytes + op.jumps.nbytes
        case Table():
            return op.first.nbytes + op.table.nbytes
        case SparseDense():
            return op.table.nbytes
        case GatherChannels():
            return op.index.nbytes
        case Rescale():
            return _rescale_bytes(op)
        case _:
            return 0


def _rescale_bytes(op: Rescale) -> int:
    """One line of two, or none, where those are all that is needed."""
    if op.only_clips:
        return 0
    lines = op.multiplier.nbytes + op.offset.nbytes
    return op.shift.nbytes + (lines // 2 if op.is_linear else lines + op.pivot.nbytes)


def lowered(op: Op) -> str:
    """How an operation of the head or the core is computed, in words."""
    match op:
        case XnorConv2d():
            return f"xnor and popcount, {_words(op)}{_padding(op)}"
        case BitConv2d():
            planes = f"{op.x.type.elem.bits} x {op.weight_elem.bits} bit planes"
            return f"and and popcount, {planes} of {_words(op)}{_padding(op)}"
        case Conv2d():
            return _integer_products(op)
        case Threshold():
            return f"thresholds, {_most_steps(op)} a channel, to {op.elem}"
        case Table():
            return f"table of {op.table.shape[1]} entries a channel, to {op.elem}"
        case Narrow():
            return f"the same integers as {op.elem}"
        case Rescale():
            return _rescale(op)
        case AddMaps():
            return f"sum of two maps as {op.elem}"
        case ConcatChannels():
            return f"{op.a.type.shape[-1]} and {op.b.type.shape[-1]} channels side by side"
        case GatherChannels():
            return f"{len(op.index)} of {op.x.type.shape[-1]} channels"
        case SparseDense():
            return _sparse(op)
        case PackedMaxPool2d():
            return f"maximum on packed words, window {op.kernel[0]}x{op.kernel[1]}"
        case MaxPool2d() | SumPool2d():
            kind = "maximum" if isinstance(op, MaxPool2d) else "sum"
            return f"{kind} of integers, window {op.kernel[0]}x{op.kernel[1]}"
        case TopK():
            return f"the {op.k} largest, ties by lowest index"
        case EncodeInput():
            return _encoder(op)
        case _:
            return op.mnemonic()


def _rescale(op: Rescale) -> str:
    bounds = f"{op.elem} from {op.lo} to {op.hi}"
    if op.only_clips:
        return f"the same integers clipped to {bounds}"
    return f"{'one line' if op.is_linear else 'two lines'} a channel in fixed point, to {bounds}"


def _sparse(op: SparseDense) -> str:
    _, why = sparse_pays(layer_of(op), "smlal")
    return f"codes of {op.code_bits} bits behind gaps of {op.gap_bits} bits; {why} on arm without dot product"


def _integer_products(op: Conv2d) -> str:
    groups = f" in {op.groups} groups" if op.groups > 1 else ""
    return f"integer multiply-accumulate, {op.x.type.elem} by {op.weight_elem}{groups}{_padding(op)}"


def _words(conv: PackedConv) -> str:
    count = conv.weights.shape[-1]
    groups = f" in {conv.groups} groups" if conv.groups > 1 else ""
    return f"{count} word{'s' if count > 1 else ''} of 32 channels a tap{groups}"


def _padding(conv: Conv) -> str:
    return f", padded with {conv.pad_value}" if any(conv.pads) else ""


def _most_steps(op: Threshold) -> int:
    return int((op.cuts != NO_CUT).sum(axis=1).max(initial=0))


def _encoder(op: EncodeInput) -> str:
    if op.values.size:
        return f"codes {op.elem} of the declared input domain"
    finite = int(np.isfinite(op.cuts).sum(axis=1).max(initial=0))
    return f"codes {op.elem} by exact float comparison, {finite} a channel"
