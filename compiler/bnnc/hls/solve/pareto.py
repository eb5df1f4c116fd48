"""The front: what the best accelerators for a part take, from the fastest to ever slower ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnnc.hls.model.resources import Resources
from bnnc.hls.solve.program import BALANCE
from bnnc.hls.solve.solver import Solution, Solver

STEP = 2**0.5  # between the cycles of two points
MOST_RATES = 12
FOCUSES = {"little of all": BALANCE, "few LUTs": ("lut",), "few block RAMs": ("bram18",)}


@dataclass(frozen=True)
class Point:
    """A solution, the rate that it has, and what it is to take few of."""

    fps: float
    focus: str
    solution: Solution

    @property
    def resources(self) -> Resources:
        return self.solution.resources

    def beats(self, other: Point) -> bool:
        """As fast at least with no more LUTs and block RAMs, and better in one of them."""
        mine, its = ((-p.solution.cycles, -p.resources.lut, -p.resources.bram18) for p in (self, other))
        return mine != its and all(a >= b for a, b in zip(mine, its, strict=True))


def front(solver: Solver) -> list[Point]:
    """Points of which none is beaten by another, the fastest first.

    At each rate one that takes little of everything, one that takes the fewest LUTs, and one the fewest block
    RAMs. BnncError if nothing fits at all.
    """
    points = list(_points(solver))
    distinct = {(p.solution.cycles, p.resources): p for p in reversed(points)}.values()
    kept = [p for p in distinct if not any(other.beats(p) for other in distinct)]
    return sorted(kept, key=lambda p: (p.solution.cycles, p.resources.lut))


def _points(solver: Solver) -> Iterator[Point]:
    target = solver.solve().target
    for _ in range(MOST_RATES):
        for focus, kinds in FOCUSES.items():
            if (found := solver.smallest(target, kinds)) is not None:
                yield Point(solver.goal.rate(found.cycles), focus, found)
        slowest = max(option.cycles for node in solver.space.nodes for option in node.options)
        if target >= slowest:
            return
        target = int(target * STEP)
