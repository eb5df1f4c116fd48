"""A packed graph as the layers of an accelerator, before folding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bnnc.hls.activations import Activation, activation_of, narrowing
from bnnc.hls.chain import Fused
from bnnc.hls.lanes import Lane, Wire, lane_for, lane_of
from bnnc.hls.matrix import Conv, Matrix, matrix_of
from bnnc.hls.names import Names, identifier
from bnnc.hls.small_units import Pool, pooled_wire
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Op, tensor_of
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d

RAW = Lane("Signed", 32)


@dataclass(frozen=True)
class MatrixLayer:
    """A matrix and what becomes of its sums."""

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
    """A matrix that is to be read column by column."""

    name: str
    rows: int
    columns: int


@dataclass(frozen=True)
class TopKLayer:
    name: str
    op: TopK


Layer = MatrixLayer | PoolLayer | MapLayer | TransposeLayer | TopKLayer


def input_wire(encoder: EncodeInput) -> Wire:
    """The stream of codes as they lie in memory: integers of 8, 16 or 32 bits."""
    kind = "Signed" if encoder.elem.is_signed else "Unsigned"
    lane = Lane(kind, 8 * encoder.elem.dtype.itemsize)
    return Wire(lane, 1, tensor_of(encoder).size, encoder.first, encoder.last)


def plan_layers(encoder: EncodeInput, steps: list[Op], names: Names) -> list[Layer]:
    """The layers in order. A Threshold, Table or Narrow right behind a matrix is its activation."""
    plan = _Plan(names, input_wire(encoder))
    plan.encode(lane_of(encoder.elem))
    for op, fused in _with_activations(steps):
        plan.add(op, fused)
    plan.decode()
    return plan.layers


def _with_activations(steps: list[Op]) -> Iterator[tuple[Op, Fused]]:
    """Each operation, matrices with the Threshold, Table or Narrow right behind them."""
    at = 0
    while at < len(steps):
        op = steps[at]
        after = steps[at + 1] if at + 1 < len(steps) else None
        matrix = isinstance(op, XnorConv2d | BitConv2d | Conv2d)
        fused = after if matrix and isinstance(after, Threshold | Table | Narrow) else None
        yield op, fused
        at += 1 if fused is None else 2


@dataclass
class _Plan:
    """The layers so far and the stream behind them; how many lanes it has is open yet."""

    names: Names
    wire: Wire
    layers: list[Layer] = field(default_factory=list)

    def encode(self, lane: Lane) -> None:
        """Codes as they lie in memory to codes of the fewest bits."""
        if lane != self.wire.lane:
            self._map("input", Activation(None, lane, self.wire.lo, self.wire.hi), 1, "codes of the input")

    def decode(self) -> None:
        """Whatever comes out as 32-bit integers."""
        if not self.layers or self.wire.lane != RAW:
            act = Activation(None, RAW, self.wire.lo, self.wire.hi)
            self._map("output", act, 1, "32-bit integers of the output")

    def add(self, op: Op, fused: Fused) -> None:
        match op:
            case XnorConv2d() | BitConv2d() | Conv2d():
                self._matrix(op, fused)
            case Threshold() | Table():
                what = "table" if isinstance(op, Table) else "thresholds"
                self._map(identifier(op.name), activation_of(op), op.type.shape[-1], what)
            case Narrow():
                self._narrow(op)
            case MaxPool2d() | PackedMaxPool2d() | SumPool2d():
                self.layers.append(PoolLayer(self._name(op), op))
                self.wire = pooled_wire(op, self.wire)
            case ChannelsLast() | ChannelsFirst():
                self._reorder(op)
            case TopK():
                self.layers.append(TopKLayer(self._name(op), op))
                self.wire = Wire(lane_for(0, self.wire.size - 1), 1, op.k, 0, self.wire.size - 1)
            case _:
                assert isinstance(op, Pack | Unpack | Reshape | Cast)  # the same integers in the same order

    def _matrix(self, op: Conv, fused: Fused) -> None:
        matrix = matrix_of(op, self.wire)
        act = _activation(matrix, fused)
        self.layers.append(MatrixLayer(self._name(op), matrix, act))
        self._behind(act, tensor_of(op).size)

    def _map(self, name: str, act: Activation, channels: int, what: str) -> None:
        self.layers.append(MapLayer(self.names.take(name), act, channels, what))
        self._behind(act, self.wire.size)

    def _narrow(self, op: Narrow) -> None:
        """Codes of fewer bits, where the stream has not those that it needs already."""
        act = narrowing(op, self.wire.lo, self.wire.hi)
        if act.lane != self.wire.lane:
            self._map(identifier(op.name), act, op.type.shape[-1], f"codes of {act.lane.bits} bits")

    def _reorder(self, op: ChannelsLast | ChannelsFirst) -> None:
        channels = op.x.type.shape[0 if isinstance(op, ChannelsLast) else 2]
        pixels = self.wire.size // channels
        rows, columns = (channels, pixels) if isinstance(op, ChannelsLast) else (pixels, channels)
        if 1 not in (rows, columns):
            self.layers.append(TransposeLayer(self._name(op), rows, columns))

    def _behind(self, act: Activation, size: int) -> None:
        self.wire = Wire(act.lane, 1, size, act.lo, act.hi)

    def _name(self, op: Op) -> str:
        return self.names.take(identifier(op.name))


def _activation(matrix: Matrix, fused: Fused) -> Activation:
    """What becomes of the sums of a matrix."""
    match fused:
        case None:
            return Activation(None, lane_for(min(matrix.lo, -1), matrix.hi), matrix.lo, matrix.hi)
        case Narrow():
            return narrowing(fused, matrix.lo, matrix.hi)
        case _:
            return activation_of(fused)
