"""Units: functions of a project that read streams and write streams."""

from __future__ import annotations

from dataclasses import dataclass

from bnnc.hls.lanes import Wire
from bnnc.hls.model.resources import Resources
from bnnc.hls.model.trace import Trace
from bnnc.ir.op import Array

INPUT_PORTS = {1: ("in",), 2: ("a", "b")}
OUTPUT_PORTS = {1: ("out",), 2: ("out", "copy")}


@dataclass(frozen=True)
class Unit:
    """One function of the project: `call` is its engine, `parameters` the C++ that configures it.

    It reads words of `in_bits`, one number for every stream, and writes the words of `wire`, with `marks`
    bits more that say which parts of them lie in the padding; `words` of them a sample into each of `copies`
    streams. `rom` holds the arrays that belong to `parameters`; with any, both go into a header of the
    unit's name. `head` are lines of C++ in front of the call. With `memory`, uint64, the unit has a port
    `weights` more, in front of the streams, which points to these words; its engine reads them if it
    `streams_weights`, otherwise lines of `head` do.
    """

    name: str
    comment: str
    engines: tuple[str, ...]
    call: str
    wire: Wire
    in_bits: tuple[int, ...]
    words: int
    cycles: int
    trace: Trace
    parameters: str = ""
    rom: str = ""
    marks: int = 0
    copies: int = 1
    head: tuple[str, ...] = ()
    memory: Array | None = None
    streams_weights: bool = False
    resources: Resources = Resources()

    @property
    def out_bits(self) -> int:
        """Bits of a word that it writes."""
        return self.wire.bits + self.marks

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """Name and bits of every stream in its signature."""
        inputs = INPUT_PORTS[len(self.in_bits)]
        outputs = tuple((name, self.out_bits) for name in OUTPUT_PORTS[self.copies])
        return (*zip(inputs, self.in_bits, strict=True), *outputs)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What its engine is called with."""
        names = tuple(name for name, _ in self.ports)
        return ("weights", *names) if self.streams_weights else names
