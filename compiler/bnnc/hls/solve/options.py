"""What can be chosen of every layer, with the cycles and the resources of each choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bnnc.hls.choices import Laned, Open, open_layers
from bnnc.hls.coded import decoder_resources
from bnnc.hls.folding import Fold, Foldable
from bnnc.hls.lanes import Wire
from bnnc.hls.layers import Layer, MatrixLayer, Plan, SparseLayer
from bnnc.hls.lower import add_layer, recode_unit
from bnnc.hls.matrix_window import matrix_window
from bnnc.hls.model.memory import fifo_cost
from bnnc.hls.model.resources import NOTHING, Resources
from bnnc.hls.mvtu import mvtu_resources, storages
from bnnc.hls.names import Names
from bnnc.hls.network import Network, fork_unit
from bnnc.hls.settings import Settings
from bnnc.hls.sparse import sparse_resources, sparse_storages
from bnnc.hls.storage import Storage
from bnnc.hls.units import Unit

SHALLOW = 2
"""Words of a FIFO that only keeps pauses apart; those between branches are sized when all is chosen."""


@dataclass(frozen=True)
class Option:
    """A choice of a layer: a folding with the storage of its weights, or lanes.

    It reads words of `lanes` lanes and writes the stream `out`. `resources` are those of its units, and of
    the FIFOs behind them.
    """

    setting: Fold | int
    storage: Storage | None
    lanes: int
    out: Wire
    cycles: int
    resources: Resources


@dataclass(frozen=True)
class Node:
    """The input port or a layer: what can be chosen, and the numbers of the nodes that it reads.

    is_slowed: whether the fastest option is not among them, for a user has chosen others. is_chosen: whether
    a user has chosen anything of it.
    """

    name: str
    node: str
    options: tuple[Option, ...]
    reads: tuple[int, ...]
    is_slowed: bool = False
    is_chosen: bool = False


@dataclass(frozen=True)
class Part:
    """Units of a layer, seen from outside."""

    cycles: int
    resources: Resources
    out: Wire


def nodes_of(plan: Plan, compresses: bool = False) -> list[Node]:
    """In the order of `open_layers`: the input port, then the layers.

    compresses: weights in block RAM are stored as codes where these take less.
    """
    opens = open_layers(plan)
    layers = [layer for layer in plan.layers if layer.name != plan.port]
    reads = [read for layer, read in zip(plan.layers, plan.reads, strict=True) if layer.name != plan.port]
    node_of = _node_numbers(plan)
    nodes = [Node(plan.port, plan.port, tuple(_port_options(plan, opens[0])), ())]
    for layer, values, choices in zip(layers, reads, opens[1:], strict=True):
        value = plan.layers.index(layer) + 1
        wires = [plan.wires[read] for read in values]
        options = _options(layer, wires, choices, compresses)
        behind = tuple(_behind(option, plan.readers(value)) for option in options)
        nodes.append(Node(layer.name, choices.node, behind, tuple(node_of[read] for read in values)))
    return nodes


def _node_numbers(plan: Plan) -> list[int]:
    """Of the node that makes each value; the port's own layer is part of the port."""
    merged = int(bool(plan.layers) and plan.layers[0].name == plan.port)
    return [0, *(value - merged for value in range(1, len(plan.layers) + 1))]


def _behind(option: Option, readers: int) -> Option:
    """With the forks behind it, and the FIFOs of what it writes; the last stream is the output port."""
    if readers == 0:
        return option
    forks = [fork_unit(option.out, "fork").resources] * (readers - 1)
    fifos = [stream_cost(option.out)] * (2 * readers - 1)
    return replace(option, resources=sum([*forks, *fifos], option.resources))


def stream_cost(wire: Wire) -> Resources:
    return fifo_cost(SHALLOW, wire.bits)


