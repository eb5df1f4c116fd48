"""What is open of every layer: its folding, or how many lanes it has, and the cycles of each choice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bnnc.hls.branch_units import joined_wire, moves_together
from bnnc.hls.folding import Foldable
from bnnc.hls.lanes import MAX_WORD_BITS, Wire, divisors
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
from bnnc.hls.matrix_window import window_of
from bnnc.hls.mvtu import storages
from bnnc.hls.small_units import pool_cycles, pooled_wire, transpose_cycles
from bnnc.hls.sparse import sparse_storages
from bnnc.ir.op import map_shape


@dataclass(frozen=True)
class Laned:
    """A layer without a matrix: the cycles of a sample with every number of lanes that is possible."""

    name: str
    node: str
    cycles: Mapping[int, int]


Open = Foldable | Laned


def open_layers(plan: Plan) -> list[Open]:
    """The input port and every layer, in their order; the layer of the port's name is chosen with it."""
    layers = [(layer, reads) for layer, reads in zip(plan.layers, plan.reads, strict=True)]
    rest = [
        open_layer(layer, [plan.wires[value] for value in reads])
        for layer, reads in layers
        if layer.name != plan.port
    ]
    return [Laned(plan.port, plan.port, port_cycles(plan.input)), *rest]


def port_cycles(wire: Wire) -> dict[int, int]:
    """A word of the input port has a power of two of bytes: it is what a DMA engine moves."""
    lanes = [2**n for n in range(MAX_WORD_BITS.bit_length()) if 2**n * wire.lane.bits <= MAX_WORD_BITS]
    return {n: wire.size // n for n in lanes if wire.size % n == 0}


def open_layer(layer: Layer, x: Sequence[Wire]) -> Open:
    """The choices of a layer that reads the streams x."""
    match layer:
        case MatrixLayer():
            return _matrix(layer)
        case SparseLayer():
            sparse, y_bits = layer.matrix, layer.act.lane.bits
            cycles, possible = sparse.cycles(y_bits), partial(sparse_storages, sparse)
            return Foldable(layer.name, sparse.op.name, cycles, possible, layer.act.has_thresholds)
        case PoolLayer():
            return Laned(layer.name, layer.op.name, _pool(layer, x[0]))
        case GatherLayer():
            return Laned(layer.name, layer.op.name, _gather(layer, x[0]))
        case TransposeLayer():
            return Laned(layer.name, layer.node, transpose_cycles(x[0], layer.rows, layer.columns))
        case TopKLayer():
            return Laned(layer.name, layer.op.name, {1: x[0].size + layer.op.k})
        case _:
            return Laned(layer.name, layer.node, _elementwise(layer, x))


def _matrix(layer: MatrixLayer) -> Foldable:
    """The slower of the matrix and the window in front of it says how long it takes."""
    m = layer.matrix
    cycles = m.size(layer.act.lane.bits).cycles()
    if m.needs_window:
        steps = {simd: window_of(m, simd).steps for simd in {fold.simd for fold in cycles}}
        cycles = {fold: max(n, steps[fold.simd]) for fold, n in cycles.items()}
    return Foldable(layer.name, m.conv.name, cycles, partial(storages, m), layer.act.has_thresholds)


def _elementwise(layer: AddLayer | MapLayer | ConcatLayer, x: Sequence[Wire]) -> dict[int, int]:
    """A word a cycle."""
    if isinstance(layer, ConcatLayer):
        joined = joined_wire(*x)
        return _words(math.gcd(*layer.channels), joined.lane.bits, joined.size)
    bits = max(layer.act.lane.bits, *(wire.lane.bits for wire in x))
    return _words(layer.channels, bits, x[0].size)


def _pool(layer: PoolLayer, x: Wire) -> dict[int, int]:
    op = layer.op
    bits = max(x.lane.bits, pooled_wire(op, x).lane.bits)
    lanes = fitting_lanes(divisors(map_shape(op.x)[2]), bits, int(any(op.pads)))
    return {n: pool_cycles(op, n) for n in lanes}


def _gather(layer: GatherLayer, x: Wire) -> dict[int, int]:
    """Lanes whose channels stay together; the first pixel arrives before the second one leaves."""
    height, width, channels = map_shape(layer.op.x)
    together = [n for n in divisors(channels) if moves_together(layer.op.index, n)]
    steps = (height * width + 1) * max(channels, len(layer.op.index))
    return {n: steps // n for n in fitting_lanes(together, x.lane.bits)}


def _words(channels: int, bits: int, size: int) -> dict[int, int]:
    return {n: size // n for n in fitting_lanes(divisors(channels), bits)}


def fitting_lanes(candidates: Iterable[int], bits: int, extra_bits: int = 0) -> list[int]:
    """Those with words of `bits` a lane, and `extra_bits`, that are narrow enough; one lane always is."""
    return [n for n in candidates if n == 1 or n * bits + extra_bits <= MAX_WORD_BITS]
