"""Pipelines cycle by cycle: compiled events against a clock in Python, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hls.branches import BRANCHES, sparse_network
from tests.hls.clocked import Loop, clocked
from tests.hls.lowered import foldables, lower
from tests.hls.pipelines import random_stages, stream, unit
from tests.hls.projects import ENGINES, every_engine, random_folding
from tests.hls.published import published

from bnnc.hls.model.pipeline import SINK, pipeline, streams_of
from bnnc.hls.model.simulate import Run, Wait, run_samples, simulate, steady
from bnnc.hls.model.sizing import LATENCIES, fifos, shown, slowest
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace
from bnnc.hls.names import Names
from bnnc.hls.network import Stage
from bnnc.ir.graph import Graph

SAMPLES = 4
CNV = "cnv_w1a1_cifar10.onnx.gz"
TWO_LOOPS = ("sparse", "coded_sparse", "transpose", "columns", "top_k")
FINN_FOLDS = ((16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (5, 1))
FINN_CYCLES = [32400, 28224, 20736, 28800, 20736, 18432, 32768, 32768, 1024]
"""PE, SIMD and cycles of each layer in FINN's own tests of CNV."""


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


@given(st.integers(0, 2**32), st.sampled_from([None, 1, 2, 9, 32]))
@settings(max_examples=100, deadline=None)
def test_units_that_drain_are_those_of_a_clock(seed: int, latency: int | None) -> None:
    stages, rng = random_stages(seed), np.random.default_rng(seed)
    depths = {s.name: int(rng.integers(1, 9)) for s in streams_of(stages)}
    loops, _ = clocked(stages, depths, SAMPLES, latency, drains=True)
    run = run_samples(pipeline(stages, latency, drains=True), np.array(list(depths.values())), SAMPLES)
    assert run.is_stuck == (not all(loop.is_done for loop in loops))
    ends = [loops[-1].ended[sample] for sample in range(loops[-1].sample)]
    assert run.state.samples["ended"][SINK, : len(ends)].tolist() == ends


@pytest.mark.parametrize("make", [*ENGINES, every_engine, sparse_network])
def test_units_that_drain_take_a_pipeline_more(make: Callable[[], Graph]) -> None:
    """For each of their loops. Together they are at least as slow as the slowest, and not much slower."""
    graph = make()
    stages = lower(graph, Names(), random_folding(graph, 6)).stages
    for stage in stages:
        alone = [*sources(stage), stage, *sinks(stage)]
        deep = {s.name: s.words for s in streams_of(alone)}
        run = simulate(alone, deep, drains=True)
        assert run.ii_cycles == drained_cycles(stage), stage.unit.name
    depths = {fifo.name: fifo.depth for fifo in fifos(stages)}
    least = max(map(drained_cycles, stages))
    assert least <= simulate(stages, depths, drains=True).ii_cycles <= 1.05 * least


def drained_cycles(stage: Stage) -> int:
    """By the loops of the emitted function."""
    loops = 2 if stage.unit.engines[0] in TWO_LOOPS else 1
    return stage.unit.cycles + loops * (stage.unit.trace.latency + 1)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_steady_state_is_that_of_a_clock(seed: int) -> None:
    """Samples that repeat one by one, in twos or in threes: 36 of them take 36 intervals."""
    stages, rng = random_stages(seed), np.random.default_rng(seed)
    depths = {s.name: int(rng.integers(2, 12)) for s in streams_of(stages)[1:-1]}
    run = steady(pipeline(stages), np.array([2, *depths.values(), 2]))
    if not run.is_stuck:
        sink = clocked(stages, depths, 61)[0][-1]
        assert sink.ended[60] - sink.ended[24] == 36 * run.interval


@pytest.mark.parametrize("make", [*ENGINES, *BRANCHES, every_engine])
def test_a_unit_alone_takes_the_cycles_of_its_closed_form(make: Callable[[], Graph]) -> None:
    graph = make()
    for stage in lower(graph, Names(), random_folding(graph, 6)).stages:
        alone = [*sources(stage), stage, *sinks(stage)]
        deep = {s.name: s.words for s in streams_of(alone)}
        for latency in LATENCIES:
            run = simulate(alone, deep, latency=latency)
            assert run.ii_cycles == stage.unit.cycles, stage.unit.name
            load = run.loads[stage.unit.name]
            assert (load.busy, load.starved, load.blocked) == (stage.unit.cycles, 0, 0)


def sources(stage: Stage) -> list[Stage]:
    """Units that offer all words of a sample, one for each of two streams."""
    if len(stage.reads) == 1:
        return []
    start, starts = stream("in", 1), (stream("first", 1), stream("second", 1))
    first = unit("fork", Trace(np.array([READ | WRITE], np.uint8), 1, 1), 2)
    offers = []
    for begin, wanted in zip(starts, stage.reads, strict=True):
        flags = np.full(wanted.words, WRITE, np.uint8)
        flags[0] |= READ
        offers.append(Stage(unit(f"{begin.name}_offers", Trace(flags, 1, 1)), (begin,), (wanted,)))
    return [Stage(first, (start,), starts), *offers]