def _port_options(plan: Plan, port: Open) -> Iterator[Option]:
    """The port itself takes nothing; the layer behind it that makes its codes shorter does."""
    assert isinstance(port, Laned)
    has_layer = plan.layers and plan.layers[0].name == plan.port
    for lanes, cycles in port.cycles.items():
        wire, resources = replace(plan.input, lanes=lanes), NOTHING
        readers = plan.readers(0)
        if has_layer:
            part = _part(plan.layers[0], [wire], lanes)
            wire, resources, readers = part.out, part.resources, plan.readers(1)
        made = Option(lanes, None, lanes, wire, cycles, resources)
        forked = _behind(made, readers)
        if not has_layer:  # the stream of the port is no FIFO of ours
            extra = [fork_unit(wire, "fork").resources, *[stream_cost(wire)] * 2] * (readers - 1)
            forked = replace(made, resources=sum(extra, resources))
        yield forked


def _options(layer: Layer, x: Sequence[Wire], choices: Open, compresses: bool) -> Iterator[Option]:
    if isinstance(choices, Laned):
        for lanes, cycles in choices.cycles.items():
            part = _part(layer, [replace(wire, lanes=lanes) for wire in x], lanes)
            yield Option(lanes, None, lanes, part.out, cycles, part.resources)
    else:
        assert isinstance(layer, MatrixLayer | SparseLayer)
        yield from _folded(layer, x[0], choices, compresses)


def _part(layer: Layer, x: Sequence[Wire], lanes: int) -> Part:
    """The units of a layer without a matrix, made once to see what they take."""
    network = Network(Names())
    last = add_layer(layer, [network.source(wire) for wire in x], Settings({}, {layer.name: lanes}))
    units = [stage.unit for stage in network.stages]
    inner = [fifo_cost(SHALLOW, unit.out_bits) for unit in units[:-1]]
    return Part(max(unit.cycles for unit in units), sum(inner, _total(units)), last.wire)


def _total(units: Sequence[Unit]) -> Resources:
    return sum((unit.resources for unit in units), NOTHING)


def _folded(
    layer: MatrixLayer | SparseLayer, x: Wire, choices: Foldable, compresses: bool
) -> Iterator[Option]:
    if isinstance(layer, SparseLayer):
        yield from _sparse(layer, choices, compresses)
        return
    m, act = layer.matrix, layer.act
    coded = m.coded if compresses else None
    decoder = decoder_resources(m, coded) if coded else NOTHING
    fronts = {simd: _front(layer, x, simd) for simd in choices.simd_choices()}
    for fold, cycles in choices.cycles.items():
        out = Wire(act.lane, fold.pe, m.vectors * m.shape[0], act.lo, act.hi, m.vectors)
        for storage in storages(m, fold):
            resources = fronts[fold.simd] + mvtu_resources(m, act, fold, storage)
            resources += decoder if storage is Storage.BRAM else NOTHING
            yield Option(fold, storage, m.in_lanes(fold.simd), out, cycles, resources)


def _sparse(layer: SparseLayer, choices: Foldable, compresses: bool) -> Iterator[Option]:
    s, act = layer.matrix, layer.act
    for fold, cycles in choices.cycles.items():
        out = Wire(act.lane, fold.pe, s.outputs, act.lo, act.hi)
        for storage in sparse_storages(s, fold):
            coded = s.coded(fold.pe) if compresses and storage is Storage.BRAM else None
            resources = sparse_resources(s, act, fold, storage, coded)
            yield Option(fold, storage, s.in_lanes(fold.simd), out, cycles, resources)


def _front(layer: MatrixLayer, x: Wire, simd: int) -> Resources:
    """What lies in front of the matrix: a map where codes need more bits, a window."""
    m = layer.matrix
    wire = replace(x, lanes=m.in_lanes(simd))
    units = []
    if x.lane != m.x:
        units.append(recode_unit(m, wire, "recode"))
        wire = units[-1].wire
    if m.needs_window:
        units.append(matrix_window(m, wire, "window", simd))
    return sum((fifo_cost(SHALLOW, unit.out_bits) for unit in units), _total(units))
