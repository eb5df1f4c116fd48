"""A packed graph as the layers of an accelerator, before folding."""

from __future__ import annotations

from dataclasses import dataclass

from bnnc.errors import Finding, raise_all
from bnnc.hls.activations import Activation, activation_of
from bnnc.hls.lanes import Lane, Wire, lane_for, lane_of
from bnnc.hls.matrix import Conv, Matrix, matrix_of
from bnnc.hls.names import Names, identifier
from bnnc.hls.small_units import Pool, pooled_wire
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op, tensor_of
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.parts import core_input, core_result

CPU_REMEDY = "use --target arm"


@dataclass(frozen=True)
class MatrixLayer:
    name: str
    matrix: Matrix
    act: Activation


@dataclass(frozen=True)
class PoolLayer:
    name: str
    op: Pool


@dataclass(frozen=True)
class MapLayer:
    """An activation of every element; a pixel has `channels` of them."""

    name: str
    act: Activation
    channels: int
    what: str


@dataclass(frozen=True)
class TransposeLayer:
    name: str
    rows: int
    columns: int


@dataclass(frozen=True)
class TopKLayer:
    name: str
    op: TopK


Layer = MatrixLayer | PoolLayer | MapLayer | TransposeLayer | TopKLayer


def core_chain(graph: Graph) -> list[Op]:
    """The operations behind the input encoder, first to last. BnncError for what this target cannot build."""
    encoder, op, chain = core_input(graph), core_result(graph), list[Op]()
    while op is not encoder:
        chain.append(op)
        op = op.operands[0]
    chain.reverse()
    raise_all([finding for op in (encoder, *chain) for finding in _unsupported(op)])
    return chain


def input_wire(encoder: EncodeInput) -> Wire:
    """The stream of codes as they lie in memory: integers of 8, 16 or 32 bits."""
    kind = "Signed" if encoder.elem.is_signed else "Unsigned"
    last = 1 if encoder.elem.name == "b1_pm" else encoder.first + encoder.cuts.shape[1]
    lane = Lane(kind, 8 * encoder.elem.dtype.itemsize)
    return Wire(lane, 1, tensor_of(encoder).size, encoder.first, last)


def plan_layers(graph: Graph, names: Names) -> list[Layer]:
    """The layers in order. A Threshold or Table right behind a matrix is its activation."""
    chain = core_chain(graph)
    wire = input_wire(core_input(graph))
    lane = lane_of(core_input(graph).elem)
    layers: list[Layer] = []
    if lane != wire.lane:
        encode = Activation(None, lane, wire.lo, wire.hi)
        layers.append(MapLayer(names.take("input"), encode, 1, "codes of the input"))
        wire = _behind(encode, wire.size)
    at = 0
    while at < len(chain):
        op, after = chain[at], chain[at + 1] if at + 1 < len(chain) else None
        at += 1
        match op:
            case XnorConv2d() | BitConv2d() | Conv2d():
                fused = after if isinstance(after, Threshold | Table) else None
                at += fused is not None
                layer = _matrix_layer(op, fused, wire, names)
                wire = _behind(layer.act, tensor_of(fused or op).size)
                layers.append(layer)
            case Threshold() | Table():
                act = activation_of(op)
                layers.append(MapLayer(_name(op, names), act, op.type.shape[-1], _kind(op)))
                wire = _behind(act, tensor_of(op).size)
            case MaxPool2d() | PackedMaxPool2d() | SumPool2d():
                layers.append(PoolLayer(_name(op, names), op))
                wire = pooled_wire(op, wire)
            case ChannelsLast() | ChannelsFirst():
                layers += _reordering(op, names)
            case TopK():
                layers.append(TopKLayer(_name(op, names), op))
                wire = Wire(lane_for(0, wire.size - 1), 1, op.k, 0, wire.size - 1)
            case _:
                assert isinstance(op, Pack | Unpack | Reshape | Cast)  # the same integers in the same order
    if not layers or wire.lane != Lane("Signed", 32):
        raw = Activation(None, Lane("Signed", 32), wire.lo, wire.hi)
        layers.append(MapLayer(names.take("output"), raw, 1, "32-bit integers of the output"))
    return layers


def _matrix_layer(op: Conv, fused: Threshold | Table | None, wire: Wire, names: Names) -> MatrixLayer:
    matrix = matrix_of(op, wire)
    raw = Activation(None, lane_for(min(matrix.lo, -1), matrix.hi), matrix.lo, matrix.hi)
    return MatrixLayer(_name(op, names), matrix, activation_of(fused) if fused else raw)


def _reordering(op: ChannelsLast | ChannelsFirst, names: Names) -> list[Layer]:
    rows = op.x.type.shape[0] if isinstance(op, ChannelsLast) else tensor_of(op.x).size // op.x.type.shape[2]
    columns = tensor_of(op.x).size // rows
    return [] if 1 in (rows, columns) else [TransposeLayer(_name(op, names), rows, columns)]


def _behind(act: Activation, size: int) -> Wire:
    return Wire(act.lane, 1, size, act.lo, act.hi)


def _name(op: Op, names: Names) -> str:
    return names.take(identifier(op.name))


def _kind(op: Op) -> str:
    return "table" if isinstance(op, Table) else "thresholds"


def _unsupported(op: Op) -> list[Finding]:
    where = f"node {op.name!r} ({op.mnemonic()})"
    match op:
        case EncodeInput() if not op.is_domain:
            what = "a float input without a declared domain has no integers to send to target hls"
            return [Finding(f"input {op.x.name!r}", what, "declare it, as in --input-domain u8:scale=1/255")]
        case Conv2d() if op.groups > 1:
            return [Finding(where, f"{op.groups} groups are not supported by target hls", CPU_REMEDY)]
        case Conv2d() | XnorConv2d() | BitConv2d() | Threshold() | Table() | TopK() | EncodeInput():
            return []
        case MaxPool2d() | PackedMaxPool2d() | SumPool2d() | ChannelsLast() | ChannelsFirst():
            return []
        case Pack() | Unpack() | Reshape() | Cast():
            return []
        case _:
            return [Finding(where, "not supported by target hls", CPU_REMEDY)]
