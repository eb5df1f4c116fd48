"""What a unit reads and writes in every step of its loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnnc.ir.op import Array

READ, READ_SECOND, WRITE = 1, 2, 4


@dataclass(frozen=True, eq=False)
class Trace:
    """A sample takes len(flags) * repeats steps; uint8 flags[i] are what step i of each repetition does.

    READ takes a word of the first stream, READ_SECOND one of the second, WRITE puts one into every stream
    that the unit writes. `latency` is how many cycles after the beginning of its step, if the unit does not
    stall, a written word can be read: the steps of a loop follow each other in a pipeline. Units of two loops
    begin the second one at step `second`, which is 0 for others.
    """

    flags: Array
    repeats: int
    latency: int
    second: int = 0

    @property
    def steps(self) -> int:
        """Cycles of a sample if the unit never waits."""
        return len(self.flags) * self.repeats

    def count(self, flag: int) -> int:
        """Steps of a sample that do what `flag` says."""
        return int(np.count_nonzero(self.flags & flag)) * self.repeats

    @cached_property
    def whole(self) -> Array:
        """uint8 (steps,): the flags of all steps of a sample."""
        return np.tile(self.flags, self.repeats)

    @property
    def drained(self) -> Trace:
        """The same where every loop begins with an empty pipeline.

        What began in the last step leaves latency - 1 steps later, and the state machine around the loop has
        a state before it and one behind it: tools count trips + depth of the pipeline + 1.
        """
        loops = np.split(self.whole, [self.second] if self.second else [])
        flags = [part for loop in loops for part in (loop, steps(0, self.latency + 1))]
        return Trace(np.concatenate(flags), 1, self.latency)


def steps(flags: int, n: int = 1) -> Array:
    """n steps that do the same."""
    return np.full(n, flags, np.uint8)


def write_at(places: Array, n: int, flags: int = 0) -> Array:
    """n steps with `flags`, those at `places` write as well."""
    made = steps(flags, n)
    made[places] |= WRITE
    return made
