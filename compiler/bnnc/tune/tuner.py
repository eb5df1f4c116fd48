"""Measures the candidates of a network's stages, and chooses by what was measured."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path

from bnnc.arm.build import program_stages
from bnnc.arm.candidates import Candidate, candidates
from bnnc.arm.kernels.isa import isa
from bnnc.arm.sharing import threads_of
from bnnc.bench.compiled import Compiled
from bnnc.executors.compile import compile_network
from bnnc.executors.manifest import read_manifest
from bnnc.executors.network import Network
from bnnc.executors.registry import BuildTarget
from bnnc.executors.samples import generated_samples
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.schedule.stages import Stage
from bnnc.tune.keys import stage_key
from bnnc.tune.log import Entry, TuningLog
from bnnc.tune.meters import Meter

MOST = 8  # candidates of a stage
DIGITS = 9  # of a measure: every instruction counts

_log = logging.getLogger("bnnc.tune")


@dataclass(frozen=True)
class Chosen:
    """Names of candidates by those of stages, as a `BuildTarget` takes them; `notes` on what is gone."""

    choices: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """A stage whose candidates `names` are measured, and the number of its kernel."""

    stage: Stage
    number: int
    threads: int
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        return stage_key(self.stage)


def choose(graph: Graph, target: BuildTarget, log: TuningLog) -> Chosen:
    """What the log says about the stages of a graph."""
    choices, notes = [], []
    for stage in program_stages(graph):
        entry = log.find(target.cpu, threads_of(stage, target.threads), stage_key(stage))
        if entry is None:
            continue
        if entry.choice in [one.name for one in _candidates(stage, target)]:
            choices.append((stage.name, entry.choice))
        else:
            notes.append(
                f"{stage.head.where}: there is no kernel {entry.choice!r} any more, the log is ignored"
            )
    return Chosen(tuple(choices), tuple(notes))


def tune(
    network: Network, target: BuildTarget, meter: Meter, log: TuningLog, most: int = MOST
) -> list[Entry]:
    """Entries for the stages of a network that the log does not know in the meter's unit.

    Up to `most` candidates of each are measured, in programs that run one of each stage at a time.
    """
    places = _places(network.graph, target, meter, log, most)
    rounds = max((len(place.names) for place in places), default=0)
    with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
        programs = []
        for number in range(rounds):
            _log.info("candidates %d of %d", number + 1, rounds)
            chosen = {p.stage.name: p.names[number] for p in places if number < len(p.names)}
            programs.append(_compile(network, target, chosen, Path(folder) / str(number)))
        table = meter.measure(programs) if programs else None
    return [] if table is None else [_entry(place, target.cpu, meter, table) for place in places]


def _places(graph: Graph, target: BuildTarget, meter: Meter, log: TuningLog, most: int) -> list[_Place]:
    """One stage of each kind that has to be measured."""
    found: dict[tuple[str, int], _Place] = {}
    for number, stage in enumerate(program_stages(graph)):
        key, threads = stage_key(stage), threads_of(stage, target.threads)
        names = _varied(_candidates(stage, target), most)
        is_known = log.find(target.cpu, threads, key, meter.unit) is not None
        if len(names) > 1 and not is_known:
            found.setdefault((key, threads), _Place(stage, number, threads, names))
    return [*found.values()]


def _varied(found: Sequence[Candidate], most: int) -> tuple[str, ...]:
    """Names of the best of every kernel by turns, the best of all first."""
    families = dict.fromkeys(candidate.family for candidate in found)
    turns = zip_longest(*([one.name for one in found if one.family == family] for family in families))
    return tuple(filter(None, chain.from_iterable(turns)))[:most]


def _candidates(stage: Stage, target: BuildTarget) -> list[Candidate]:
    assert target.processor is not None
    return candidates(stage, isa(target.processor))


def _compile(network: Network, target: BuildTarget, chosen: Mapping[str, str], folder: Path) -> Compiled:
    folder.mkdir()
    tried = replace(target, choices=tuple(chosen.items()))
    compile_network(network, tried, generated_samples(network.graph, 1), folder)
    return Compiled(folder, read_manifest(folder), network.graph)


def _entry(place: _Place, cpu: str, meter: Meter, table: Array) -> Entry:
    """The best candidate; the models' own where none is better by the margin."""
    taken = table[: len(place.names), place.number].tolist()
    best = min(range(len(taken)), key=taken.__getitem__)
    if taken[best] >= taken[0] * (1 - meter.margin):
        best = 0
    measure, model = (float(f"{taken[i]:.{DIGITS}g}") for i in (best, 0))
    return Entry(cpu, place.threads, place.key, place.names[best], measure, model, meter.unit)
