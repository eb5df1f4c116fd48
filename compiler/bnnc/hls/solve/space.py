"""All that can be chosen: the options of the layers, and the width converters that neighbours need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from bnnc.hls.lanes import Wire
from bnnc.hls.model.moving import width_cost
from bnnc.hls.model.resources import NOTHING, Resources
from bnnc.hls.network import conversion
from bnnc.hls.solve.options import Node, Option, stream_cost
from bnnc.ir.op import Array

KINDS = tuple(field.name for field in fields(Resources))
Edge = tuple[int, int]


def amounts(resources: Resources) -> Array:
    """float64, in the order of KINDS."""
    return np.array([getattr(resources, kind) for kind in KINDS], np.float64)


@dataclass(frozen=True)
class Bridge:
    """Width converters in a row, and the cycles of the slowest of them."""

    cycles: int
    resources: Resources


def bridge(wire: Wire, lanes: int) -> Bridge:
    """From the stream that one layer writes to the lanes that another one reads."""
    cycles, resources = 0, NOTHING
    for step in conversion(wire, lanes):
        new = Wire(wire.lane, step, wire.size, wire.lo, wire.hi)
        narrow, wide = sorted((wire, new), key=lambda either: either.lanes)
        cost = width_cost(narrow_bits=narrow.bits, ratio=wide.lanes // narrow.lanes)
        cycles, resources = max(cycles, narrow.words), resources + cost + stream_cost(new)
        wire = new
    return Bridge(cycles, resources)


@dataclass(frozen=True)
class Crossing:
    """The bridges from each stream that a layer may write to each number of lanes that its reader may read.

    cycles int64 (outs, lanes), costs float64 (outs, lanes, KINDS).
    """

    outs: Mapping[Wire, int]
    lanes: Mapping[int, int]
    cycles: Array
    costs: Array

    def within(self, outs: Sequence[Wire], lanes: Sequence[int], target: int) -> Array:
        """float64 (outs, lanes, KINDS): infinite where converters take more than `target` cycles."""
        at = np.ix_([self.outs[out] for out in outs], [self.lanes[n] for n in lanes])
        return np.where((self.cycles[at] <= target)[:, :, None], self.costs[at], np.inf)


def crossing(writer: Node, reader: Node) -> Crossing:
    outs = list(dict.fromkeys(option.out for option in writer.options))
    lanes = list(dict.fromkeys(option.lanes for option in reader.options))
    bridges = [[bridge(out, n) for n in lanes] for out in outs]
    return Crossing(
        {out: i for i, out in enumerate(outs)},
        {n: i for i, n in enumerate(lanes)},
        np.array([[found.cycles for found in row] for row in bridges]).reshape(len(outs), len(lanes)),
        np.array([[amounts(found.resources) for found in row] for row in bridges]),
    )


@dataclass(frozen=True)
class Space:
    """Nodes in an order in which each comes behind those that it reads, and the crossings of their edges."""

    nodes: Sequence[Node]
    crossings: Mapping[Edge, Crossing]

    @cached_property
    def edges(self) -> list[Edge]:
        """Writer and reader of every stream between two nodes; some are there twice."""
        return [(writer, reader) for reader, node in enumerate(self.nodes) for writer in node.reads]

    def bridges(self, chosen: Sequence[Option]) -> list[Bridge]:
        """Of every edge, between the options that are chosen."""
        return [bridge(chosen[writer].out, chosen[reader].lanes) for writer, reader in self.edges]


def space_of(nodes: Sequence[Node]) -> Space:
    edges = {(writer, reader) for reader, node in enumerate(nodes) for writer in node.reads}
    return Space(nodes, {(a, b): crossing(nodes[a], nodes[b]) for a, b in sorted(edges)})
