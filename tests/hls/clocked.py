"""A pipeline of units and FIFOs clocked cycle by cycle, in plain Python: what `simulate` is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bnnc.hls.model.trace import READ, READ_SECOND, WRITE
from bnnc.hls.network import Stage


@dataclass
class Queue:
    """A FIFO; words that come in a cycle, and room that becomes free in it, count from the next one on."""

    depth: int
    held: int = 0
    came: int = 0
    went: int = 0
    high: int = 0

    def clock(self) -> None:
        self.high = max(self.high, self.held + self.came)
        self.held += self.came - self.went
        self.came = self.went = 0


@dataclass
class Loop:
    """A unit. `position` is the next step of the sample, `drained` that of the last sample's words.

    A step writes what began `stages` steps earlier. What is inside when the steps of a sample end moves on
    by itself, ahead of the next sample's steps.
    """

    flags: list[int]
    stages: int
    reads: list[Queue]
    writes: list[Queue]
    samples: int
    sample: int = 0
    position: int = 0
    drained: int = 0
    begun: dict[int, int] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    starved: Counter[int] = field(default_factory=Counter)
    blocked: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.drained = self.stages

    @property
    def is_done(self) -> bool:
        return self.sample == self.samples and self.drained == self.stages

    def clock(self, cycle: int) -> bool:
        """Whether anything moved."""
        moved = self._drain()
        if self.sample == self.samples:
            return moved
        if self.drained <= self.position < self.stages:
            self.blocked[self.sample] += 1
            return moved
        return self._step(cycle) or moved

    def _drain(self) -> bool:
        if self.drained == self.stages:
            return False
        step = len(self.flags) - self.stages + self.drained
        if step >= 0 and self.flags[step] & WRITE and not self._write():
            return False
        self.drained += 1
        return True

    def _step(self, cycle: int) -> bool:
        flags = self.flags[self.position]
        wanted = [q for q, flag in zip(self.reads, (READ, READ_SECOND), strict=False) if flags & flag]
        if not all(queue.held for queue in wanted):
            self.starved[self.sample] += 1
            return False
        leaves = self.position >= self.stages and self.flags[self.position - self.stages] & WRITE
        if leaves and not self._write():
            self.blocked[self.sample] += 1
            return False
        for queue in wanted:
            queue.went += 1
        if wanted or leaves:
            self.begun.setdefault(self.sample, cycle)
            self.ended[self.sample] = cycle
        self.position += 1
        if self.position == len(self.flags):
            self.sample, self.position, self.drained = self.sample + 1, 0, 0
        return True

    def _write(self) -> bool:
        if any(queue.held == queue.depth for queue in self.writes):
            return False
        for queue in self.writes:
            queue.came += 1
        return True


@dataclass
class Drained(Loop):
    """A unit whose loops begin two cycles after its pipeline is empty; the first of two writes nothing."""

    second: int = 0
    rest: int = 0

    def clock(self, cycle: int) -> bool:
        if self.drained < self.stages:
            return self._drain()
        if self.rest:
            self.rest -= 1
            return True
        if self.sample == self.samples:
            return False
        moved = self._step(cycle)
        if moved and self.position in (0, self.second):
            self.rest = 2 + (self.stages if self.position else 0)
        return moved


def clocked(
    stages: Sequence[Stage],
    depths: Mapping[str, int],
    samples: int,
    latency: int | None = None,
    drains: bool = False,
) -> tuple[list[Loop], dict[str, Queue]]:
    """All units, then source and sink, after so many samples, or when nothing moves any more."""
    source, result = stages[0].reads[0], stages[-1].writes[0]
    names = [source.name, *(stream.name for stage in stages for stream in stage.writes)]
    queues = {name: Queue(depths.get(name, 2)) for name in names}
    loops = [_loop(stage, queues, samples, latency, drains) for stage in stages]
    loops += [Loop([WRITE] * source.words, 0, [], [queues[source.name]], samples)]
    loops += [Loop([READ] * result.words, 0, [queues[result.name]], [], samples)]
    cycle, moved = 0, True
    while moved and not all(loop.is_done for loop in loops):
        moved = sum([loop.clock(cycle) for loop in loops]) > 0
        for queue in queues.values():
            queue.clock()
        cycle += 1
    return loops, queues


def _loop(stage: Stage, queues: Mapping[str, Queue], samples: int, latency: int | None, drains: bool) -> Loop:
    trace = stage.unit.trace
    reads, writes = ([queues[s.name] for s in streams] for streams in (stage.reads, stage.writes))
    inside = (latency or trace.latency) - 1
    if drains:
        return Drained(trace.whole.tolist(), inside, reads, writes, samples, second=trace.second)
    return Loop(trace.whole.tolist(), min(inside, trace.steps), reads, writes, samples)
