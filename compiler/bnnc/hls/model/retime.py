"""The words of a unit in a schedule that repeats; compiled by Numba."""

from __future__ import annotations

import numpy as np

from bnnc.hls.model.kernel import kernel
from bnnc.hls.model.pipeline import NOBODY, Pipeline
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE
from bnnc.ir.op import Array

LONG_AGO = -(1 << 62)
SETTLED, ENDLESS = -1, -2


@kernel
def freed(p: Pipeline, u: int, interval: int) -> Array:
    """int64 (words,): the first cycle with room for each word of a sample in every FIFO behind a unit."""
    cycles = np.full(p.fifos[p.units[u].outputs[0]].words, LONG_AGO)
    for f in p.units[u].outputs:
        if f == NOBODY or p.fifos[f].depth == 0:
            continue
        start, words, depth = p.fifos[f].start, p.fifos[f].words, p.fifos[f].depth
        samples = (depth + words - 1) // words
        place, after = samples * words - depth, 1 - samples * interval
        word = 0
        while word < words:
            n = min(words - word, words - place)
            for i in range(n):
                cycles[word + i] = max(cycles[word + i], p.read_time[start + place + i] + after)
            word, place, after = word + n, 0, after + interval
    return cycles


@kernel
def readers_too_early(p: Pipeline, u: int, early: Array) -> None:
    """Those that read a word of unit u before they can."""
    for f in p.units[u].outputs:
        if f != NOBODY:
            start, wrong = p.fifos[f].start, 0
            for place in range(start, start + p.fifos[f].words):
                wrong += p.read_time[place] <= p.write_time[place]
            if wrong:
                early[p.fifos[f].reader] = True


@kernel
def writers_too_early(p: Pipeline, u: int, interval: int, early: Array) -> None:
    """Those that use room in front of unit u before it is free."""
    for f in p.units[u].inputs:
        if f == NOBODY or p.fifos[f].depth == 0:
            continue
        start, words, depth = p.fifos[f].start, p.fifos[f].words, p.fifos[f].depth
        place, later = depth % words, depth // words * interval
        word, wrong = 0, 0
        while word < words:
            n = min(words - word, words - place)
            for i in range(n):
                wrong += p.write_time[start + place + i] + later <= p.read_time[start + word + i]
            word, place, later = word + n, 0, later + interval
        if wrong:
            early[p.fifos[f].writer] = True


@kernel
def retime(p: Pipeline, u: int, interval: int, early: Array) -> None:
    """Every word of a sample of unit u as soon as its neighbours, as they are, and the sample before allow.

    The sample before is an interval earlier in everything. Sets early, bool (units,), of units that are too
    early now: of the unit itself where it takes longer than was assumed of the sample before.
    """
    unit = p.units[u]
    read = unit.inputs[0] != NOBODY and p.fifos[unit.inputs[0]].start
    second = unit.inputs[1] != NOBODY and p.fifos[unit.inputs[1]].start
    write = unit.outputs[0] != NOBODY and p.fifos[unit.outputs[0]].start
    free = freed(p, u, interval) if unit.outputs[0] != NOBODY else np.zeros(0, np.int64)
    write_time, read_time, word = p.write_time, p.read_time, 0
    tail_at = p.tail_at[unit.first_tail : unit.end_tail]
    tail_time = p.tail_time[unit.first_tail : unit.end_tail]
    n_tails, passed = len(tail_at), 0
    bound = np.zeros(n_tails, np.int64)
    before, last = -1, unit.last - interval
    started = LONG_AGO
    for e in range(unit.first, unit.end):
        at, act = p.at[e], p.act[e]
        last += at - before
        before = at
        met = passed
        while passed < n_tails and tail_at[passed] <= at:
            last = max(last, tail_time[passed] - interval + at - tail_at[passed])
            passed += 1
        if act & READ:
            last = max(last, write_time[read] + 1)
        if act & READ_SECOND:
            last = max(last, write_time[second] + 1)
        if act & WRITE:
            last = max(last, free[word])
            write_time[write + word] = last
            word += 1
        if act & READ:
            read_time[read] = last
            read += 1
        if act & READ_SECOND:
            read_time[second] = last
            second += 1
        for tail in range(met, passed):
            bound[tail] = last - at + tail_at[tail]
        if started == LONG_AGO:
            started = last - at - 1
    end = last + unit.steps - 1 - before
    for tail in range(passed, n_tails):
        end = max(end, tail_time[tail] - interval + unit.steps - 1 - tail_at[tail])
    for tail in range(passed, n_tails):
        bound[tail] = end - unit.steps + 1 + tail_at[tail]
    unit.last = end
    early[u] = end - interval > started
    before, cycle = -1, end
    for tail in range(n_tails):
        cycle = max(cycle + tail_at[tail] - before, free[word])
        before = tail_at[tail]
        write_time[write + word] = tail_time[tail] = cycle
        word += 1
        early[u] |= cycle - interval > bound[tail]
    if unit.outputs[1] != NOBODY:
        copy = p.fifos[unit.outputs[1]].start
        for i in range(word):
            write_time[copy + i] = write_time[write + i]
    readers_too_early(p, u, early)
    writers_too_early(p, u, interval, early)


@kernel
def settle(
    p: Pipeline, near: Array, interval: int, early: Array, is_saved: Array, count: Array, rounds: int
) -> int:
    """Put off units that are too early, those with the smallest near[u] first, until none is: SETTLED.

    ENDLESS where one has been put off `rounds` times; or the number of a unit that is not saved and has to
    be changed.
    """
    radius = 2
    while early.any():
        is_near = False
        for u in range(len(early)):
            if not early[u] or near[u] > radius:
                continue
            if count[u] == rounds:
                return ENDLESS
            if not is_saved[u]:
                return u
            is_near = True
            count[u] += 1
            retime(p, u, interval, early)
        if not is_near:
            radius *= 2
    return SETTLED


@kernel
def most(p: Pipeline, f: int, interval: int) -> int:
    """Words in a FIFO at most; one that is read in the cycle in which another comes is still in it."""
    fifo = p.fifos[f]
    high, read, earlier = 0, 0, 0
    while p.read_time[fifo.start + fifo.words - 1] - earlier >= p.write_time[fifo.start]:
        earlier += interval
        read -= fifo.words
    place = 0
    for word in range(fifo.words):
        written = p.write_time[fifo.start + word]
        while p.read_time[fifo.start + place] - earlier < written:
            place, read = place + 1, read + 1
            if place == fifo.words:
                place, earlier = 0, earlier - interval
        high = max(high, word + 1 - read)
    return high
