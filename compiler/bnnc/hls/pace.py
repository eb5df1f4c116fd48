"""How unevenly a unit reads and writes, in fractions of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Pace:
    """Two bounds on the order in which a unit reads and writes; `fifos` derives depths from them.

    hold: when it writes a word, the part of its input that it has read is at most `hold` larger than the
    part of its output that is written already.
    wait: if every word is written as late as `hold` allows (after a part p of the input has come, the part
    p - hold of the output), a word waits at most `wait` in front of the unit.
    """

    hold: Fraction
    wait: Fraction

    @classmethod
    def blocks(cls, count: int, spread: int = 1) -> Pace:
        """A unit that handles a sample in `count` equal parts.

        While it works at part k it has read at most k + spread parts and written at least k. What it has
        written is at most spread - 1 parts more than what it has read.
        """
        return cls(Fraction(spread, count), Fraction(2 * spread - 1, count))
