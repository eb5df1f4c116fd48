"""A whole pipeline cycle by cycle: its rate, its latency, who waits for whom, and how full FIFOs become."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from bnnc.hls.model.pipeline import SINK, SOURCE, Pipeline, pipeline, started, streams_of
from bnnc.hls.network import Stage
from bnnc.ir.op import Array

PORT = 2
"""Words that the input port and the output port hold."""
SAMPLES = (3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
"""After so many the times of the last samples are compared."""


@dataclass(frozen=True)
class Load:
    """Cycles of a unit per sample: steps, and those in which a word or room for one was missing."""

    busy: int
    starved: int
    blocked: int


@dataclass(frozen=True)
class Wait:
    """`unit` waits until `other` writes into the FIFO, or, where it is full, reads from it."""

    unit: str
    fifo: str
    is_full: bool
    other: str

    def __str__(self) -> str:
        what = "for room in" if self.is_full else "for a word from"
        return f"{self.unit} waits {what} {self.fifo}, and so for {self.other}"


@dataclass(frozen=True)
class Simulation:
    """A pipeline in which samples follow each other.

    In the steady state, in which every sample takes as long as the one before, results come every
    `ii_cycles` cycles. `latency_cycles` is the time from the first word of the first sample to the last word
    of its result. `loads` are those of the units in the steady state, `high_water` the most words in each
    FIFO at any time. With `deadlock`, a circle of waits, there is no steady state, and ii_cycles is 0.
    """

    ii_cycles: int
    latency_cycles: int
    loads: Mapping[str, Load]
    high_water: Mapping[str, int]
    deadlock: tuple[Wait, ...] = ()


def simulate(
    stages: Sequence[Stage],
    depths: Mapping[str, int],
    *,
    latency: int | None = None,
    interval: int | None = None,
    drains: bool = False,
) -> Simulation:
    """Samples one after the other, as fast as they go, or one every `interval` cycles.

    A step of a unit takes one cycle. When a word that it reads is missing, or a FIFO is full that the word
    leaving the unit's pipeline goes to, all of the pipeline stands still (style `stp` of HLS tools): the
    words inside leave when later steps begin, or at the end of the sample's loop. So they are not in a FIFO,
    and take no room there. A word that is written in one cycle can be read in the next one, and so can the
    room of a word that is read be used.

    `latency`: of every unit, instead of its own. `drains`: a unit begins a sample when its pipeline is empty,
    not when the sample before has begun its last step.
    """
    names = [stream.name for stream in streams_of(stages)]
    depth = np.array([depths.get(name, PORT) for name in names])
    run = steady(pipeline(stages, latency, interval, drains), depth, counts=True)
    high = {name: int(n) for name, n in zip(names, run.state.fifos["high"], strict=True) if name in depths}
    units = [*(stage.unit.name for stage in stages), "source", "sink"]
    if run.is_stuck:
        return Simulation(0, 0, {}, high, circle(run, units, names))
    loads = {name: _load(run, u) for u, name in enumerate(units[:SOURCE])}
    return Simulation(math.ceil(run.interval), run.latency, loads, high)


def _load(run: Run, u: int) -> Load:
    last = run.state.samples[u, run.samples - 1]
    return Load(int(run.state.units["steps"][u]), int(last["starved"]), int(last["blocked"]))


@dataclass(frozen=True)
class Run:
    """So many samples of a pipeline. `interval`: cycles from one to the next in the steady state, or 0."""

    state: Pipeline
    samples: int
    interval: Fraction = Fraction(0)

    @property
    def is_stuck(self) -> bool:
        units = self.state.units
        return bool((units["sample"] < self.samples).any() or units["tail_waits"].any())

    @property
    def latency(self) -> int:
        """From the first word of the first sample to the last word of its result."""
        first = self.state.samples[:, 0]
        return int(first["ended"][SINK] - first["begun"][SOURCE]) + 1


def run_samples(p: Pipeline, depths: Array, samples: int) -> Run:
    """So many samples, with high water marks."""
    from bnnc.hls.model.events import run

    state = started(p, depths, samples)
    run(state, samples, True)
    return Run(state, samples)


def steady(p: Pipeline, depths: Array, counts: bool = False) -> Run:
    """Samples until one is like the one before; `counts`: with high water marks."""
    from bnnc.hls.model.events import run

    state = started(p, depths, SAMPLES[-1])
    for samples in SAMPLES:
        run(state, samples, counts)
        made = Run(state, samples)
        if made.is_stuck:
            return made
        if interval := _interval(made):
            return replace(made, interval=interval)
    ends = state.samples["ended"][SINK, samples // 2 - 1 :]
    return replace(made, interval=Fraction(int(ends[-1] - ends[0]), len(ends) - 1))


def _interval(run: Run) -> Fraction | None:
    """Of samples that repeat one by one, or in twos or threes, with every event of every unit.

    What happens depends on the words and the room that the samples just before have left. If these repeat,
    everything does from then on.
    """
    records, fifos = run.state.samples[:, : run.samples], run.state.fifos
    begun, shape = records["begun"], records["shape"]
    reach = int(np.ceil(fifos["depth"] / fifos["words"]).max())
    for n in (1, 2, 3):
        apart = (begun[:, n:] - begun[:, :-n])[:, -reach * n :]
        same = (shape[:, n:] == shape[:, :-n])[:, -reach * n :]
        if apart.shape[1] == reach * n and same.all() and (apart == apart[0, 0]).all():
            return Fraction(int(apart[0, 0]), n)
    return None


def circle(run: Run, units: Sequence[str], fifos: Sequence[str]) -> tuple[Wait, ...]:
    """Units that wait for each other."""
    state = run.state
    u, for_words = int(np.flatnonzero(state.units["waits"] | state.units["tail_waits"])[0]), False
    found = list[tuple[int, bool]]()
    while (u, for_words) not in found:
        found.append((u, for_words))
        f = _fifo(state, u, for_words)
        u, for_words = _other(state, f), f > 0
    around = found[found.index((u, for_words)) :]
    waits = [(u, _fifo(state, u, for_words)) for u, for_words in around]
    return tuple(Wait(units[u], fifos[abs(f) - 1], f < 0, units[_other(state, f)]) for u, f in waits)


def _fifo(state: Pipeline, u: int, for_words: bool) -> int:
    """What a unit waits for. Where others need its words, those inside its pipeline come first."""
    unit = state.units[u]
    return int(
        unit["tail_waits"] if unit["waits"] == 0 or for_words and unit["tail_waits"] else unit["waits"]
    )


def _other(state: Pipeline, f: int) -> int:
    """Who would have to write, or read."""
    return int(state.fifos["writer"][f - 1] if f > 0 else state.fifos["reader"][-f - 1])
