"""A pipeline of units and FIFOs as arrays: what they do, and how far they have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace
from bnnc.hls.network import Stage, Stream
from bnnc.ir.op import Array

READS = READ | READ_SECOND
NOBODY = -1
SOURCE, SINK = -2, -1

UNIT = np.dtype(
    [
        ("steps", np.int64),
        ("first", np.int64),  # its events: first <= e < end
        ("end", np.int64),
        ("first_tail", np.int64),
        ("end_tail", np.int64),
        ("inputs", np.int64, 2),  # FIFOs, or NOBODY
        ("outputs", np.int64, 2),
        ("sample", np.int64),
        ("event", np.int64),  # the next one of the sample
        ("last", np.int64),  # cycle of the last event, or of the last step of the sample before
        ("tail", np.int64),  # the next one of the sample before
        ("passed", np.int64),  # the next tail event that the sample comes by
        ("drained", np.int64),  # cycle of the last tail event
        ("drained_at", np.int64),  # its step
        ("waits", np.int64),  # f + 1 for a word of f, -f - 1 for room in f, 0 for nothing
        ("tail_waits", np.int64),
    ]
)
"""A unit. Event e is at step at[e] of a sample and does act[e]: it reads, and writes what came from as many
steps earlier as the unit has stages. The words of the last steps of a sample are on their way when its loop
ends; they leave at step tail_at[e] of the next sample, if there is one, and do not wait for it."""

FIFO = np.dtype(
    [
        ("depth", np.int64),
        ("words", np.int64),  # of a sample
        ("writer", np.int64),
        ("reader", np.int64),
        ("start", np.int64),  # word i: write_time and read_time at start + i % depth
        ("written", np.int64),  # words so far
        ("read", np.int64),
        ("write_slot", np.int64),  # written % depth
        ("read_slot", np.int64),
        ("counted_writes", np.int64),  # those that `high` takes account of
        ("counted_reads", np.int64),
        ("high", np.int64),  # the most words that were in it
    ]
)

SAMPLE = np.dtype(
    [
        ("begun", np.int64),  # cycle of the first event
        ("ended", np.int64),  # of the last one
        ("starved", np.int64),  # cycles without a step because a word was missing
        ("blocked", np.int64),  # because a FIFO was full
        ("shape", np.uint64),  # the same where the distances of all events are
    ]
)


class Pipeline(NamedTuple):
    """Everything that `events.run` knows."""

    units: Array  # UNIT
    fifos: Array  # FIFO
    at: Array  # int32 (events,)
    act: Array  # uint8 (events,)
    tail_at: Array  # int32 (tails,)
    tail_time: Array  # int64 (tails,)
    write_time: Array  # int64 (sum of depths,)
    read_time: Array  # int64 (sum of depths,)
    samples: Array  # SAMPLE (units, samples)


def pipeline(
    stages: Sequence[Stage], latency: int | None = None, interval: int | None = None, drains: bool = False
) -> Pipeline:
    """The stages, a source and a sink, without room for words. `latency`: of all units, instead of their own.

    With `drains` a unit begins a loop when its pipeline is empty. The source offers a word in every cycle,
    or the words of a sample evenly in `interval` cycles. The sink takes every word at once.
    """
    traces = [_with_latency(stage.unit.trace, latency) for stage in stages]
    traces = [trace.drained for trace in traces] if drains else traces
    source, result = stages[0].reads[0], stages[-1].writes[0]
    takes = Trace(np.array([READ], np.uint8), result.words, 1)
    events = [*(_events(trace) for trace in traces), _offers(source.words, interval), _events(takes)]
    steps = [*(trace.steps for trace in traces), interval or source.words, takes.steps]
    at, act, tail_at = (list(parts) for parts in zip(*events, strict=True))
    units, fifos = _connected(stages, [source], [result])
    units["steps"] = steps
    units["first"], units["end"] = _bounds(at)
    units["first_tail"], units["end_tail"] = _bounds(tail_at)
    assert (units["first"] < units["end"]).all(), "a unit that does nothing"
    tails = np.concatenate(tail_at).astype(np.int32)
    nothing = np.zeros(0, np.int64)
    return Pipeline(
        units,
        fifos,
        np.concatenate(at).astype(np.int32),
        np.concatenate(act),
        tails,
        np.zeros(len(tails), np.int64),
        nothing,
        nothing,
        np.zeros((len(units), 0), SAMPLE),
    )


def started(p: Pipeline, depths: Array, samples: int) -> Pipeline:
    """FIFOs of these depths, in which nothing is yet, and room for results of so many samples."""
    units, fifos = p.units.copy(), p.fifos.copy()
    units["last"] = -1
    units["tail"] = units["passed"] = units["end_tail"]
    fifos["depth"], fifos["start"] = depths, np.cumsum(depths) - depths
    written, read = (np.zeros(int(depths.sum()), np.int64) for _ in range(2))
    records = np.zeros((len(units), samples), SAMPLE)
    return Pipeline(units, fifos, p.at, p.act, p.tail_at, np.zeros_like(p.tail_time), written, read, records)


def streams_of(stages: Sequence[Stage]) -> list[Stream]:
    """The one of the input port, then those that units write: a FIFO each."""
    return [stages[0].reads[0], *(stream for stage in stages for stream in stage.writes)]


def _with_latency(trace: Trace, latency: int | None) -> Trace:
    return trace if latency is None else replace(trace, latency=latency)


def _events(trace: Trace) -> tuple[Array, Array, Array]:
    """at, act and tail_at of a unit. A loop has no more stages than steps."""
    whole, stages = trace.whole, min(trace.latency - 1, trace.steps)
    act = whole & READS
    act[stages:] |= whole[: trace.steps - stages] & WRITE
    at = np.flatnonzero(act)
    return at, act[at], np.flatnonzero(whole[trace.steps - stages :] & WRITE)


def _offers(words: int, interval: int | None) -> tuple[Array, Array, Array]:
    at = np.arange(words) * (interval or words) // words
    return at, np.full(words, WRITE, np.uint8), at[:0]


def _connected(stages: Sequence[Stage], source: list[Stream], result: list[Stream]) -> tuple[Array, Array]:
    """Units and FIFOs that know each other."""
    streams = streams_of(stages)
    number = {stream: f for f, stream in enumerate(streams)}
    reads = [*(stage.reads for stage in stages), [], result]
    writes = [*(stage.writes for stage in stages), source, []]
    units, fifos = np.zeros(len(reads), UNIT), np.zeros(len(streams), FIFO)
    fifos["words"] = [stream.words for stream in streams]
    for side, user, ends in (("inputs", "reader", reads), ("outputs", "writer", writes)):
        units[side] = NOBODY
        for u, of_unit in enumerate(ends):
            for port, stream in enumerate(of_unit):
                units[side][u, port] = number[stream]
                fifos[user][number[stream]] = u
    return units, fifos


def _bounds(parts: Sequence[Array]) -> tuple[Array, Array]:
    ends = np.cumsum([len(part) for part in parts])
    return ends - [len(part) for part in parts], ends
