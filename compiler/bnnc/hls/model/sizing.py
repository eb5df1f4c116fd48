"""Depths of the FIFOs between units: the smallest ones that cost no cycle."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnnc.errors import BnncError, Finding, raise_all, some_of
from bnnc.hls.model.pipeline import pipeline, streams_of
from bnnc.hls.model.schedule import Saved, Schedule
from bnnc.hls.model.simulate import PORT, Run, Wait, simulate, steady
from bnnc.hls.network import Stage

LEAST = 2
"""With one word less, a word would come every second cycle."""
MOST_WAITS = 8
"""Of a deadlock, that are told."""
PIPELINE = 32
_log = logging.getLogger("bnnc.sizing")
LATENCIES = (PIPELINE, 1, None)
"""Of all units: the longest pipelines that are thought of, none, and those of the model. What a long one
holds back another branch has to wait for, and where there is none FIFOs have to hold what would be in it."""


@dataclass(frozen=True)
class Fifo:
    """The buffer of a stream: `depth` words of `bits` bits."""

    name: str
    bits: int
    depth: int


def slowest(stages: Sequence[Stage]) -> int:
    """Cycles from one sample to the next if no FIFO is ever full."""
    return max(stages[0].reads[0].words, *(stage.unit.cycles for stage in stages))


def fifos(stages: Sequence[Stage], given: Mapping[str, int] | None = None) -> tuple[Fifo, ...]:
    """One for each stream between two units; `given` are depths by name that somebody wants.

    BnncError for given depths with which units wait for each other for ever. Whether they cost cycles is to
    be seen in `simulate`.
    """
    given = given or {}
    streams = streams_of(stages)[1:-1]
    _check_given(given, [stream.name for stream in streams])
    least = minimal_depths(stages)
    depths = {**least, **given}
    if given:
        _check_deadlock(stages, given, least)
    return tuple(Fifo(stream.name, stream.bits, depths[stream.name]) for stream in streams)


def minimal_depths(stages: Sequence[Stage]) -> dict[str, int]:
    """By name of the FIFO: as fast as if none were ever full, and none can be a word smaller alone.

    At all of LATENCIES: tools decide how many stages pipelines have. FIFOs are made small one after the
    other, those of the most bits a sample first: words rather wait where they are few and narrow.
    """
    streams = streams_of(stages)
    _log.info("sizing %d FIFOs; the first time takes longer", len(streams) - 2)
    corners = Corners(stages)
    for port in (0, len(streams) - 1):
        fits = corners.limit(port, PORT)
        assert fits, "a port that is slower than the unit behind it"
    order = sorted(range(1, len(streams) - 1), key=lambda f: (-streams[f].words * streams[f].bits, -f))
    depths = {f: corners.smallest(f) for f in order}
    return {streams[f].name: depths[f] for f in range(1, len(streams) - 1)}


class Corners:
    """Schedules for all of LATENCIES, and FIFOs that suffice for every one."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._schedules = [Schedule(stages, slowest(stages), latency) for latency in LATENCIES]

    def most(self, f: int) -> int:
        """The most words in FIFO f."""
        return max(LEAST, *(schedule.most(f) for schedule in self._schedules))

    def limit(self, f: int, depth: int) -> bool:
        """Whether `depth` is enough for FIFO f from now on."""
        done = list[Saved]()
        for schedule in self._schedules:
            saved = schedule.limit(f, depth)
            if saved is None:
                for other in done:
                    other.restore()
                return False
            done.append(saved)
        return True

    def smallest(self, f: int) -> int:
        """Limit FIFO f as far as it goes.

        Often that is LEAST, or little less than what it holds by itself: so it is tried in growing steps.
        """
        high, low, step = self.most(f), LEAST, 1
        if self.limit(f, LEAST):
            return LEAST
        while high - low > 1:
            depth = max(low + 1, high - step)
            if self.limit(f, depth):
                high = self.most(f)
                step *= 2
            else:
                low = depth
            if low > LEAST:
                step = max(1, (high - low) // 2)
        fits = self.limit(f, high)
        assert fits, "a schedule that needs more than it holds"
        return high


def shown(stages: Sequence[Stage], depths: Mapping[str, int]) -> dict[str, str]:
    """Of each FIFO deeper than LEAST: what one word less does, "nothing" where it could be smaller."""
    streams = [stream.name for stream in streams_of(stages)]
    lines = [pipeline(stages, latency) for latency in LATENCIES]
    found = {}
    for name in (name for name, depth in depths.items() if depth > LEAST):
        smaller = {**depths, name: depths[name] - 1}
        tried = np.array([smaller.get(stream, PORT) for stream in streams])
        found[name] = _loss([steady(line, tried) for line in lines], slowest(stages))
    return found


def _loss(runs: Sequence[Run], interval: int) -> str:
    if any(run.is_stuck for run in runs):
        return "deadlock"
    worst = max(run.interval for run in runs)
    return f"a sample takes {float(worst):g} cycles" if worst > interval else "nothing"


def _check_given(given: Mapping[str, int], names: Sequence[str]) -> None:
    remedy = f"there are {some_of(sorted(names))}"
    raise_all([Finding(f"FIFO {name!r}", "there is none", remedy) for name in given if name not in names])


def _check_deadlock(stages: Sequence[Stage], given: Mapping[str, int], least: Mapping[str, int]) -> None:
    for latency, drains in (*((latency, False) for latency in LATENCIES), (None, True)):
        if circle := simulate(stages, {**least, **given}, latency=latency, drains=drains).deadlock:
            raise deadlock_error(circle, given, least)


def deadlock_error(circle: Sequence[Wait], given: Mapping[str, int], least: Mapping[str, int]) -> BnncError:
    """The given depths that are less than `least`, those in the circle if there are any, and the circle."""
    small = [name for name in given if given[name] < least[name]]
    full = {wait.fifo for wait in circle if wait.is_full}
    named = [name for name in small if name in full] or small
    assert named, "least depths block"
    what = "with {:,} words units wait for each other for ever"
    remedy = "give it {:,} words, which cost no cycle, or leave its depth out"
    findings = [
        Finding(f"FIFO {name!r}", what.format(given[name]), remedy.format(least[name])) for name in named
    ]
    last = replace(findings[-1], remedy=f"{findings[-1].remedy}; {_loop(circle, named)}")
    return BnncError(*findings[:-1], last)


def _loop(circle: Sequence[Wait], named: Sequence[str]) -> str:
    """A wait a line, from a full FIFO of `named` on."""
    first = next((i for i, wait in enumerate(circle) if wait.is_full and wait.fifo in named), 0)
    waits = [*circle[first:], *circle[:first]]
    lines = ["the loop is", *map(str, waits[:MOST_WAITS])]
    more = [f".. and {len(waits) - MOST_WAITS} more"] if len(waits) > MOST_WAITS else []
    return "\n  ".join([*lines, *more])
