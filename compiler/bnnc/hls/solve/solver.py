"""The folding that a part, a clock and a budget allow: as fast as it can be, or as small as a rate allows."""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnnc.errors import BnncError
from bnnc.hls.folding import Fold
from bnnc.hls.model.calibration import SHELL
from bnnc.hls.model.parts import Part
from bnnc.hls.model.resources import COUNTED, NOTHING, Resources, count_text, told, total
from bnnc.hls.settings import Settings
from bnnc.hls.solve.options import Option
from bnnc.hls.solve.program import ANY, BALANCE, Program
from bnnc.hls.solve.prune import pruned
from bnnc.hls.solve.space import KINDS, Space, amounts
from bnnc.ir.op import Array
from bnnc.rates import rate, rate_text

BUDGET_KINDS = {"lut": "lut", "ff": "ff", "bram": "bram18", "uram": "uram", "dsp": "dsp"}
MAX_CLOCK_MHZ = 1000
_log = logging.getLogger("bnnc.solver")


@dataclass(frozen=True)
class Goal:
    """`fps` samples a second, or as many as fit where it is None; `budget`: shares of the part, by kind."""

    part: Part
    clock_mhz: float
    budget: Mapping[str, float]
    fps: float | None = None

    @property
    def target(self) -> int | None:
        """Cycles of a sample at most."""
        return None if self.fps is None else math.floor(self.clock_mhz * 1e6 / self.fps)

    @property
    def have(self) -> Array:
        """float64, in the order of KINDS: what the part has."""
        return amounts(self.part.resources)

    @property
    def allowed(self) -> Array:
        """float64, in the order of KINDS: what all of the accelerator may take."""
        shares = {BUDGET_KINDS[kind]: share for kind, share in self.budget.items()}
        allowed: Array = np.floor(self.have * [shares.get(kind, 1.0) for kind in KINDS])
        return allowed

    def exceeded(self, resources: Resources) -> str:
        """`57 LUTs of 50, ..`: what is taken beyond the budget; empty for nothing."""
        allowed = _resources(self.allowed).counts
        taken = [(kind, n) for kind, n in resources.counts.items() if n > allowed[kind]]
        return ", ".join(f"{told(kind, n)} of {count_text(allowed[kind])}" for kind, n in taken)

    def rate(self, cycles: int) -> float:
        """Samples a second."""
        return rate(self.clock_mhz, cycles)


@dataclass(frozen=True)
class Solution:
    """The option of each node, chosen for `target` cycles."""

    space: Space
    target: int
    options: tuple[Option, ...]

    @cached_property
    def cycles(self) -> int:
        """Of the slowest unit: a sample comes out every so many cycles."""
        bridges = self.space.bridges(self.options)
        return max([*(o.cycles for o in self.options), *(found.cycles for found in bridges)])

    @cached_property
    def resources(self) -> Resources:
        """Of the accelerator with shallow FIFOs."""
        bridges = self.space.bridges(self.options)
        return total((SHELL, *(o.resources for o in self.options), *(found.resources for found in bridges)))

    @property
    def settings(self) -> Settings:
        chosen = list(zip(self.space.nodes, self.options, strict=True))
        folds = {node.name: o.setting for node, o in chosen if isinstance(o.setting, Fold)}
        lanes = {node.name: o.setting for node, o in chosen if isinstance(o.setting, int)}
        storages = {node.name: o.storage for node, o in chosen if o.storage is not None}
        return Settings(folds, lanes, storages)


