"""The events of a pipeline, each in the first cycle that what it waits for allows; compiled by Numba."""

from __future__ import annotations

import numpy as np

from bnnc.hls.model.kernel import kernel
from bnnc.hls.model.pipeline import NOBODY, Pipeline
from bnnc.hls.model.trace import READ, WRITE

UNKNOWN = -1
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd: sums of two different samples are equal by chance only


@kernel
def room(p: Pipeline, u: int) -> int:
    """The first cycle in which all FIFOs behind a unit have room; UNKNOWN - f where f may not have it."""
    cycle = 0
    for f in p.units[u].outputs:
        if f == NOBODY:
            continue
        fifo = p.fifos[f]
        if fifo.written < fifo.depth:
            continue
        if fifo.written - fifo.depth == fifo.read:
            return UNKNOWN - f  # type: ignore[no-any-return]
        cycle = max(cycle, p.read_time[fifo.start + fifo.write_slot] + 1)
    return cycle


@kernel
def put(p: Pipeline, u: int, cycle: int) -> None:
    """A word into every FIFO behind a unit."""
    for f in p.units[u].outputs:
        if f != NOBODY:
            fifo = p.fifos[f]
            p.write_time[fifo.start + fifo.write_slot] = cycle
            fifo.written += 1
            fifo.write_slot = 0 if fifo.write_slot == fifo.depth - 1 else fifo.write_slot + 1


@kernel
def take(p: Pipeline, f: int, cycle: int) -> None:
    """A word out of a FIFO."""
    fifo = p.fifos[f]
    p.read_time[fifo.start + fifo.read_slot] = cycle
    fifo.read += 1
    fifo.read_slot = 0 if fifo.read_slot == fifo.depth - 1 else fifo.read_slot + 1


@kernel
def count(p: Pipeline, f: int) -> None:
    """The high water mark, as far as the order of writes and reads is known.

    A word that is read in the cycle in which another comes is still in the FIFO.
    """
    fifo = p.fifos[f]
    writes, reads = fifo.counted_writes, fifo.counted_reads
    while writes < fifo.written:
        written = p.write_time[fifo.start + writes % fifo.depth]
        while reads < fifo.read and p.read_time[fifo.start + reads % fifo.depth] < written:
            reads += 1
        if reads == fifo.read and reads < writes:
            break
        writes += 1
        fifo.high = max(fifo.high, writes - reads)
    fifo.counted_writes, fifo.counted_reads = writes, reads


@kernel
def drain(p: Pipeline, u: int) -> None:
    """Write the last words of the sample before."""
    unit = p.units[u]
    unit.tail_waits = 0
    while unit.tail < unit.end_tail:
        free = room(p, u)
        if free < 0:
            unit.tail_waits = free
            return
        step = p.tail_at[unit.tail]
        cycle = max(unit.drained + step - unit.drained_at, free)
        put(p, u, cycle)
        p.tail_time[unit.tail] = cycle
        unit.drained, unit.drained_at = cycle, step
        record = p.samples[u, unit.sample - 1]
        record.shape += np.uint64(cycle - record.begun) * np.uint64(2 * unit.tail + 1)
        unit.tail += 1


@kernel
def step(p: Pipeline, u: int) -> bool:
    """The next event of a unit's sample; whether it can be said when it happens."""
    unit = p.units[u]
    e = unit.first + unit.event
    at, act = p.at[e], p.act[e]
    due = unit.last + at - (p.at[e - 1] if unit.event else -1)
    free, tail = due, unit.passed
    while tail < unit.end_tail and p.tail_at[tail] <= at:
        if tail == unit.tail:
            unit.waits = unit.tail_waits
            return False
        free = max(free, p.tail_time[tail] + at - p.tail_at[tail])
        tail += 1
    there = free
    for port in range(2):
        if act & (READ << port):
            fifo = p.fifos[unit.inputs[port]]
            if fifo.read == fifo.written:
                unit.waits = unit.inputs[port] + 1
                return False
            there = max(there, p.write_time[fifo.start + fifo.read_slot] + 1)
    begins = there
    if act & WRITE:
        cycle = room(p, u)
        if cycle < 0:
            unit.waits = cycle
            return False
        begins = max(begins, cycle)
        put(p, u, begins)
    for port in range(2):
        if act & (READ << port):
            take(p, unit.inputs[port], begins)
    record = p.samples[u, unit.sample]
    if unit.event == 0:
        record.begun = begins
    record.blocked += free - due + begins - there
    record.starved += there - free
    record.shape += np.uint64(begins - record.begun) * (FACTOR * np.uint64(2 * unit.event + 3))
    unit.passed, unit.last, unit.waits = tail, begins, 0
    unit.event += 1
    return True


@kernel
def end_sample(p: Pipeline, u: int) -> bool:
    """Go on to the next sample; not before the words of the last one have left."""
    unit = p.units[u]
    if unit.tail < unit.end_tail:
        unit.waits = unit.tail_waits
        return False
    record = p.samples[u, unit.sample]
    record.ended = unit.last
    due = unit.last + unit.steps - 1 - p.at[unit.end - 1]
    end = due
    for tail in range(unit.passed, unit.end_tail):
        end = max(end, p.tail_time[tail] + unit.steps - 1 - p.tail_at[tail])
    record.blocked += end - due
    unit.sample += 1
    unit.event, unit.waits = 0, 0
    unit.tail = unit.passed = unit.first_tail
    unit.last = unit.drained = end
    unit.drained_at = -1
    return True


@kernel
def advance(p: Pipeline, u: int, samples: int) -> None:
    """All events of a unit whose time can be said."""
    unit = p.units[u]
    while True:
        drain(p, u)
        if unit.sample == samples:
            return
        while unit.event < unit.end - unit.first:
            if not step(p, u):
                return
        if not end_sample(p, u):
            return


@kernel
def run(p: Pipeline, samples: int, counts: bool) -> None:
    """All events of so many samples, or of as many as there is no deadlock in."""
    n_units = len(p.units)
    queue, queued = np.arange(n_units), np.ones(n_units, np.bool_)
    moves = np.zeros(len(p.fifos), np.int64)
    for f in range(len(p.fifos)):
        moves[f] = p.fifos[f].written + p.fifos[f].read
    begin, length = 0, n_units
    while length:
        u = queue[begin]
        begin, length, queued[u] = (begin + 1) % n_units, length - 1, False
        advance(p, u, samples)
        for port in range(4):
            f = p.units[u].outputs[port] if port < 2 else p.units[u].inputs[port - 2]
            if f == NOBODY or moves[f] == p.fifos[f].written + p.fifos[f].read:
                continue
            moves[f] = p.fifos[f].written + p.fifos[f].read
            if counts:
                count(p, f)
            other = p.fifos[f].reader if port < 2 else p.fifos[f].writer
            if not queued[other]:
                queue[(begin + length) % n_units] = other
                queued[other] = True
                length += 1
