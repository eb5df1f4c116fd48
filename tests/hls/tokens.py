"""An accelerator as loops that pass tokens: what its FIFOs have to hold, without the values in them.

The loops are those of templates/hls, with the constants of the emitted C++.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain

import numpy as np

from bnnc.hls.lower import Accelerator
from bnnc.hls.network import Stage
from bnnc.hls.pace import Pace
from bnnc.hls.units import Unit

Action = tuple[str, int]  # "read" or "write", and the number of the stream among those read or written
Iteration = tuple[Action, ...]
READ, WRITE = ("read", 0), ("write", 0)


def iterations(unit: Unit) -> Iterator[Iteration]:
    """What each iteration of a unit's loops reads and writes, for one sample, in order."""
    found = re.fullmatch(r"bnnc::(\w+)<(.*)>", unit.call)
    assert found is not None
    numbers = [int(n) for n in re.findall(r"(?<![\w])\d+(?![\w])", found[2])]
    constants = constants_of(unit.parameters)
    match found[1]:
        case "narrow":
            return (
                (READ, WRITE) if part % numbers[1] == 0 else (WRITE,)
                for _ in range(numbers[2])
                for part in range(numbers[3])
            )
        case "widen":
            last = numbers[1] - 1
            return (
                (READ, WRITE) if part == last else (READ,)
                for _ in range(numbers[2])
                for part in range(last + 1)
            )
        case "fork":
            return ((READ, WRITE, ("write", 1)) for _ in range(numbers[1]))
        case "columns":
            words = numbers[1] * numbers[2] // numbers[3]
            return chain(((READ,) for _ in range(words)), ((WRITE,) for _ in range(numbers[2])))
        case "transpose":
            size = numbers[1] * numbers[2]
            return chain(((READ,) for _ in range(size)), ((WRITE,) for _ in range(size)))
        case "top_k":
            length, k = numbers[-2:]
            return chain(((READ,) for _ in range(length)), ((WRITE,) for _ in range(k)))
        case _:
            return _configured(found[1], constants, unit.words)


def constants_of(text: str) -> dict[str, int]:
    """The integers that emitted C++ names."""
    return {name: int(n) for name, n in re.findall(r"(\w+) = (-?\d+)", text)}


def _configured(engine: str, c: Mapping[str, int], words: int) -> Iterator[Iteration]:
    match engine:
        case "map":
            return ((READ, WRITE) for _ in range(c["WORDS"]))
        case "add":
            return ((READ, ("read", 1), WRITE) for _ in range(c["WORDS"]))
        case "concat":
            pixel = [(READ, WRITE)] * c["A_WORDS"] + [(("read", 1), WRITE)] * c["B_WORDS"]
            return (step for _ in range(c["PIXELS"]) for step in pixel)
        case "pool":
            window = [(READ,)] * ((c["TAPS"] - 1) * c["WORDS"]) + [(READ, WRITE)] * c["WORDS"]
            return (step for _ in range(c["PIXELS"]) for step in window)
        case "sparse":
            read, silent = [(READ,)] * (c["SIZE"] // c["LANES"]), [()] * (c["STEPS"] - words)
            return iter([*read, *silent, *[(WRITE,)] * words])
        case "mvtu":
            return _matrix(c)
        case "gather":
            return _gather(c)
        case "window":
            return window_iterations(c)
        case "wide_window":
            return wide_window_iterations(c)
        case _:
            raise AssertionError(f"the loop of {engine} is not known here")


def _matrix(c: Mapping[str, int]) -> Iterator[Iteration]:
    for _ in range(c["VECTORS"]):
        for fold in range(c["FOLDS"]):
            for word in range(c["WORDS"]):
                reads = (READ,) if fold % c["USES"] == 0 else ()
                yield (*reads, WRITE) if word == c["WORDS"] - 1 else reads


def _gather(c: Mapping[str, int]) -> Iterator[Iteration]:
    for pixel in range(c["PIXELS"] + 1):
        for word in range(c["STEPS"]):
            writes = (WRITE,) if pixel > 0 and word < c["OUT_WORDS"] else ()
            yield (*writes, READ) if pixel < c["PIXELS"] and word < c["IN_WORDS"] else writes


def window_iterations(c: Mapping[str, int]) -> Iterator[Iteration]:
    in_words, out_words = c["WIDTH"] * c["WORDS"], c["OUT_WIDTH"] * c["WORDS"]
    out_words *= c["KERNEL_HEIGHT"] * c["KERNEL_WIDTH"]
    arrived = left = 0
    for _ in range(c["STEPS"]):
        in_row, out_row = arrived // in_words, left // out_words
        top = out_row * c["STRIDE_ROWS"] - c["PAD_TOP"]
        bottom = top + (c["KERNEL_HEIGHT"] - 1) * c["DILATION_ROWS"]
        leaves = out_row < c["OUT_HEIGHT"] and in_row > min(bottom, c["HEIGHT"] - 1)
        is_free = out_row == c["OUT_HEIGHT"] or in_row - c["LINES"] < top
        arrives = in_row < c["HEIGHT"] and (in_row < c["LINES"] or is_free)
        arrived, left = arrived + arrives, left + leaves
        yield (WRITE,) * leaves + (READ,) * arrives


def wide_window_iterations(c: Mapping[str, int]) -> Iterator[Iteration]:
    for row, column in np.ndindex(c["ROWS"], c["COLUMNS"]):
        arrives = 0 <= row - c["PAD_TOP"] < c["HEIGHT"] and 0 <= column - c["PAD_LEFT"] < c["WIDTH"]
        down, right = row - c["KERNEL_HEIGHT"] + 1, column - c["KERNEL_WIDTH"] + 1
        leaves = down >= 0 and right >= 0 and down % c["STRIDE_ROWS"] == right % c["STRIDE_COLUMNS"] == 0
        yield (READ,) * arrives + (WRITE,) * leaves
        for _ in range((c["PARTS"] - 1) * leaves):
            yield (WRITE,)


def pace(steps: Iterator[Iteration], n_reads: tuple[int, ...], n_writes: int, hold: Fraction) -> Pace:
    """What `Pace` bounds, counted, where words are written as late as `hold` allows.

    n_reads: words of a sample of each stream that is read.
    """
    reads, writes = [0] * len(n_reads), 0
    held = wait = Fraction(0)
    for kind, number in chain.from_iterable(steps):
        if kind == "read":
            reads[number] += 1
            early = Fraction(writes, n_writes) - Fraction(reads[number], n_reads[number])
            wait = max(wait, hold + early) if writes else wait
        elif number == 0:
            part = max(Fraction(done, of) for done, of in zip(reads, n_reads, strict=True))
            held = max(held, part - Fraction(writes, n_writes))
            writes += 1
    assert (tuple(reads), writes) == (n_reads, n_writes)
    return Pace(held, wait)


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
    loops = (iterations(stage.unit) for _ in range(samples))
    reads, writes = ([buffers[s.name] for s in streams] for streams in (stage.reads, stage.writes))
    return Process(loops, reads, writes, pipeline)