@dataclass(frozen=True)
class Solver:
    """`reserved`: what is needed beside the options of the space, such as deep FIFOs."""

    space: Space
    goal: Goal
    reserved: Resources = NOTHING

    @property
    def limits(self) -> Array:
        return self.goal.allowed - self.around

    @property
    def around(self) -> Array:
        """float64, in the order of KINDS: what lies around the options."""
        return amounts(SHELL + self.reserved)

    def solve(self) -> Solution:
        """BnncError, which names what is in the way, if nothing fits."""
        target = self.goal.target
        if target is None:
            target = self.fastest()
        found = None if target is None else self.smallest(target)
        if found is None:
            raise self._failure(target)
        return found

    def smallest(self, target: int, focus: Sequence[str] = BALANCE) -> Solution | None:
        """The one that takes least of the part, of the resources in `focus`, in so many cycles."""
        options = self._program(target).solve(self.goal.have, self.limits, self.around, focus=focus)
        return None if options is None else Solution(self.space, target, options)

    def fastest(self) -> int | None:
        """The fewest cycles with which everything fits."""
        candidates = self._candidates
        place = bisect_left(candidates, True, key=self._fits)
        return candidates[place] if place < len(candidates) else None

    def _fits(self, target: int) -> bool:
        return self._program(target).solve(self.goal.have, self.limits, self.around, ANY) is not None

    def _program(self, target: int) -> Program:
        if target not in self._programs:
            _log.info("solving for %s cycles a sample", f"{target:,}")
            self._programs[target] = Program(pruned(self.space, target, self.limits), target)
        return self._programs[target]

    @cached_property
    def _programs(self) -> dict[int, Program]:
        """Those that were needed, by target: a front needs each of them with several aims."""
        return {}

    @cached_property
    def _candidates(self) -> list[int]:
        """All cycles of some layer or converter, from the least that the slowest layer needs on."""
        least = max(min(option.cycles for option in node.options) for node in self.space.nodes)
        found = {option.cycles for node in self.space.nodes for option in node.options}
        for crossing in self.space.crossings.values():
            found.update(np.unique(crossing.cycles).tolist())
        return sorted(cycles for cycles in found if cycles >= least)

    def _failure(self, target: int | None) -> BnncError:
        """Why nothing fits in so many cycles, or in any number."""
        fastest = None if target is None else self.fastest()
        if target is None or fastest is None:
            return self._too_large(self._candidates[-1], "no folding fits", "a larger part")
        slowest = max(self.space.nodes, key=lambda node: min(option.cycles for option in node.options))
        least = min(option.cycles for option in slowest.options)
        remedy = f"--fps {rate_text(self.goal.rate(fastest)).replace(',', '')} or less"
        wanted = f"{self.goal.fps:,.12g} samples a second"
        if least <= target:
            return self._too_large(target, wanted, f"{remedy}, a larger part")
        left = f"leave {target:,} cycles" if target else "are more than there are cycles"
        takes = f"{'as --folding has it, ' if slowest.is_slowed else ''}it takes {least:,} for each at least"
        what = f"{wanted} {left} at {self.goal.clock_mhz:g} MHz, and {takes}"
        faster = math.ceil(fastest * (self.goal.fps or 0) / 1e6)
        remedy += f", or --clock {faster}" if faster <= MAX_CLOCK_MHZ else ""
        return BnncError.at(f"layer {slowest.node!r}", what, f"give {remedy}")

    def _too_large(self, target: int, what: str, remedy: str) -> BnncError:
        """Says which resource is exceeded by that which comes closest to the limits."""
        limits = np.maximum(self.limits, 0)
        unlimited = np.full(len(KINDS), np.inf)
        space = pruned(self.space, target, unlimited)
        options = Program(space, target).solve(np.maximum(limits, 1), unlimited, np.zeros(len(KINDS)))
        assert options is not None
        least = Solution(self.space, target, options).resources + self.reserved
        worst = int(np.argmax((amounts(least) - self.goal.allowed) / np.maximum(limits, 1)))
        option = next(option for option, kind in BUDGET_KINDS.items() if kind == KINDS[worst])
        kind = COUNTED.get(KINDS[worst], KINDS[worst])
        allowed = _resources(self.goal.allowed).counts[kind]
        taken = told(kind, least.counts[kind])
        found = f"{what}: what comes closest takes {taken}, and {count_text(allowed)} are allowed"
        more = (
            f", or more with --budget {option}=1" if self.goal.allowed[worst] < self.goal.have[worst] else ""
        )
        return BnncError.at(f"part {self.goal.part.name}", found, f"give {remedy}{more}")


def _resources(array: Array) -> Resources:
    """Of float64 in the order of KINDS."""
    return Resources(*(int(n) for n in array))
