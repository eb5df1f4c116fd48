"""The layers of an accelerator, with their folding, as units and the streams between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bnnc.hls.activations import Activation
from bnnc.hls.branch_units import add_unit, concat_unit, gather_unit
from bnnc.hls.folding import Fold
from bnnc.hls.lanes import Wire
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
from bnnc.hls.matrix_window import matrix_window
from bnnc.hls.model.calibration import project_cost
from bnnc.hls.model.resources import Resources
from bnnc.hls.model.sizing import Fifo, fifos
from bnnc.hls.mvtu import matrix_unit
from bnnc.hls.names import Names
from bnnc.hls.network import Branch, Network, Stage
from bnnc.hls.settings import Settings
from bnnc.hls.small_units import map_unit, pool_unit, pool_window, top_k_unit, transpose_unit
from bnnc.hls.sparse import sparse_unit
from bnnc.hls.storage import Storage
from bnnc.hls.units import Unit
from bnnc.hls.window import window_unit
from bnnc.ir.integer_ops import SumPool2d


@dataclass(frozen=True)
class Accelerator:
    """Units from the input port to the output port, and what is chosen of each layer."""

    stages: tuple[Stage, ...]
    fifos: tuple[Fifo, ...]
    input: Wire
    layers: tuple[Layer, ...]
    settings: Settings

    @property
    def folds(self) -> Mapping[str, Fold]:
        return self.settings.folds

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(stage.unit for stage in self.stages)

    @property
    def cycles(self) -> int:
        """Of the slowest unit."""
        return max(unit.cycles for unit in self.units)

    @property
    def resources(self) -> Resources:
        """Of the units, the FIFOs and what is around them."""
        fifos = ((fifo.depth, fifo.bits) for fifo in self.fifos)
        return project_cost((unit.resources for unit in self.units), fifos)


def assemble(
    plan: Plan, names: Names, settings: Settings, depths: Mapping[str, int] | None = None
) -> Accelerator:
    """The accelerator of a plan, with FIFOs of other depths than computed where `depths` names them."""
    stages = _stages(plan, Network(names), settings)
    return Accelerator(stages, fifos(stages, depths), stages[0].reads[0].wire, plan.layers, settings)


def _stages(plan: Plan, network: Network, settings: Settings) -> tuple[Stage, ...]:
    """Units for every layer, with a fork behind each value that has several readers."""
    network.layer = plan.port
    first = network.source(replace(plan.input, lanes=settings.lanes[plan.port]))
    waiting = {0: first.fork(plan.port, plan.readers(0))}
    for number, (layer, reads) in enumerate(zip(plan.layers, plan.reads, strict=True), 1):
        network.layer = layer.name
        branches = [waiting[value].pop(0) for value in reads]
        last = add_layer(layer, branches, settings)
        waiting[number] = last.fork(layer.name, plan.readers(number))
    return network.finish()


def add_layer(layer: Layer, branches: list[Branch], settings: Settings) -> Branch:
    """The branch behind a layer that reads `branches`."""
    name, branch = layer.name, branches[0]
    if isinstance(layer, MatrixLayer | SparseLayer):
        _add_folded(layer, branch, settings.folds[name], settings.storages.get(name))
        return branch
    for other in branches:
        other.to_lanes(settings.lanes[name], name)
    match layer:
        case AddLayer():
            a, b = (other.wire for other in branches)
            unit = add_unit(layer, a, b, branch.names.take(f"{name}_add"))
            return branch.network.join(unit, *branches)
        case ConcatLayer():
            a, b = (other.wire for other in branches)
            unit = concat_unit(layer, a, b, branch.names.take(f"{name}_concat"))
            return branch.network.join(unit, *branches)
        case PoolLayer():
            _add_pool(layer, branch)
        case _:
            branch.add(_unit_of(layer, branch))
    return branch


def _unit_of(layer: MapLayer | GatherLayer | TransposeLayer | TopKLayer, branch: Branch) -> Unit:
    """Of a layer that is one unit."""
    wire, name, take = branch.wire, layer.name, branch.names.take
    match layer:
        case MapLayer():
            return map_unit(layer.act, wire, take(f"{name}_map"), layer.channels, layer.what)
        case GatherLayer():
            return gather_unit(layer.op, wire, take(f"{name}_gather"))
        case TransposeLayer():
            return transpose_unit(wire, take(f"{name}_reorder"), layer.rows, layer.columns)
        case TopKLayer():
            return top_k_unit(layer.op, wire, take(f"{name}_top_k"))


def _add_folded(
    layer: MatrixLayer | SparseLayer, branch: Branch, fold: Fold, storage: Storage | None
) -> None:
    name = layer.name
    branch.to_lanes(layer.matrix.in_lanes(fold.simd), name)
    if isinstance(layer, SparseLayer):
        unit = branch.names.take(f"{name}_sparse")
        branch.add(sparse_unit(layer.matrix, layer.act, branch.wire, unit, fold, storage))
        return
    m = layer.matrix
    if branch.wire.lane != m.x:
        branch.add(recode_unit(m, branch.wire, branch.names.take(f"{name}_recode")))
    if m.needs_window:
        branch.add(matrix_window(m, branch.wire, branch.names.take(f"{name}_window"), fold.simd))
    branch.add(matrix_unit(m, layer.act, branch.names.take(f"{name}_mvtu"), fold, storage))


def recode_unit(m: Matrix, x: Wire, name: str) -> Unit:
    """The padding holds an integer that the codes of the map have no room for."""
    keep = Activation(None, m.x, x.lo, x.hi)
    return map_unit(keep, x, name, m.channels, f"codes of {m.x.bits} bits")


def _add_pool(layer: PoolLayer, branch: Branch) -> None:
    op, name, x = layer.op, layer.name, branch.wire
    window, in_bits = pool_window(op, x.lanes), x.bits
    if window is not None:
        outside = None if any(op.pads) else 0
        unit = window_unit(window, x, branch.names.take(f"{name}_window"), outside)
        in_bits = unit.out_bits
        branch.add(unit)
    suffix = "sum_pool" if isinstance(op, SumPool2d) else "max_pool"
    branch.add(pool_unit(op, x, branch.names.take(f"{name}_{suffix}"), in_bits))
