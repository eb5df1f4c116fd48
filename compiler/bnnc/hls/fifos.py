"""Depths of the FIFOs between units, with which branches that part and join again cannot block each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bnnc.hls.network import Stage, Stream

PIPELINE = 32
"""A tool's pipeline may keep that many iterations of a loop until later ones begin, which read further."""


@dataclass(frozen=True)
class Fifo:
    """The buffer of a stream: `depth` words of `bits` bits."""

    name: str
    bits: int
    depth: int


def fifos(stages: Sequence[Stage]) -> tuple[Fifo, ...]:
    """One for each stream between two units.

    A chain cannot block: of two neighbours one can always go on. Units that wait for each other in a circle
    lie on branches that part and join, so only streams beside which others run need more than the few words
    that keep a reader's pauses from its writer.

    For these the depth is how many words wait in a schedule that works, and then any schedule works: units
    answer the same words whatever their speed, and so do units that wait while a FIFO is full. Let the input
    of the network come evenly. By `Pace.hold` a unit can write the part p of its output when the part
    p + hold of its input has come, so along any path the part p of a stream can be written when p + held
    of the network's input has come, `held` being the sum on the slowest path to it. Write every word at that
    time, and read every word of a unit when it has come on all of the unit's streams, or `wait` later. Then
    the words that wait in a stream are those of held(slowest stream of the reader) - held(stream) + wait,
    and one that is just being written; and never more than one sample's.
    """
    readers = {stream: stage for stage in stages for stream in stage.reads}
    held = _held(stages)
    beside = _beside_others(stages)
    made = []
    for stage in stages[:-1]:
        for stream in stage.writes:
            reader = readers[stream]
            depth = reader.unit.fifo
            if stream in beside:
                depth = max(depth, _waiting(stream, reader, held))
            made.append(Fifo(stream.name, stream.bits, depth))
    return tuple(made)


def _held(stages: Sequence[Stage]) -> dict[Stream, Fraction]:
    """What of the network's input has to come before a stream begins: a bound, in fractions of a sample."""
    held: dict[Stream, Fraction] = {}
    for stage in stages:
        slowest = max(held.get(stream, Fraction(0)) for stream in stage.reads)
        held |= dict.fromkeys(stage.writes, slowest + stage.unit.pace.hold + _pipeline(stage))
    return held


def _waiting(stream: Stream, reader: Stage, held: dict[Stream, Fraction]) -> int:
    slowest = max(held[other] for other in reader.reads)
    part = slowest - held[stream] + reader.unit.pace.wait + _pipeline(reader)
    return min(stream.words, math.ceil(part * stream.words) + 1)


def _pipeline(stage: Stage) -> Fraction:
    """The part of a sample that is on its way inside a unit's pipeline."""
    return Fraction(PIPELINE, min(stream.words for stream in stage.reads))


def _beside_others(stages: Sequence[Stage]) -> set[Stream]:
    """The streams that are not the only way from the input to the output.

    Stages stand in an order in which each comes behind those that it reads. A stream that every path takes
    is the only one that leads from the stages up to its writer to those behind.
    """
    beside, open_streams = set[Stream](), set[Stream]()
    for stage in stages[:-1]:
        open_streams -= set(stage.reads)
        open_streams |= set(stage.writes)
        if len(open_streams) > 1:
            beside |= open_streams
    return beside
