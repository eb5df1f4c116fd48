"""Pipelines of units of which only the traces count."""

from __future__ import annotations

import numpy as np

from bnnc.hls.lanes import BIPOLAR, Wire
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace
from bnnc.hls.network import Stage, Stream
from bnnc.hls.units import Unit
from bnnc.ir.op import Array


def unit(name: str, trace: Trace, n_writes: int = 1) -> Unit:
    """A unit of which only the trace counts."""
    wire, words = Wire(BIPOLAR, 1, 1, -1, 1), trace.count(WRITE)
    return Unit(name, "", (), "", wire, (1,), words, trace.steps, trace=trace, copies=n_writes)


def stream(name: str, words: int) -> Stream:
    return Stream(name, Wire(BIPOLAR, 1, words, -1, 1), 1, words)


def flags_at(rng: np.random.Generator, n: int, words: int, flag: int) -> Array:
    made = np.zeros(n, np.uint8)
    made[rng.choice(n, words, replace=False)] = flag
    return made


def random_stage(rng: np.random.Generator, name: str, reads: list[Stream], n_writes: int) -> Stage:
    """A unit that reads and writes in any order."""
    words = int(rng.integers(1, 7))
    n = max(words, *(s.words for s in reads)) + int(rng.integers(0, 6))
    flags = flags_at(rng, n, words, WRITE)
    for s, flag in zip(reads, (READ, READ_SECOND), strict=False):
        flags |= flags_at(rng, n, s.words, flag)
    trace = Trace(flags, 1, int(rng.integers(1, 12)), _second(rng, flags))
    writes = tuple(stream(f"{name}_{i}", words) for i in range(n_writes))
    return Stage(unit(name, trace, n_writes), tuple(reads), writes)


def _second(rng: np.random.Generator, flags: Array) -> int:
    """Half of the units that read first are two loops, of which the first one writes nothing."""
    return int(np.flatnonzero(flags & WRITE)[0] * rng.integers(2))


def random_stages(seed: int) -> list[Stage]:
    """Units of one or two inputs and outputs between one stream and one."""
    rng = np.random.default_rng(seed)
    stages, waiting = list[Stage](), [stream("in", int(rng.integers(1, 7)))]
    while len(stages) < 2 or len(waiting) > 1:
        joins = len(waiting) > 1 and (len(stages) > 5 or rng.integers(2))
        reads = [waiting.pop(rng.integers(len(waiting))) for _ in range(1 + joins)]
        n_writes = 1 + int(len(stages) < 5 and rng.integers(3) == 0)
        stages.append(random_stage(rng, f"u{len(stages)}", reads, n_writes))
        waiting += stages[-1].writes
    return stages
