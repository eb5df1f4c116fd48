"""Options that can be left out without a loss: too slow ones, and those that others beat in everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnnc.hls.solve.options import Node
from bnnc.hls.solve.space import Edge, Space, amounts
from bnnc.ir.op import Array

PASSES = 2


def pruned(space: Space, target: int, limits: Array) -> Space:
    """With the options that keep `target` cycles, fit alone into the limits, and are not dominated.

    limits: float64, in the order of KINDS. An option is dominated if another one of the node takes no more
    of anything, whatever its neighbours choose: in its place every solution stays one, and none gets dearer.
    """
    kept = replace(space, nodes=[_within(node, target, limits) for node in space.nodes])
    for _ in range(PASSES):
        for number in range(len(kept.nodes)):
            nodes = list(kept.nodes)
            nodes[number] = _without_dominated(kept, number, target)
            kept = replace(kept, nodes=nodes)
    return kept


def _within(node: Node, target: int, limits: Array) -> Node:
    fitting = (
        option
        for option in node.options
        if option.cycles <= target and (amounts(option.resources) <= limits).all()
    )
    return replace(node, options=tuple(fitting))


def _without_dominated(space: Space, number: int, target: int) -> Node:
    """Option b goes if some a has cost(a) - cost(b) + sum over edges of the largest difference <= 0."""
    node = space.nodes[number]
    if len(node.options) < 2:
        return node
    cost = np.stack([amounts(option.resources) for option in node.options])
    more = cost[:, None] - cost[None]
    for edge in space.edges:
        if number in edge:
            more += _more_around(space, edge, number, target)
    beats = (more <= 0).all(axis=2)
    np.fill_diagonal(beats, False)
    beats &= ~np.tril(beats & beats.T)  # of options that are worth the same the first one stays
    keep = ~beats.any(axis=0)
    return replace(node, options=tuple(option for option, k in zip(node.options, keep, strict=True) if k))


def _more_around(space: Space, edge: Edge, number: int, target: int) -> Array:
    """float64 (options, options, KINDS): how much more converters of an edge take, at most, with a than b."""
    writer, reader = (space.nodes[end].options for end in edge)
    outs = {out: i for i, out in enumerate(dict.fromkeys(option.out for option in writer))}
    lanes = {n: i for i, n in enumerate(dict.fromkeys(option.lanes for option in reader))}
    table = space.crossings[edge].within(list(outs), list(lanes), target)
    if number == edge[0]:
        own = [outs[option.out] for option in writer]
    else:
        own, table = [lanes[option.lanes] for option in reader], table.swapaxes(0, 1)
    return _largest_more(table)[np.ix_(own, own)]


def _largest_more(table: Array) -> Array:
    """float64 (ends, ends, KINDS): how much more a takes than b, at most, of (ends, neighbours, KINDS).

    Neighbours that b cannot have do not count; one that a alone cannot have makes it infinite.
    """
    a, b = table[:, None], table[None]
    with np.errstate(invalid="ignore"):
        more = np.where(np.isinf(b), -np.inf, a - b)
    largest: Array = more.max(axis=2, initial=-np.inf)
    return np.where(np.isneginf(largest), 0.0, largest)
