"""A project as a chain of units: functions that each read one stream and write the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bnnc.hls.lanes import Wire
from bnnc.hls.names import Names


@dataclass(frozen=True)
class Unit:
    """One function of the project: `call` is its engine, `parameters` the C++ that configures it.

    It writes the words of `wire`, with a bit more where `marks` says which of them lie in the padding.
    `rom` holds the arrays that belong to `parameters`; with any, both go into a header of the unit's name.
    `fifo` is how many words wait in front of it while it reads nothing, so that the unit before goes on.
    """

    name: str
    comment: str
    engines: tuple[str, ...]
    call: str
    wire: Wire
    in_bits: int
    cycles: int
    parameters: str = ""
    rom: str = ""
    fifo: int = 2
    marks: bool = False

    @property
    def out_bits(self) -> int:
        """Bits of a word that it writes."""
        return self.wire.bits + self.marks


@dataclass
class Chain:
    """The units so far and the stream that the last one writes."""

    wire: Wire
    names: Names
    units: list[Unit] = field(default_factory=list)

    def add(self, unit: Unit) -> None:
        self.units.append(unit)
        self.wire = unit.wire

    def to_lanes(self, lanes: int, layer: str) -> None:
        """Put width converters in front of `layer` so that words have so many lanes."""
        common = math.gcd(self.wire.lanes, lanes)
        if self.wire.lanes > common:
            self.add(_converter(self, "narrow", self.wire.lanes // common, common, layer))
        if lanes > common:
            self.add(_converter(self, "widen", lanes // common, lanes, layer))


def _converter(chain: Chain, kind: str, ratio: int, lanes: int, layer: str) -> Unit:
    old = chain.wire
    new = Wire(old.lane, lanes, old.size, old.lo, old.hi)
    narrow, wide = sorted((old, new), key=lambda wire: wire.lanes)
    return Unit(
        name=chain.names.take(f"{layer}_{kind}"),
        comment=f"words of {old.lanes} x {old.lane.bits} bits into words of {new.lanes} x {old.lane.bits}",
        engines=("width",),
        call=f"bnnc::{kind}<{narrow.bits}, {ratio}, {wide.words}>",
        wire=new,
        in_bits=old.bits,
        cycles=narrow.words,
    )
