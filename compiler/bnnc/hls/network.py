"""Units and the streams between them, which may part and join again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from bnnc.hls.cpp import word_type
from bnnc.hls.lanes import MAX_WORD_BITS, Wire
from bnnc.hls.model.moving import fork_cost, width_cost
from bnnc.hls.model.trace import READ, WRITE, Trace, steps, write_at
from bnnc.hls.names import Names
from bnnc.hls.units import Unit


@dataclass(frozen=True)
class Stream:
    """What one unit writes and one other reads: `words` words of `bits` bits a sample."""

    name: str
    wire: Wire
    bits: int
    words: int


@dataclass(frozen=True)
class Stage:
    """A unit with the streams that it reads and writes, and the name of the layer that it is part of."""

    unit: Unit
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    layer: str = ""


@dataclass
class Network:
    """The stages so far, each behind those that it reads. `layer` is that of the stages to come."""

    names: Names
    stages: list[Stage] = field(default_factory=list)
    layer: str = ""

    def source(self, wire: Wire) -> Branch:
        """The stream of the input port."""
        return Branch(self, Stream("in", wire, wire.bits, wire.words))

    def add(self, unit: Unit, *reads: Stream) -> tuple[Stream, ...]:
        """The streams that the unit writes."""
        prefixes = ("from", "copy_from")[: unit.copies]
        names = [self.names.take(f"{prefix}_{unit.name}") for prefix in prefixes]
        writes = tuple(Stream(name, unit.wire, unit.out_bits, unit.words) for name in names)
        self.stages.append(Stage(unit, reads, writes, self.layer))
        return writes

    def join(self, unit: Unit, *branches: Branch) -> Branch:
        """The branch behind a unit that reads several."""
        (stream,) = self.add(unit, *(branch.stream for branch in branches))
        return Branch(self, stream)

    def finish(self) -> tuple[Stage, ...]:
        """All stages; the last one writes the output port."""
        last = self.stages[-1]
        port = replace(last.writes[0], name="out")
        return (*self.stages[:-1], replace(last, writes=(port,)))


@dataclass
class Branch:
    """A stream on its way: `add` puts one more unit behind it."""

    network: Network
    stream: Stream

    @property
    def wire(self) -> Wire:
        return self.stream.wire

    @property
    def names(self) -> Names:
        return self.network.names

    def add(self, unit: Unit) -> None:
        (self.stream,) = self.network.add(unit, self.stream)

    def fork(self, name: str, readers: int) -> list[Branch]:
        """As many branches as there are readers, by units that each make two streams of one."""
        ends = [self]
        while len(ends) < readers:
            last = ends.pop()
            unit = fork_unit(last.wire, self.names.take(f"{name}_fork"))
            ends += [Branch(self.network, stream) for stream in self.network.add(unit, last.stream)]
        return ends

    def to_lanes(self, lanes: int, layer: str) -> None:
        """Put width converters in front of `layer` so that words have so many lanes."""
        for step in conversion(self.wire, lanes):
            self.add(self._converter(step, layer))

    def _converter(self, lanes: int, layer: str) -> Unit:
        old = self.wire
        kind, ratio = ("widen", lanes // old.lanes) if lanes > old.lanes else ("narrow", old.lanes // lanes)
        new = Wire(old.lane, lanes, old.size, old.lo, old.hi)
        narrow, wide = sorted((old, new), key=lambda wire: wire.lanes)
        bits = old.lane.bits
        shape: tuple[int, ...] = (narrow.bits, ratio, wide.words)
        if kind == "narrow":
            vectors = wide.words if wide.is_full else wide.vectors
            shape = (narrow.bits, ratio, vectors, narrow.words // vectors)
        return Unit(
            name=self.names.take(f"{layer}_{kind}"),
            comment=f"words of {old.lanes} x {bits} bits into words of {new.lanes} x {bits}",
            engines=("width",),
            call=f"bnnc::{kind}<{', '.join(map(str, shape))}>",
            wire=new,
            in_bits=(old.bits,),
            words=new.words,
            cycles=narrow.words,
            trace=width_trace(kind, *shape[1:]),
            resources=width_cost(narrow_bits=narrow.bits, ratio=ratio),
        )


def conversion(wire: Wire, lanes: int) -> list[int]:
    """The lanes behind each of the width converters that make words of so many lanes.

    By way of wider words, where these are not too wide: that way takes no more cycles than the stream has
    words before or behind it. Words that are not full become narrower ones that are.
    """
    if not wire.is_full:
        full = math.gcd(wire.lanes, wire.size // wire.vectors)
        return [full, *conversion(replace(wire, lanes=full, vectors=1), lanes)]
    between = math.lcm(wire.lanes, lanes)
    if between * wire.lane.bits > MAX_WORD_BITS:
        between = math.gcd(wire.lanes, lanes)
    steps = [wire.lanes, between, lanes]
    return [new for old, new in pairwise(steps) if new != old]


def width_trace(kind: str, ratio: int, vectors: int, parts: int = 0) -> Trace:
    """A wide word is written with the last of its parts, or read with the first; vectors end before that."""
    if kind == "widen":
        return Trace(write_at(np.array([ratio - 1]), ratio, READ), vectors, latency=2)
    flags = steps(WRITE, parts)
    flags[::ratio] |= READ
    return Trace(flags, vectors, latency=2)


def fork_unit(wire: Wire, name: str) -> Unit:
    """A stream has one reader: a second one gets a copy."""
    return Unit(
        name=name,
        comment=f"two readers of {wire.words} words of {wire.bits} bits",
        engines=("fork",),
        call=f"bnnc::fork<{word_type(wire.bits)}, {wire.words}>",
        wire=wire,
        in_bits=(wire.bits,),
        words=wire.words,
        cycles=wire.words,
        trace=Trace(steps(READ | WRITE), wire.words, latency=2),
        resources=fork_cost(bits=wire.bits),
        copies=2,
    )
