"""An accelerator as loops that pass tokens, in no particular time: whether any of them waits for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bnnc.hls.lower import Accelerator
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace
from bnnc.hls.network import Stage

Action = tuple[str, int]  # "read" or "write", and the number of the stream among those read or written
Iteration = tuple[Action, ...]


def iterations(trace: Trace, n_writes: int) -> Iterator[Iteration]:
    """What each iteration of a unit's loop reads and writes, for one sample, in order."""
    known = {flags: tuple(_actions(flags, n_writes)) for flags in range(8)}
    return (known[flags] for flags in trace.whole.tolist())


def _actions(flags: int, n_writes: int) -> Iterator[Action]:
    yield from (("read", port) for port, flag in enumerate((READ, READ_SECOND)) if flags & flag)
    yield from (("write", port) for port in range(n_writes) if flags & WRITE)


@dataclass
class Buffer:
    """A FIFO of tokens."""

    depth: int
    held: int = 0


@dataclass
class Process:
    """A unit that waits where a FIFO is empty or full.

    Its pipeline keeps the writes of `pipeline` iterations until later ones begin or the sample ends.
    """

    samples: Iterator[Iterator[Iteration]]
    reads: list[Buffer]
    writes: list[Buffer]
    pipeline: int
    steps: Iterator[Iteration] = iter(())
    pending: deque[Action] = field(default_factory=deque)
    inside: deque[Iteration] = field(default_factory=deque)
    is_done: bool = False

    def run(self) -> bool:
        """Go on as far as possible; whether anything happened."""
        moved = False
        while not self.is_done:
            if not self.pending:
                self._begin_next()
            elif self._can(*self.pending[0]):
                self._do(*self.pending.popleft())
                moved = True
            else:
                break
        return moved

    def _begin_next(self) -> None:
        step = next(self.steps, None)
        if step is None:
            self._end_sample()
        elif self.pipeline == 0:
            self.pending.extend(step)
        else:
            if len(self.inside) == self.pipeline:
                self.pending.extend(self.inside.popleft())
            self.pending.extend(action for action in step if action[0] == "read")
            self.inside.append(tuple(action for action in step if action[0] == "write"))

    def _end_sample(self) -> None:
        self.pending.extend(action for written in self.inside for action in written)
        self.inside.clear()
        following = next(self.samples, None)
        if following is not None:
            self.steps = following
        else:
            self.is_done = not self.pending

    def _can(self, kind: str, number: int) -> bool:
        if kind == "read":
            return self.reads[number].held > 0
        return self.writes[number].held < self.writes[number].depth

    def _do(self, kind: str, number: int) -> None:
        if kind == "read":
            self.reads[number].held -= 1
        else:
            self.writes[number].held += 1


def blocked(acc: Accelerator, depths: Mapping[str, int], samples: int = 2, pipeline: int = 0) -> list[str]:
    """Names of the units that do not come to an end on so many samples, with FIFOs of these depths."""
    buffers = {name: Buffer(depth) for name, depth in depths.items()}
    n_words = samples * acc.input.words
    buffers |= {"in": Buffer(n_words, n_words), "out": Buffer(samples * acc.units[-1].words)}
    processes = {stage.unit.name: _process(stage, buffers, samples, pipeline) for stage in acc.stages}
    moved = True
    while moved:
        moved = sum(process.run() for process in processes.values()) > 0
    return [name for name, process in processes.items() if not process.is_done]


def _process(stage: Stage, buffers: Mapping[str, Buffer], samples: int, pipeline: int) -> Process:
    loops = (iterations(stage.unit.trace, len(stage.writes)) for _ in range(samples))
    reads, writes = ([buffers[s.name] for s in streams] for streams in (stage.reads, stage.writes))
    return Process(loops, reads, writes, pipeline)
