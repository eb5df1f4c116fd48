"""A packed graph as the layers of an accelerator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bnnc.hls.activations import Activation, activation_of, narrowing
from bnnc.hls.branch_units import joined_wire
from bnnc.hls.lanes import Lane, Wire, lane_for, lane_of
from bnnc.hls.layers import (
    AddLayer,
    ConcatLayer,
    GatherLayer,
    Layer,
    MapLayer,
    MatrixLayer,
    Plan,
    PoolLayer,
    SparseLayer,
    TopKLayer,
    TransposeLayer,
)
from bnnc.hls.matrix import Conv, matrix_of
from bnnc.hls.names import Names, identifier
from bnnc.hls.small_units import pooled_wire
from bnnc.hls.sparse import sparse_of
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op, map_shape, tensor_of
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale

RAW = Lane("Signed", 32)
INPUT, OUTPUT = "input", "output"  # the layers beside the ports
Summing = XnorConv2d | BitConv2d | Conv2d | SparseDense | AddMaps
Function = Threshold | Table | Rescale
Fused = Function | Narrow | None


def plan_layers(core: Sequence[Op], names: Names) -> Plan:
    """A Threshold, Table, Rescale or Narrow that alone reads a sum is its activation.

    core: the operations behind the input encoder, which is the first of them.
    """
    encoder = core[0]
    assert isinstance(encoder, EncodeInput)
    plan = _Planner(names, names.take(INPUT), [_input_wire(encoder)])
    plan.encode(encoder)
    for op, fused in _with_activations(core[1:]):
        plan.add(op, fused)
    plan.decode(core[-1])
    return Plan(plan.port, tuple(plan.wires), tuple(plan.layers), tuple(plan.reads))


def _input_wire(encoder: EncodeInput) -> Wire:
    """The stream of codes as they lie in memory: integers of 8, 16 or 32 bits."""
    kind = "Signed" if encoder.elem.is_signed else "Unsigned"
    lane = Lane(kind, 8 * encoder.elem.dtype.itemsize)
    return Wire(lane, 1, tensor_of(encoder).size, encoder.first, encoder.last)


def _with_activations(steps: Sequence[Op]) -> Iterator[tuple[Op, Fused]]:
    """Each operation, sums with the activation that is their only reader."""
    fused: dict[Op, Fused] = {}
    readers: dict[Op, list[Op]] = {op: [] for op in steps}
    for op in steps:
        for operand in op.operands:
            readers.get(operand, []).append(op)
    for op in steps:
        match readers[op]:
            case [Threshold() | Table() | Rescale() | Narrow() as only] if isinstance(op, Summing):
                fused[op] = only
    behind = set(fused.values())
    return ((op, fused.get(op)) for op in steps if op not in behind)


@dataclass
class _Planner:
    """The layers so far and the streams of all values; how many lanes they have is open yet."""

    names: Names
    port: str
    wires: list[Wire]
    layers: list[Layer] = field(default_factory=list)
    reads: list[tuple[int, ...]] = field(default_factory=list)
    values: dict[Op, int] = field(default_factory=dict)

    def encode(self, encoder: EncodeInput) -> None:
        """Codes as they lie in memory to codes of the fewest bits."""
        wire, lane = self.wires[0], lane_of(encoder.elem)
        self.values[encoder] = 0
        if lane != wire.lane:
            act = Activation(None, lane, wire.lo, wire.hi)
            layer = MapLayer(self.port, INPUT, act, wire.size, "codes of the input")
            self.values[encoder] = self._append(layer, (0,), _behind(act, wire.size))

    def decode(self, result: Op) -> None:
        """Whatever comes out as 32-bit integers."""
        value = self.values[result]
        wire = self.wires[value]
        act = Activation(None, RAW, wire.lo, wire.hi)
        self._map(OUTPUT, act, value, wire.size, "32-bit integers of the output")

    def add(self, op: Op, fused: Fused) -> None:
        made = self._made(op, fused, tuple(self.values[operand] for operand in op.operands))
        self.values[op] = made
        if fused is not None:
            self.values[fused] = made

    def _made(self, op: Op, fused: Fused, x: tuple[int, ...]) -> int:
        """The number of the value of `op`, and of the activation behind it."""
        wire = self.wires[x[0]]
        match op:
            case XnorConv2d() | BitConv2d() | Conv2d():
                return self._matrix(op, fused, x)
            case SparseDense():
                sparse = sparse_of(op, wire)
                act = _activation(fused, sparse.lo, sparse.hi)
                size = tensor_of(op).size
                return self._append(SparseLayer(self._name(op), sparse, act), x, _behind(act, size))
            case AddMaps():
                return self._sum(op, fused, x)
            case ConcatChannels():
                height, width, channels = map_shape(op.a)
                layer = ConcatLayer(self._name(op), op.name, (channels, map_shape(op.b)[2]), height * width)
                return self._append(layer, x, joined_wire(wire, self.wires[x[1]]))
            case Threshold() | Table() | Rescale():
                return self._function(op, x[0])
            case Narrow():
                return self._narrow(op, x[0])
            case _:
                return self._moved(op, x[0])

    def _moved(self, op: Op, x: int) -> int:
        """Pools, and integers in another order."""
        wire = self.wires[x]
        match op:
            case MaxPool2d() | PackedMaxPool2d() | SumPool2d():
                return self._append(PoolLayer(self._name(op), op), (x,), pooled_wire(op, wire))
            case GatherChannels():
                size = math.prod(op.type.shape)
                gathered = Wire(wire.lane, 1, size, wire.lo, wire.hi)
                return self._append(GatherLayer(self._name(op), op), (x,), gathered)
            case ChannelsLast() | ChannelsFirst():
                return self._reorder(op, x)
            case TopK():
                indices = Wire(lane_for(0, wire.size - 1), 1, op.k, 0, wire.size - 1)
                return self._append(TopKLayer(self._name(op), op), (x,), indices)
            case _:
                assert isinstance(op, Pack | Unpack | Reshape | Cast)  # the same integers in the same order
                return x

    def _matrix(self, op: Conv, fused: Fused, x: tuple[int, ...]) -> int:
        matrix = matrix_of(op, self.wires[x[0]])
        act = _activation(fused, matrix.lo, matrix.hi)
        return self._append(MatrixLayer(self._name(op), matrix, act), x, _behind(act, tensor_of(op).size))

    def _sum(self, op: AddMaps, fused: Fused, x: tuple[int, ...]) -> int:
        a, b = (self.wires[value] for value in x)
        held = narrowing(op.elem, a.lo + b.lo, a.hi + b.hi)
        act = held if fused is None else _activation(fused, held.lo, held.hi)
        layer = AddLayer(self._name(op), op.name, act, op.type.shape[-1], held.lo, held.hi)
        return self._append(layer, x, _behind(act, a.size))

    def _function(self, op: Function, x: int) -> int:
        wire = self.wires[x]
        act = activation_of(op, wire.lo, wire.hi)
        what = {Table: "table", Threshold: "thresholds", Rescale: "rescaling"}[type(op)]
        return self._map(op.name, act, x, op.type.shape[-1], what)

    def _narrow(self, op: Narrow, x: int) -> int:
        """Codes of fewer bits, where the stream has not those that it needs already."""
        wire = self.wires[x]
        act = narrowing(op.elem, wire.lo, wire.hi)
        if act.lane == wire.lane:
            return x
        return self._map(op.name, act, x, op.type.shape[-1], f"codes of {act.lane.bits} bits")

    def _reorder(self, op: ChannelsLast | ChannelsFirst, x: int) -> int:
        wire = self.wires[x]
        channels = op.x.type.shape[0 if isinstance(op, ChannelsLast) else 2]
        pixels = wire.size // channels
        rows, columns = (channels, pixels) if isinstance(op, ChannelsLast) else (pixels, channels)
        if 1 in (rows, columns):
            return x
        return self._append(TransposeLayer(self._name(op), op.name, rows, columns), (x,), wire)

    def _map(self, node: str, act: Activation, x: int, channels: int, what: str) -> int:
        layer = MapLayer(self.names.take(identifier(node)), node, act, channels, what)
        return self._append(layer, (x,), _behind(act, self.wires[x].size))

    def _append(self, layer: Layer, reads: tuple[int, ...], wire: Wire) -> int:
        """The number of the new layer's value."""
        self.layers.append(layer)
        self.reads.append(reads)
        self.wires.append(wire)
        return len(self.layers)

    def _name(self, op: Op) -> str:
        return self.names.take(identifier(op.name))


def _behind(act: Activation, size: int) -> Wire:
    return Wire(act.lane, 1, size, act.lo, act.hi)


def _activation(fused: Fused, lo: int, hi: int) -> Activation:
    """What becomes of sums lo..hi."""
    match fused:
        case None:
            return Activation(None, lane_for(min(lo, -1), hi), lo, hi)
        case Narrow():
            return narrowing(fused.elem, lo, hi)
        case _:
            return activation_of(fused, lo, hi)
