"""Pipelines cycle by cycle: compiled events against a clock in Python, and what is known beforehand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hls.clocked import Loop, clocked

from bnnc.hls.lanes import BIPOLAR, Wire
from bnnc.hls.model.pipeline import pipeline, streams_of
from bnnc.hls.model.simulate import Run, run_samples
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace
from bnnc.hls.network import Stage, Stream
from bnnc.hls.units import Unit
from bnnc.ir.op import Array

SAMPLES = 4


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
    trace = Trace(flags, 1, int(rng.integers(1, 12)))
    writes = tuple(stream(f"{name}_{i}", words) for i in range(n_writes))
    return Stage(unit(name, trace, n_writes), tuple(reads), writes)


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


def assert_same(run: Run, u: int, loop: Loop) -> None:
    """All that is known of a unit, with or without a deadlock."""
    samples = int(run.state.units["sample"][u])
    assert samples == loop.sample
    for sample in range(samples):
        got = run.state.samples[u, sample].tolist()[:4]
        said = (loop.begun[sample], loop.ended[sample], loop.starved[sample], loop.blocked[sample])
        assert got == said, (u, sample)


@given(st.integers(0, 2**32), st.sampled_from([None, 1, 2, 9, 32]))
@settings(max_examples=300, deadline=None)
def test_events_are_those_of_a_clock(seed: int, latency: int | None) -> None:
    stages, rng = random_stages(seed), np.random.default_rng(seed)
    names = [s.name for s in streams_of(stages)]
    depths = {name: int(rng.integers(1, 9)) for name in names}
    loops, queues = clocked(stages, depths, SAMPLES, latency)
    run = run_samples(pipeline(stages, latency), np.array(list(depths.values())), SAMPLES)
    assert run.is_stuck == (not all(loop.is_done for loop in loops))
    for u, loop in enumerate(loops):
        assert_same(run, u, loop)
    if not run.is_stuck:
        assert run.state.fifos["high"].tolist() == [queues[name].high for name in names]
