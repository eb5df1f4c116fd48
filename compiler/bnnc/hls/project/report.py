"""What the models of cycles and resources say of a project: report.json, and the values of report.html."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bnnc.errors import some_of
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.calibration import SHELL
from bnnc.hls.model.memory import fifo_cost
from bnnc.hls.model.parts import Part
from bnnc.hls.model.resources import total
from bnnc.hls.model.simulate import Simulation
from bnnc.hls.model.sizing import LEAST
from bnnc.hls.network import Stage
from bnnc.hls.solve.explain import SETS_THE_RATE, Explained, Row
from bnnc.hls.solve.options import Node, Option
from bnnc.hls.solve.solver import Goal, Solution, Solver
from bnnc.hls.solve.space import amounts
from bnnc.rates import rate

TIMES = (0.25, 0.5, 2.0, 4.0)
"""Other rates that the report compares with, in cycles of the project."""


@dataclass(frozen=True)
class Report:
    """An accelerator for a part, or for one that nothing is known of, as it is simulated.

    `drained_cycles`: of a sample where pipelines are empty between samples. `explained`: why each layer is
    folded as it is, where the part is known. `given`: FIFOs whose depths somebody chose, `shallow` those of
    them that cost cycles. `solver`: what found the folding, if something did.
    """

    name: str
    accelerator: Accelerator
    simulation: Simulation
    drained_cycles: int
    part_number: str
    clock_mhz: float
    part: Part | None
    explained: Explained | None
    given: Collection[str] = ()
    shallow: Collection[str] = ()
    solver: Solver | None = None

    @property
    def fps(self) -> float:
        """Samples a second."""
        return rate(self.clock_mhz, self.simulation.ii_cycles)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What report.json has."""
        simulation = self.simulation
        return {
            "name": self.name,
            "part": self.part_number,
            "clock_mhz": self.clock_mhz,
            "fps": self.fps,
            "ii_cycles": simulation.ii_cycles,
            "latency_cycles": simulation.latency_cycles,
            "latency_us": round(simulation.latency_cycles / self.clock_mhz, 3),
            "drained": {"fps": rate(self.clock_mhz, self.drained_cycles), "ii_cycles": self.drained_cycles},
            "resources": self.accelerator.resources.counts,
            "available": self.part.resources.counts if self.part else None,
            "around": SHELL.counts,
            "bottleneck": self._bottleneck(),
            "layers": [self._layer(name, stages) for name, stages in self._by_layer().items()],
            "fifos": self._fifos(),
            "alternatives": self._alternatives(),
            "alternatives_by": "solver" if self.solver else "layer",
        }

    @property
    def exceeded(self) -> str:
        """What is taken beyond all that the part has, in words."""
        return Goal(self.part, self.clock_mhz, {}).exceeded(self.accelerator.resources) if self.part else ""

    @property
    def text(self) -> str:
        """report.json."""
        return json.dumps(self.values, indent=2) + "\n"

    def _by_layer(self) -> dict[str, list[Stage]]:
        found: dict[str, list[Stage]] = {}
        for stage in self.accelerator.stages:
            found.setdefault(stage.layer, []).append(stage)
        return found

    def _layer(self, name: str, stages: Sequence[Stage]) -> dict[str, Any]:
        slowest = max(stages, key=lambda stage: stage.unit.cycles).unit
        row = self._rows.get(name)
        return {
            "name": name,
            "folding": self.accelerator.settings.entries.get(name, {}),
            "cycles": slowest.cycles,
            "occupancy": self._share(slowest.cycles),
            "resources": total(stage.unit.resources for stage in stages).counts,
            "why": row.why if row else "",
            "units": [self._unit(stage) for stage in stages],
        }

    def _unit(self, stage: Stage) -> dict[str, Any]:
        unit, load = stage.unit, self.simulation.loads[stage.unit.name]
        return {
            "name": unit.name,
            "engine": unit.engines[0],
            "what": unit.comment,
            "cycles": unit.cycles,
            "occupancy": self._share(load.busy),
            "starved": self._share(load.starved),
            "blocked": self._share(load.blocked),
            "resources": unit.resources.counts,
        }

    def _share(self, cycles: int) -> float:
        """Of the time that a sample takes."""
        return round(cycles / self.simulation.ii_cycles, 4)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        """Why a layer is folded as it is, by its name in the sources."""
        if self.explained is None:
            return {}
        nodes = self.explained.solution.space.nodes
        return {node.name: row for node, row in zip(nodes, self.explained.rows(), strict=False)}

    def foldings(self) -> dict[str, str]:
        """Of each layer in words."""
        entries = self.accelerator.settings.entries
        return {
            name: self._rows[name].folding if name in self._rows else setting_text(entries.get(name, {}))
            for name in self._by_layer()
        }

    def _bottleneck(self) -> dict[str, Any]:
        slowest = [stage for stage in self.accelerator.stages if stage.unit.cycles == self.accelerator.cycles]
        names = [stage.unit.name for stage in slowest]
        told = f"{_these(names)} {self.accelerator.cycles:,} cycles a sample"
        if self.accelerator.cycles == self.simulation.ii_cycles:
            told += f", and every other unit waits for {'it' if len(names) == 1 else 'them'}"
        else:
            told += (
                f"; samples come every {self.simulation.ii_cycles:,} cycles, since units wait for each other"
            )
            told += self._given_hint()
        row = self._rows.get(slowest[0].layer)
        why = row.why.removeprefix(f"{SETS_THE_RATE}; ") if row else ""
        return {
            "unit": names[0],
            "layer": slowest[0].layer,
            "why": f"{told}. {_sentence(why)}".strip(),
        }

    def _given_hint(self) -> str:
        """Which of the depths that somebody chose are why."""
        full = list(self.shallow)
        return f" (at times full at the depth that was given: {some_of(full)})" if full else ""

    def _fifos(self) -> list[dict[str, Any]]:
        ends: dict[str, dict[str, str]] = {}
        for stage in self.accelerator.stages:
            for stream in stage.writes:
                ends.setdefault(stream.name, {})["from"] = stage.unit.name
            for stream in stage.reads:
                ends.setdefault(stream.name, {})["to"] = stage.unit.name
        return [
            {
                "name": fifo.name,
                **ends[fifo.name],
                "bits": fifo.bits,
                "depth": fifo.depth,
                "high_water": self.simulation.high_water[fifo.name],
                "given": fifo.name in self.given,
                "costs_rate": fifo.name in self.shallow,
                "binding": fifo.name in self.shallow or (fifo.depth > LEAST and fifo.name not in self.given),
                "resources": fifo_cost(fifo.depth, fifo.bits).counts,
            }
            for fifo in self.accelerator.fifos
        ]

    def _alternatives(self) -> list[dict[str, Any]]:
        """At other rates: by the same solver, or every layer by itself as small as that allows."""
        if self.explained is None:
            return []
        solution, goal = self.explained.solution, self.explained.goal
        fastest = max(min(option.cycles for option in node.options) for node in solution.space.nodes)
        targets = sorted({max(fastest, int(solution.cycles * times)) for times in TIMES})
        tried = [self._smallest(solution, goal, target) for target in targets]
        found = [solution, *filter(None, tried)]
        kept = [s for s in found if not any(_is_better(other, s) for other in found)]
        return [
            {
                "fps": goal.rate(s.cycles),
                "ii_cycles": s.cycles,
                "resources": s.resources.counts,
                "fits": bool((amounts(s.resources) <= goal.have).all()),
            }
            for s in {s.cycles: s for s in kept if s.cycles != solution.cycles}.values()
        ]

    def _smallest(self, solution: Solution, goal: Goal, target: int) -> Solution | None:
        return self.solver.smallest(target) if self.solver else _at_rate(solution, goal, target)


def _at_rate(solution: Solution, goal: Goal, target: int) -> Solution:
    have = np.maximum(goal.have, 1)

    def smallest(node: Node) -> Option:
        fitting = [option for option in node.options if option.cycles <= target]
        return min(fitting, key=lambda o: float((amounts(o.resources) / have).sum()))

    return replace(solution, target=target, options=tuple(map(smallest, solution.space.nodes)))


def _is_better(a: Solution, b: Solution) -> bool:
    """No slower, no larger in anything, and not the same."""
    mine, its = ((-s.cycles, *(-amounts(s.resources))) for s in (a, b))
    return mine != its and all(x >= y for x, y in zip(mine, its, strict=True))


def setting_text(entry: Mapping[str, object]) -> str:
    """An entry of a folding file: `PE 4, SIMD 2, weights in bram`."""
    forms = {"pe": "PE {}", "simd": "SIMD {}", "lanes": "{} lanes"}
    return ", ".join(forms.get(key, f"{key} in {{}}").format(value) for key, value in entry.items())


def _these(names: Sequence[str]) -> str:
    match names:
        case [only]:
            return f"{only} takes"
        case [first, second]:
            return f"{first} and {second} each take"
        case _:
            return f"{names[0]} and {len(names) - 1} other units each take"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
