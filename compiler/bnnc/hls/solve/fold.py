"""The accelerator that a user's options ask for: as they say, or as the solver finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.hls.choices import Open, open_layers
from bnnc.hls.coded import StoredMatrix, compressed
from bnnc.hls.core import buildable_core
from bnnc.hls.folding import Fold
from bnnc.hls.layers import Plan
from bnnc.hls.lower import Accelerator, assemble
from bnnc.hls.model.parts import PARTS, Part, known_part, part_of
from bnnc.hls.model.resources import NOTHING, Resources
from bnnc.hls.model.shallow import costly
from bnnc.hls.model.simulate import simulate
from bnnc.hls.names import Names
from bnnc.hls.options import BALANCED, MAXIMAL, MINIMAL, Choice, HlsOptions
from bnnc.hls.plan import plan_layers
from bnnc.hls.settings import (
    Settings,
    chosen_settings,
    default_settings,
    maximal_settings,
    minimal_settings,
)
from bnnc.hls.solve.explain import Explained
from bnnc.hls.solve.options import Node, Option, nodes_of
from bnnc.hls.solve.solver import Goal, Solution, Solver
from bnnc.hls.solve.space import Space, amounts, space_of
from bnnc.hls.storage import Storage
from bnnc.ir.graph import Graph

BASES = {BALANCED: default_settings, MINIMAL: minimal_settings, MAXIMAL: maximal_settings}
ROUNDS = 5
"""How often the deep FIFOs of a solution are set aside and the rest is solved again."""


@dataclass(frozen=True)
class Folded:
    """An accelerator and, where it was solved, how it was found; how weights are stored that may be codes."""

    plan: Plan
    accelerator: Accelerator
    solver: Solver | None = None
    solution: Solution | None = None
    stored: tuple[StoredMatrix, ...] = ()


def fold(graph: Graph, names: Names, options: HlsOptions) -> Folded:
    """BnncError for what target hls cannot build, a folding that does not fit, and a goal out of reach."""
    plan = plan_layers(buildable_core(graph), names)
    layers = open_layers(plan)
    chosen = options.folding.layers
    settings = chosen_settings(layers, chosen, BASES[options.folding.base](layers))
    _check_memories(layers, settings, known_part(options.part))
    plan = plan.with_thresholds(settings.thresholds)
    if not options.solves:
        accelerator, stored = _assembled(plan, names, settings, options)
        return Folded(plan, accelerator, stored=stored)
    return _solved(plan, names, options, settings.thresholds)


def _check_memories(layers: Sequence[Open], settings: Settings, part: Part | None) -> None:
    """A part without UltraRAM can have nothing in it, however the rest is folded."""
    if part is None or part.resources.uram:
        return
    others = ", ".join(name for name, other in PARTS.items() if other.resources.uram)
    what = f"its weights are to lie in UltraRAM, and part {part.name} has none"
    findings = [
        Finding(f"folding of {layer.node!r}", what, f"give another memory, or a part that has it: {others}")
        for layer in layers
        if settings.storages.get(layer.name) is Storage.URAM
    ]
    raise_all(findings)


def explained(folded: Folded, options: HlsOptions) -> Explained:
    """Also of a folding that nobody solved: as the choice that it is among all others."""
    settings, shallow = folded.accelerator.settings, costly_fifos(folded, options)
    if folded.solution is not None:
        return Explained(folded.solution, goal_of(options), settings.thresholds, shallow)
    entries, nodes = settings.entries, nodes_of(folded.plan, options.compresses)
    chosen = [next(o for o in node.options if _is(o, entries.get(node.name, {}))) for node in nodes]
    has_uram = part_of(options.part).resources.uram > 0
    space = Space([_allowed(node, {}, has_uram) for node in nodes], {})
    solution = Solution(space, folded.accelerator.cycles, tuple(chosen))
    return Explained(solution, goal_of(options), settings.thresholds, shallow)


def costly_fifos(folded: Folded, options: HlsOptions) -> tuple[str, ...]:
    """Those whose depth somebody chose and which are why a sample takes longer than the slowest unit."""
    acc, given = folded.accelerator, options.folding.fifos
    if not given:
        return ()
    run = simulate(acc.stages, {fifo.name: fifo.depth for fifo in acc.fifos})
    return costly(acc.stages, acc.fifos, given, run)


def cycles_of(folded: Folded, options: HlsOptions) -> int:
    """Of a sample. Depths of FIFOs that somebody chose may make it longer than the slowest unit does."""
    acc = folded.accelerator
    if not options.folding.fifos:
        return acc.cycles
    return simulate(acc.stages, {fifo.name: fifo.depth for fifo in acc.fifos}).ii_cycles


def goal_of(options: HlsOptions) -> Goal:
    fps = None if options.max_fps else options.fps
    return Goal(part_of(options.part), options.clock_mhz, options.budget, fps)


def choices_of(plan: Plan, options: HlsOptions) -> Space:
    """All that a part allows, and of the layers that the user has chosen what is left open."""
    has_uram = part_of(options.part).resources.uram > 0
    nodes = nodes_of(plan, options.compresses)
    return space_of([_allowed(node, options.folding.layers, has_uram) for node in nodes])


def _allowed(node: Node, chosen: Choice, has_uram: bool) -> Node:
    """Weights lie outside the FPGA only where that is chosen: it has one memory for all of them."""
    wanted = chosen.get(node.name, chosen.get(node.node, {}))
    kept = [option for option in node.options if _is(option, wanted)]
    is_slowed = min(o.cycles for o in kept) > min(o.cycles for o in node.options)
    if "weights" not in wanted:
        refused = {Storage.DDR} if has_uram else {Storage.DDR, Storage.URAM}
        kept = [option for option in kept if option.storage not in refused]
    is_chosen = any(not _is(option, wanted) for option in node.options)
    return replace(node, options=tuple(kept), is_slowed=is_slowed, is_chosen=is_chosen)


def _is(option: Option, wanted: Mapping[str, Any]) -> bool:
    """Whether it has all that is chosen."""
    if not isinstance(option.setting, Fold):
        return bool(wanted.get("lanes", option.setting) == option.setting)
    has = {"pe": option.setting.pe, "simd": option.setting.simd, "weights": option.storage}
    return all(bool(wanted.get(key, value) == value) for key, value in has.items())


def _solved(plan: Plan, names: Names, options: HlsOptions, thresholds: Mapping[str, Storage]) -> Folded:
    """Solved again without the room that deep FIFOs take, until what is found fits with its own FIFOs."""
    space, goal = choices_of(plan, options), goal_of(options)
    reserved = NOTHING
    for _ in range(ROUNDS):
        solver = Solver(space, goal, reserved)
        solution = solver.solve()
        settings = replace(solution.settings, thresholds=thresholds)
        accelerator, stored = _assembled(plan, names.copy(), settings, options)
        if (amounts(accelerator.resources) <= goal.allowed).all():
            _check_rate(accelerator, options, goal)
            return Folded(plan, accelerator, solver, solution, stored)
        reserved = _more(reserved, _beside(accelerator, solution))
    what = f"{ROUNDS} foldings were tried, and each has FIFOs that are too deep for the budget"
    raise BnncError.at(f"part {goal.part.name}", what, "give a larger part, or a lower --fps")


def _check_rate(accelerator: Accelerator, options: HlsOptions, goal: Goal) -> None:
    """The solver keeps a rate with FIFOs that cost no cycle; those whose depth somebody chose may."""
    if goal.target is None or not options.folding.fifos:
        return
    depths = {fifo.name: fifo.depth for fifo in accelerator.fifos}
    run = simulate(accelerator.stages, depths)
    if run.ii_cycles <= goal.target:
        return
    leave = f"{goal.fps:,.12g} samples a second leave {goal.target:,} at {goal.clock_mhz:g} MHz"
    what = f"with {{:,}} words a sample takes {run.ii_cycles:,} cycles, and {leave}"
    full = [name for name in options.folding.fifos if run.high_water[name] == depths[name]]
    assert full, "FIFOs that are never full cost cycles"
    raise_all([Finding(f"FIFO {name!r}", what.format(depths[name]), "leave its depth out") for name in full])


def _assembled(
    plan: Plan, names: Names, settings: Settings, options: HlsOptions
) -> tuple[Accelerator, tuple[StoredMatrix, ...]]:
    accelerator = assemble(plan, names, settings, options.folding.fifos)
    return compressed(accelerator) if options.compresses else (accelerator, ())


def _beside(accelerator: Accelerator, solution: Solution) -> Resources:
    """What the FIFOs take beyond shallow ones."""
    difference = amounts(accelerator.resources) - amounts(solution.resources)
    return Resources(*(int(n) for n in np.maximum(difference, 0)))


def _more(a: Resources, b: Resources) -> Resources:
    return Resources(*(int(n) for n in np.maximum(amounts(a), amounts(b))))