def sinks(stage: Stage) -> list[Stage]:
    """One that takes the words of both streams."""
    if len(stage.writes) == 1:
        return []
    flags = np.array([READ | READ_SECOND | WRITE], np.uint8)
    words = stage.unit.words
    return [Stage(unit("both", Trace(flags, words, 1)), stage.writes, (stream("out", words),))]


def test_a_circle_of_waits_is_named() -> None:
    """The second stream of the join holds two words, but it begins with the fourth of them."""
    fork = unit("fork", Trace(np.array([READ | WRITE], np.uint8), 8, 1), 2)
    slow = unit("slow", Trace(np.array([READ] * 4 + [WRITE] * 4, np.uint8), 2, 1))
    join = unit("join", Trace(np.array([READ | READ_SECOND | WRITE], np.uint8), 8, 1))
    source, a, b, late, out = (stream(name, 8) for name in ("in", "a", "b", "late", "out"))
    stages = [Stage(fork, (source,), (a, b)), Stage(slow, (a,), (late,)), Stage(join, (late, b), (out,))]
    assert simulate(stages, {"a": 2, "b": 3, "late": 2}).deadlock == (
        Wait("join", "late", False, "slow"),
        Wait("slow", "a", False, "fork"),
        Wait("fork", "b", True, "join"),
    )
    assert str(Wait("fork", "b", True, "join")) == "fork waits for room in b, and so for join"
    assert not simulate(stages, {"a": 2, "b": 8, "late": 2}).deadlock


def test_stalls_have_their_causes() -> None:
    """A unit between a fast one and a slow one waits for room, one behind the slow one for words."""
    fast, last = (unit(name, Trace(np.array([READ | WRITE], np.uint8), 8, 2)) for name in ("fast", "last"))
    slow = unit("slow", Trace(np.array([READ, 0, WRITE], np.uint8), 8, 2))
    streams = [stream(name, 8) for name in ("in", "a", "b", "out")]
    units = (fast, slow, last)
    stages = [Stage(u, (x,), (y,)) for u, x, y in zip(units, streams, streams[1:], strict=False)]
    run = simulate(stages, {"a": 2, "b": 2})
    loads = {name: (load.busy, load.starved, load.blocked) for name, load in run.loads.items()}
    assert loads == {"fast": (8, 0, 16), "slow": (24, 0, 0), "last": (8, 16, 0)}
    assert run.ii_cycles == 24 and run.high_water == {"a": 2, "b": 1}
    assert run.latency_cycles == 1 + 2 + 23 + 2 + 2 + 1


def test_a_paced_source_fills_fifos_less() -> None:
    """Words come one every third cycle, which is as fast as the unit behind takes them."""
    copy = unit("copy", Trace(np.array([READ | WRITE], np.uint8), 8, 1))
    slow = unit("slow", Trace(np.array([READ, 0, WRITE], np.uint8), 8, 1))
    source, a, out = (stream(name, 8) for name in ("in", "a", "out"))
    stages = [Stage(copy, (source,), (a,)), Stage(slow, (a,), (out,))]
    assert simulate(stages, {"a": 9}).high_water == {"a": 9}
    assert simulate(stages, {"a": 9}, interval=24).high_water == {"a": 1}


def test_cnv_at_the_folding_of_finn(shared_data: Path) -> None:
    """The rate is FINN's, and the FIFOs that keep it are found in less than 10 seconds."""
    graph = published(shared_data, CNV)
    layers = [layer.name for layer in foldables(graph)]
    folding = {n: {"pe": pe, "simd": simd} for n, (pe, simd) in zip(layers, FINN_FOLDS, strict=True)}
    acc = lower(graph, Names(), folding)
    assert [unit.cycles for unit in acc.units if unit.name.endswith("_mvtu")] == FINN_CYCLES
    started = process_time()
    depths = {fifo.name: fifo.depth for fifo in fifos(acc.stages)}
    assert process_time() - started < 10
    for latency in LATENCIES:
        assert simulate(acc.stages, depths, latency=latency).ii_cycles == 32768


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_fifos_of_any_pipeline_are_the_least_that_cost_no_cycle(seed: int) -> None:
    stages = random_stages(seed)
    depths = {fifo.name: fifo.depth for fifo in fifos(stages)}
    for latency in LATENCIES:
        assert simulate(stages, depths, latency=latency).ii_cycles == slowest(stages)
    assert "nothing" not in shown(stages, depths).values()
