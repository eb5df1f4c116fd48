"""The layers of an accelerator, before folding, and the streams between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bnnc.hls.activations import Activation
from bnnc.hls.lanes import Wire
from bnnc.hls.matrix import Matrix
from bnnc.hls.small_units import Pool
from bnnc.hls.sparse import Sparse
from bnnc.hls.storage import Storage
from bnnc.ir.integer_ops import TopK
from bnnc.ir.value_ops import GatherChannels


@dataclass(frozen=True)
class MatrixLayer:
    """A matrix and what becomes of its sums."""

    name: str
    matrix: Matrix
    act: Activation


@dataclass(frozen=True)
class SparseLayer:
    """A matrix of few weights and what becomes of its sums."""

    name: str
    matrix: Sparse
    act: Activation


@dataclass(frozen=True)
class PoolLayer:
    name: str
    op: Pool


@dataclass(frozen=True)
class MapLayer:
    """An activation of every element; a pixel has `channels` of them."""

    name: str
    node: str
    act: Activation
    channels: int
    what: str


@dataclass(frozen=True)
class AddLayer:
    """Sums of two maps, which lie in lo..hi, and what becomes of them."""

    name: str
    node: str
    act: Activation
    channels: int
    lo: int
    hi: int


@dataclass(frozen=True)
class ConcatLayer:
    """Two maps of `pixels` pixels of so many channels, pixel by pixel."""

    name: str
    node: str
    channels: tuple[int, int]
    pixels: int


@dataclass(frozen=True)
class GatherLayer:
    name: str
    op: GatherChannels


@dataclass(frozen=True)
class TransposeLayer:
    """A matrix that is to be read column by column."""

    name: str
    node: str
    rows: int
    columns: int


@dataclass(frozen=True)
class TopKLayer:
    name: str
    op: TopK


Layer = (
    MatrixLayer
    | SparseLayer
    | PoolLayer
    | MapLayer
    | AddLayer
    | ConcatLayer
    | GatherLayer
    | TransposeLayer
    | TopKLayer
)


@dataclass(frozen=True)
class Plan:
    """Layers in an order in which each comes behind those that it reads.

    Value 0 is the input, value i + 1 the result of layer i. reads[i] are the numbers of the values that
    layer i reads; the last layer's value is the result. wires[i] is the stream of value i, of one lane.
    `port` is the name of the input port, and of the layer behind it that only turns its codes into others.
    """

    port: str
    wires: tuple[Wire, ...]
    layers: tuple[Layer, ...]
    reads: tuple[tuple[int, ...], ...]

    @property
    def input(self) -> Wire:
        return self.wires[0]

    def with_thresholds(self, storages: Mapping[str, Storage]) -> Plan:
        """The same with the thresholds of layers, by name, in lut or in bram."""
        layers = tuple(_placed(layer, storages.get(layer.name)) for layer in self.layers)
        return replace(self, layers=layers)

    def readers(self, value: int) -> int:
        """How often layers read a value."""
        return sum(read.count(value) for read in self.reads)


def _placed(layer: Layer, storage: Storage | None) -> Layer:
    if storage is None or not isinstance(layer, MatrixLayer | SparseLayer):
        return layer
    return replace(layer, act=replace(layer.act, storage=storage))
