"""The choice of an option for every layer as an integer program, which HiGHS solves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from bnnc.hls.lanes import Wire
from bnnc.hls.solve.options import Option
from bnnc.hls.solve.space import KINDS, Space, amounts
from bnnc.ir.op import Array

INFEASIBLE = 2  # status of scipy.optimize.milp
SUM_WEIGHT = 1e-3
ANY = 1e9  # a gap with which the first solution is good enough
BALANCE = KINDS


@dataclass(frozen=True)
class Pair:
    """A stream that the writer of edge number `edge` may write, and lanes in which its reader may read it."""

    edge: int
    out: Wire
    lanes: int
    cost: Array


@dataclass(frozen=True)
class Program:
    """Options of each node, and the converters that they need between them in at most `target` cycles.

    Variables are first the options, 1 where chosen, then the pairs of widths of neighbours, which follow from
    these: of the pairs of an edge those with a stream, or with lanes, are chosen as often as the options of
    the writer, or of the reader, that have it. The last variable is the largest share of a resource.
    """

    space: Space
    target: int

    @cached_property
    def options(self) -> list[tuple[int, Option]]:
        """With the number of the node."""
        return [(i, option) for i, node in enumerate(self.space.nodes) for option in node.options]

    @cached_property
    def pairs(self) -> list[Pair]:
        return [pair for edge in range(len(self.space.edges)) for pair in self._pairs(edge)]

    def _pairs(self, edge: int) -> Iterator[Pair]:
        ends = self.space.edges[edge]
        writer, reader = (self.space.nodes[number].options for number in ends)
        outs = list(dict.fromkeys(option.out for option in writer))
        lanes = list(dict.fromkeys(option.lanes for option in reader))
        costs = self.space.crossings[ends].within(outs, lanes, self.target)
        for out, row in zip(outs, costs, strict=True):
            for n, cost in zip(lanes, row, strict=True):
                if np.isfinite(cost[0]):
                    yield Pair(edge, out, n, cost)

    @cached_property
    def costs(self) -> Array:
        """float64 (KINDS, options and pairs)."""
        columns = [amounts(option.resources) for _, option in self.options]
        return np.stack([*columns, *(pair.cost for pair in self.pairs)], axis=1)

    def solve(
        self, have: Array, limits: Array, around: Array, gap: float = 0.0, focus: Sequence[str] = BALANCE
    ) -> tuple[Option, ...] | None:
        """The options of the nodes that take least, within the limits; None if there are none.

        have, limits, around: float64, in the order of KINDS, what the part has, what options may take of it,
        and what is taken beside them. Least is the largest share of a resource in `focus`, and of equal ones
        the sum of all shares. gap: how much more it may be, relative to the least; with ANY it is any
        solution.
        """
        if not all(node.options for node in self.space.nodes):
            return None
        shares = self.costs / np.where(have > 0, have, 1.0)[:, None]
        n_options, n_variables = len(self.options), self.costs.shape[1]
        in_focus = np.array([[float(kind in focus)] for kind in KINDS])
        largest = hstack([csr_array(shares * in_focus), csr_array(-np.ones((len(KINDS), 1)))])
        taken = hstack([csr_array(self.costs), csr_array((len(KINDS), 1))])
        found = milp(
            np.append(SUM_WEIGHT * shares.sum(axis=0), 1.0),
            integrality=np.append(np.ones(n_options), np.zeros(n_variables - n_options + 1)),
            bounds=Bounds(0, np.append(np.ones(n_variables), np.inf)),
            constraints=[
                self._ties,
                LinearConstraint(largest, -np.inf, -in_focus[:, 0] * around / np.where(have > 0, have, 1.0)),
                LinearConstraint(taken, -np.inf, limits),
            ],
            options={"mip_rel_gap": gap},
        )
        if found.status == INFEASIBLE:
            return None
        assert found.x is not None, found.message
        chosen = np.flatnonzero(found.x[:n_options] > 0.5)
        assert len(chosen) == len(self.space.nodes)
        return tuple(self.options[column][1] for column in chosen)

    @cached_property
    def _ties(self) -> LinearConstraint:
        """One option a node; of its pairs as many as of the options that they belong to."""
        rows: dict[object, int] = {}
        entries: list[tuple[int, int, float]] = []

        def add(row: object, column: int, value: float) -> None:
            entries.append((rows.setdefault(row, len(rows)), column, value))

        for column, (node, option) in enumerate(self.options):
            add(node, column, 1.0)
            for edge, (writer, reader) in enumerate(self.space.edges):
                if node == writer:
                    add((edge, option.out), column, -1.0)
                if node == reader:
                    add((edge, option.lanes), column, -1.0)
        for column, pair in enumerate(self.pairs, len(self.options)):
            add((pair.edge, pair.out), column, 1.0)
            add((pair.edge, pair.lanes), column, 1.0)
        right = np.array([float(isinstance(row, int)) for row in rows])
        row_numbers, columns, values = zip(*entries, strict=True)
        shape = (len(rows), self.costs.shape[1] + 1)
        return LinearConstraint(csr_array((values, (row_numbers, columns)), shape), right, right)
