"""Why a folding is as it is: what sets the rate, and what the next smaller and larger choices would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bnnc.errors import some_of
from bnnc.hls.folding import Fold
from bnnc.hls.model.resources import NOTHING, Resources, told
from bnnc.hls.solve.options import Node, Option
from bnnc.hls.solve.solver import Goal, Solution
from bnnc.hls.solve.space import KINDS, amounts
from bnnc.hls.storage import Storage

SETS_THE_RATE = "sets the rate"


@dataclass(frozen=True)
class Row:
    """A layer with what is chosen of it, or what lies beside the layers."""

    name: str
    folding: str
    cycles: int
    resources: Resources
    why: str


@dataclass(frozen=True)
class Explained:
    """A solution, told for a part and a clock; `thresholds`: where a user wants them to lie, by layer.

    shallow: FIFOs whose depth a user chose, with which samples come more slowly than from the slowest layer.
    """

    solution: Solution
    goal: Goal
    thresholds: Mapping[str, Storage] = field(default_factory=dict)
    shallow: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        """Of every layer, and of all width converters."""
        chosen = zip(self.solution.space.nodes, self.solution.options, strict=True)
        found = [
            Row(node.node, self._folding(node, o), o.cycles, o.resources, self.why(node, o))
            for node, o in chosen
        ]
        bridges = [b for b in self.solution.space.bridges(self.solution.options) if b.cycles]
        if bridges:
            resources = sum((bridge.resources for bridge in bridges), NOTHING)
            what = f"width converters of {len(bridges)} stream{'s' if len(bridges) > 1 else ''}"
            found.append(Row("", what, max(bridge.cycles for bridge in bridges), resources, ""))
        return found

    def _folding(self, node: Node, option: Option) -> str:
        storage = self.thresholds.get(node.name)
        return description(option) + (f", thresholds in {storage}" if storage else "")

    def why(self, node: Node, option: Option) -> str:
        """A smaller choice would be too slow; a larger one has its price."""
        slower = [other for other in node.options if other.cycles > self.solution.target]
        is_slowest = option.cycles == self.solution.cycles
        parts = [self._slowest()] if is_slowest else []
        if len(node.options) == 1:
            parts.append("as the folding file has it" if node.is_chosen else "the only choice")
        elif slower:
            next_one = self._cheapest(slower, min(other.cycles for other in slower))
            parts.append(f"{_instead(next_one, option)} would take {next_one.cycles:,} cycles")
        elif not is_slowest:
            parts.append("fast enough at any choice")
        faster = [other for other in node.options if other.cycles < option.cycles]
        if faster and is_slowest:
            next_one = self._cheapest(faster, max(other.cycles for other in faster))
            price = _difference(next_one.resources, option.resources)
            parts.append(f"{_instead(next_one, option)} would take {next_one.cycles:,}, for {price}")
        elif is_slowest and len(node.options) > 1:
            parts.append("no choice is faster")
        return "; ".join(parts)

    def _slowest(self) -> str:
        """Of the layer that would set the rate if no FIFO did."""
        if not self.shallow:
            return SETS_THE_RATE
        verb = "sets" if len(self.shallow) == 1 else "set"
        return f"the slowest layer, but {some_of(self.shallow)}, as shallow as given, {verb} the rate"

    def _cheapest(self, options: Sequence[Option], cycles: int) -> Option:
        """Of those with so many cycles, by the sum of the shares of the part."""
        have = np.maximum(self.goal.have, 1)
        return min(
            (option for option in options if option.cycles == cycles),
            key=lambda option: float((amounts(option.resources) / have).sum()),
        )

    @property
    def shares(self) -> dict[str, float]:
        """Of what the part has, by kind."""
        taken = amounts(self.solution.resources)
        return {
            kind: float(n / all_of)
            for kind, n, all_of in zip(KINDS, taken, self.goal.have, strict=True)
            if all_of > 0
        }


def description(option: Option) -> str:
    """The setting, and where weights lie."""
    return _setting(option) + (f", weights in {option.storage}" if option.storage else "")


def _setting(option: Option) -> str:
    if isinstance(option.setting, Fold):
        return f"PE {option.setting.pe}, SIMD {option.setting.simd}"
    return "1 lane" if option.setting == 1 else f"{option.setting} lanes"


def _instead(other: Option, chosen: Option) -> str:
    """With the memory of the weights where that is another one."""
    return _setting(other) if other.storage == chosen.storage else description(other)


def _difference(new: Resources, old: Resources) -> str:
    """Without flip-flops: there are more than enough of them."""
    more = {kind: n - old.counts[kind] for kind, n in new.counts.items() if kind != "ff"}
    parts = [f"{told(kind, abs(n))} {'more' if n > 0 else 'less'}" for kind, n in more.items() if n]
    return " and ".join(parts) or "nothing more"
