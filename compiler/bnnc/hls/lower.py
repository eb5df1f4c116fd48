"""The layers of an accelerator, with their folding, as units and the streams between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bnnc.hls.activations import Activation
from bnnc.hls.branch_units import add_unit, concat_unit, gather_unit, joined_wire, lanes_together
from bnnc.hls.core import buildable_core
from bnnc.hls.cpp import amount
from bnnc.hls.fifos import Fifo, fifos
from bnnc.hls.folding import Choice, Fold, Foldable, MatrixSize, chosen_folding, default_folding
from bnnc.hls.lanes import Wire, lanes_within
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
from bnnc.hls.matrix import Matrix
from bnnc.hls.mvtu import matrix_unit
from bnnc.hls.names import Names
from bnnc.hls.network import Branch, Network, Stage
from bnnc.hls.plan import plan_layers
from bnnc.hls.small_units import map_unit, pool_unit, pooled_wire, top_k_unit, transpose_unit
from bnnc.hls.sparse import sparse_unit
from bnnc.hls.units import Unit
from bnnc.hls.window import Window, needs_window, window_struct
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import SumPool2d
from bnnc.ir.op import map_shape

Folds = Mapping[str, Fold]


@dataclass(frozen=True)
class Accelerator:
    """Units from the input port to the output port, and how each matrix among the layers is folded."""

    stages: tuple[Stage, ...]
    fifos: tuple[Fifo, ...]
    input: Wire
    layers: tuple[Layer, ...]
    folds: Folds

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(stage.unit for stage in self.stages)


def lower(graph: Graph, names: Names, folding: Choice | None = None) -> Accelerator:
    """BnncError for what target hls cannot build and for a folding that does not fit."""
    plan = plan_layers(buildable_core(graph), names)
    matrices = _foldables(plan)
    folds = chosen_folding(matrices, folding or {}, default_folding(matrices, _floor_cycles(plan)))
    stages = _stages(plan, Network(names), folds)
    return Accelerator(stages, fifos(stages), plan.input, plan.layers, folds)


def foldables(graph: Graph) -> list[Foldable]:
    """The matrices of a packed graph, as they may be folded."""
    return _foldables(plan_layers(buildable_core(graph), Names()))


def _foldables(plan: Plan) -> list[Foldable]:
    return [_foldable(layer) for layer in plan.layers if isinstance(layer, MatrixLayer | SparseLayer)]


def _foldable(layer: MatrixLayer | SparseLayer) -> Foldable:
    if isinstance(layer, SparseLayer):
        return Foldable(layer.name, layer.matrix.op.name, layer.matrix.cycles(layer.act.lane.bits))
    m = layer.matrix
    size = MatrixSize(
        m.vectors,
        *m.shape,
        depth=m.depth,
        groups=m.groups,
        x_bits=m.x.bits,
        extra_bits=int(m.has_valid),
        w_bits=m.w.bits,
        y_bits=layer.act.lane.bits,
    )
    return Foldable(layer.name, m.conv.name, size.cycles())


def _floor_cycles(plan: Plan) -> int:
    """Cycles that no folding changes: the input arrives one element at a time."""
    return max([plan.input.size, *(_fixed_cycles(layer) for layer in plan.layers)])


def _fixed_cycles(layer: Layer) -> int:
    """Of layers that move elements, at the most lanes that stay together."""
    match layer:
        case TransposeLayer():
            return 2 * layer.rows * layer.columns
        case ConcatLayer():
            return layer.pixels * sum(layer.channels) // math.gcd(*layer.channels)
        case GatherLayer():
            height, width, channels = map_shape(layer.op.x)
            lanes = lanes_together(layer.op, channels)
            return (height * width + 1) * max(channels, len(layer.op.index)) // lanes
        case _:
            return 0


def _stages(plan: Plan, network: Network, folds: Folds) -> tuple[Stage, ...]:
    """Units for every layer, with a fork behind each value that has several readers."""
    first = network.source(plan.input)
    waiting = {0: first.fork("input", plan.readers(0))}
    for number, (layer, reads) in enumerate(zip(plan.layers, plan.reads, strict=True), 1):
        branches = [waiting[value].pop(0) for value in reads]
        last = _add(layer, branches, folds)
        waiting[number] = last.fork(layer.name, plan.readers(number))
    last.to_lanes(1, "output")
    return network.finish()


def _add(layer: Layer, branches: list[Branch], folds: Folds) -> Branch:
    """The branch behind a layer that reads `branches`."""
    match layer:
        case AddLayer():
            return _add_sum(layer, *branches)
        case ConcatLayer():
            return _add_concat(layer, *branches)
        case _:
            (branch,) = branches
            _continue(layer, branch, folds)
            return branch


def _continue(layer: Layer, branch: Branch, folds: Folds) -> None:
    name = layer.name
    match layer:
        case MatrixLayer():
            _add_matrix(layer, branch, folds[name])
        case SparseLayer():
            branch.to_lanes(1, name)
            unit = branch.names.take(f"{name}_sparse")
            branch.add(sparse_unit(layer.matrix, layer.act, branch.wire, unit, folds[name]))
        case PoolLayer():
            _add_pool(layer, branch)
        case MapLayer():
            _add_map(layer.act, branch, name, "map", layer.channels, layer.what)
        case GatherLayer():
            branch.to_lanes(lanes_together(layer.op, branch.wire.lanes), name)
            branch.add(gather_unit(layer.op, branch.wire, branch.names.take(f"{name}_gather")))
        case TransposeLayer():
            branch.to_lanes(1, name)
            unit = branch.names.take(f"{name}_reorder")
            branch.add(transpose_unit(branch.wire, unit, layer.rows, layer.columns))
        case TopKLayer():
            branch.to_lanes(1, name)
            branch.add(top_k_unit(layer.op, branch.wire, branch.names.take(f"{name}_top_k")))


def _add_sum(layer: AddLayer, a: Branch, b: Branch) -> Branch:
    """As many lanes as the branch has that is slower: the other need not be faster."""
    bits = max(a.wire.lane.bits, b.wire.lane.bits, layer.act.lane.bits)
    lanes = lanes_within(min(a.wire.lanes, b.wire.lanes), layer.channels, bits)
    for branch in (a, b):
        branch.to_lanes(lanes, layer.name)
    unit = add_unit(layer, a.wire, b.wire, a.names.take(f"{layer.name}_add"))
    return a.network.join(unit, a, b)


def _add_concat(layer: ConcatLayer, a: Branch, b: Branch) -> Branch:
    bits = joined_wire(a.wire, b.wire).lane.bits
    lanes = lanes_within(min(a.wire.lanes, b.wire.lanes), math.gcd(*layer.channels), bits)
    for branch in (a, b):
        branch.to_lanes(lanes, layer.name)
    unit = concat_unit(layer, a.wire, b.wire, a.names.take(f"{layer.name}_concat"))
    return a.network.join(unit, a, b)


def _add_map(act: Activation, branch: Branch, name: str, kind: str, channels: int, what: str) -> None:
    bits = max(branch.wire.lane.bits, act.lane.bits)
    branch.to_lanes(lanes_within(branch.wire.lanes, channels, bits), name)
    branch.add(map_unit(act, branch.wire, branch.names.take(f"{name}_{kind}"), channels, what))


def _add_matrix(layer: MatrixLayer, branch: Branch, fold: Fold) -> None:
    m, name = layer.matrix, layer.name
    if branch.wire.lane != m.x:
        # The padding holds an integer that the codes of the map have no room for.
        keep = Activation(None, m.x, branch.wire.lo, branch.wire.hi)
        _add_map(keep, branch, name, "recode", m.channels, f"codes of {m.x.bits} bits")
    branch.to_lanes(fold.simd, name)
    if m.needs_window:
        branch.add(_matrix_window(m, branch, name, fold.simd))
    branch.add(matrix_unit(m, layer.act, branch.names.take(f"{name}_mvtu"), fold))


def _matrix_window(m: Matrix, branch: Branch, name: str, simd: int) -> Unit:
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
        m.groups // max(1, simd // m.depth),
    )
    pad = m.x.code(conv.pad_value)
    outside = None if m.has_valid else sum(pad << (lane * m.x.bits) for lane in range(simd))
    return _window_unit(window, branch, name, outside)


def _add_pool(layer: PoolLayer, branch: Branch) -> None:
    op, name = layer.op, layer.name
    (height, width, channels), (out_height, out_width, _) = map_shape(op.x), map_shape(op)
    bits = max(branch.wire.lane.bits, pooled_wire(op, branch.wire).lane.bits)
    branch.to_lanes(lanes_within(branch.wire.lanes, channels, bits, int(any(op.pads))), name)
    x, in_bits = branch.wire, branch.wire.bits
    if needs_window((height, width), op.kernel, op.strides, op.pads):
        window = Window(
            (height, width),
            (out_height, out_width),
            op.kernel,
            op.strides,
            (1, 1),
            op.pads,
            channels // x.lanes,
        )
        unit = _window_unit(window, branch, name, None if any(op.pads) else 0)
        in_bits = unit.out_bits
        branch.add(unit)
    suffix = "sum_pool" if isinstance(op, SumPool2d) else "max_pool"
    branch.add(pool_unit(op, x, branch.names.take(f"{name}_{suffix}"), in_bits))


def _window_unit(window: Window, branch: Branch, layer: str, outside: int | None) -> Unit:
    wire, name = branch.wire, branch.names.take(f"{layer}_window")
    (height, width), (kernel_height, kernel_width) = window.shape, window.kernel
    return Unit(
        name=name,
        comment=f"{kernel_height} x {kernel_width} windows of {height} x {width} x "
        f"{window.words * wire.lanes}, {amount(wire.lanes, 'lane')}",
        engines=("window",),
        call=f"bnnc::window<{name}_geometry>",
        wire=wire,
        in_bits=(wire.bits,),
        words=window.out_words,
        cycles=window.steps,
        pace=window.rows.pace,
        trace=window.trace,
        parameters=window_struct(name, window, wire.lanes, wire.lane, outside),
        fifo=max(2, window.shape[1] * window.words),
        marks=outside is None,
    )
