"""The layers of an accelerator, with their folding, as a chain of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnnc.hls.activations import Activation
from bnnc.hls.chain import core_chain
from bnnc.hls.cpp import amount
from bnnc.hls.folding import Choice, Fold, Foldable, chosen_folding, default_folding
from bnnc.hls.lanes import Wire, lanes_within
from bnnc.hls.layers import (
    Layer,
    MapLayer,
    MatrixLayer,
    PoolLayer,
    TopKLayer,
    TransposeLayer,
    input_wire,
    plan_layers,
)
from bnnc.hls.matrix import Matrix
from bnnc.hls.mvtu import matrix_unit
from bnnc.hls.names import Names
from bnnc.hls.small_units import map_unit, pool_unit, pooled_wire, top_k_unit, transpose_unit
from bnnc.hls.units import Chain, Unit
from bnnc.hls.window import Window, needs_window, window_struct
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import SumPool2d
from bnnc.ir.op import map_shape, tensor_of
from bnnc.ir.parts import core_input


@dataclass(frozen=True)
class Accelerator:
    """Units from the input port to the output port, and how each matrix among the layers is folded."""

    units: tuple[Unit, ...]
    input: Wire
    layers: tuple[Layer, ...]
    folds: Mapping[str, Fold]


def lower(graph: Graph, names: Names, folding: Choice | None = None) -> Accelerator:
    """BnncError for what target hls cannot build and for a folding that does not fit."""
    layers = plan_layers(core_input(graph), core_chain(graph), names)
    matrices = [_foldable(layer) for layer in layers if isinstance(layer, MatrixLayer)]
    default = default_folding(matrices, _floor_cycles(graph, layers))
    folds = chosen_folding(matrices, folding or {}, default)
    wire = input_wire(core_input(graph))
    chain = Chain(wire, names)
    for layer in layers:
        _add(layer, chain, folds)
    return Accelerator(tuple(chain.units), wire, tuple(layers), folds)


def foldables(graph: Graph) -> list[Foldable]:
    """The matrices of a packed graph, as they may be folded."""
    layers = plan_layers(core_input(graph), core_chain(graph), Names())
    return [_foldable(layer) for layer in layers if isinstance(layer, MatrixLayer)]


def _foldable(layer: MatrixLayer) -> Foldable:
    m = layer.matrix
    return Foldable(
        layer.name,
        m.conv.name,
        m.vectors,
        *m.shape,
        simd_of=m.simd_of,
        x_bits=m.x.bits,
        extra_bits=int(m.has_valid),
        w_bits=m.w.bits,
        y_bits=layer.act.lane.bits,
    )


def _floor_cycles(graph: Graph, layers: list[Layer]) -> int:
    """Cycles that no folding changes: the input arrives one element at a time, and may be reordered."""
    reordering = [2 * layer.rows * layer.columns for layer in layers if isinstance(layer, TransposeLayer)]
    return max([tensor_of(core_input(graph)).size, *reordering])


def _add(layer: Layer, chain: Chain, folds: Mapping[str, Fold]) -> None:
    name = layer.name
    match layer:
        case MatrixLayer():
            _add_matrix(layer, chain, folds[name])
        case PoolLayer():
            _add_pool(layer, chain)
        case MapLayer():
            bits = max(chain.wire.lane.bits, layer.act.lane.bits)
            chain.to_lanes(lanes_within(chain.wire.lanes, layer.channels, bits), name)
            unit = chain.names.take(f"{name}_map")
            chain.add(map_unit(layer.act, chain.wire, unit, layer.channels, layer.what))
        case TransposeLayer():
            chain.to_lanes(1, name)
            unit = chain.names.take(f"{name}_reorder")
            chain.add(transpose_unit(chain.wire, unit, layer.rows, layer.columns))
        case TopKLayer():
            chain.to_lanes(1, name)
            chain.add(top_k_unit(layer.op, chain.wire, chain.names.take(f"{name}_top_k")))


def _add_matrix(layer: MatrixLayer, chain: Chain, fold: Fold) -> None:
    m, name = layer.matrix, layer.name
    if chain.wire.lane != m.x:
        _add_recoding(m, chain, name)
    chain.to_lanes(fold.simd, name)
    if m.needs_window:
        chain.add(_matrix_window(m, chain, name, fold.simd))
    unit = chain.names.take(f"{name}_mvtu")
    chain.add(matrix_unit(m, layer.act, unit, fold))


def _add_recoding(m: Matrix, chain: Chain, name: str) -> None:
    """The padding holds an integer that the codes of the map have no room for."""
    bits = max(chain.wire.lane.bits, m.x.bits)
    chain.to_lanes(lanes_within(chain.wire.lanes, m.channels, bits), name)
    keep = Activation(None, m.x, chain.wire.lo, chain.wire.hi)
    unit = chain.names.take(f"{name}_recode")
    chain.add(map_unit(keep, chain.wire, unit, m.channels, f"codes of {m.x.bits} bits"))


def _matrix_window(m: Matrix, chain: Chain, name: str, simd: int) -> Unit:
    conv = m.conv
    (height, width, _), (out_height, out_width, _) = map_shape(conv.x), map_shape(conv)
    window = Window(
        (height, width),
        (out_height, out_width),
        conv.kernel,
        conv.strides,
        conv.dilations,
        conv.pads,
        m.channels // simd,
    )
    pad = m.x.code(conv.pad_value)
    outside = None if m.has_valid else sum(pad << (lane * m.x.bits) for lane in range(simd))
    return _window_unit(window, chain, name, outside)


def _add_pool(layer: PoolLayer, chain: Chain) -> None:
    op, name = layer.op, layer.name
    (height, width, channels), (out_height, out_width, _) = map_shape(op.x), map_shape(op)
    bits = max(chain.wire.lane.bits, pooled_wire(op, chain.wire).lane.bits)
    chain.to_lanes(lanes_within(chain.wire.lanes, channels, bits, int(any(op.pads))), name)
    lanes, in_bits = chain.wire.lanes, chain.wire.bits
    if needs_window((height, width), op.kernel, op.strides, op.pads):
        window = Window(
            (height, width),
            (out_height, out_width),
            op.kernel,
            op.strides,
            (1, 1),
            op.pads,
            channels // lanes,
        )
        unit = _window_unit(window, chain, name, None if any(op.pads) else 0)
        in_bits = unit.out_bits
        chain.add(unit)
    suffix = "sum_pool" if isinstance(op, SumPool2d) else "max_pool"
    chain.add(pool_unit(op, chain, chain.names.take(f"{name}_{suffix}"), in_bits))


def _window_unit(window: Window, chain: Chain, layer: str, outside: int | None) -> Unit:
    wire, name = chain.wire, chain.names.take(f"{layer}_window")
    (height, width), (kernel_height, kernel_width) = window.shape, window.kernel
    return Unit(
        name=name,
        comment=f"{kernel_height} x {kernel_width} windows of {height} x {width} x "
        f"{window.words * wire.lanes}, {amount(wire.lanes, 'lane')}",
        engines=("window",),
        call=f"bnnc::window<{name}_geometry>",
        wire=wire,
        in_bits=wire.bits,
        cycles=window.steps,
        parameters=window_struct(name, window, wire.lanes, wire.lane, outside),
        fifo=max(2, window.shape[1] * window.words),
        marks=outside is None,
    )
