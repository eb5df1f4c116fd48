"""How integers travel on streams: codes of an element type, some lanes of them side by side in a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.elem import Elem
from bnnc.ir.op import Array

MAX_WORD_BITS = 128  # wider stream words are refused by PandA-Bambu
MAX_WEIGHT_BITS = 64  # a word of weights is one entry of a uint64_t array at most


@dataclass(frozen=True)
class Lane:
    """An element type of the emitted C++: `Bipolar`, `Unsigned<N>` or `Signed<N>`."""

    kind: str
    bits: int

    @property
    def cpp(self) -> str:
        return "bnnc::Bipolar" if self.kind == "Bipolar" else f"bnnc::{self.kind}<{self.bits}>"

    def codes(self, values: Array) -> Array:
        """uint64: the bits that stand for the integers `values`."""
        if self.kind == "Bipolar":
            return (values > 0).astype(np.uint64)
        return values.astype(np.int64).view(np.uint64) & np.uint64(2**self.bits - 1)

    def code(self, value: int) -> int:
        """The bits that stand for one integer."""
        return int(self.codes(np.array([value]))[0])


BIPOLAR = Lane("Bipolar", 1)


def lane_of(elem: Elem) -> Lane:
    """The lane that holds the codes of `elem`."""
    if elem.name == "b1_pm":
        return BIPOLAR
    return Lane("Signed" if elem.is_signed else "Unsigned", elem.bits)


def lane_for(lo: int, hi: int) -> Lane:
    """The narrowest lane of plain integers that holds lo..hi."""
    return Lane("Signed", signed_bits(lo, hi)) if lo < 0 else Lane("Unsigned", max(1, hi.bit_length()))


def signed_bits(lo: int, hi: int) -> int:
    """Bits of the narrowest two's complement integer that holds lo..hi."""
    return 1 + max((-lo - 1).bit_length() if lo < 0 else 0, max(hi, 0).bit_length())


@dataclass(frozen=True)
class Wire:
    """A stream: `size` integers between lo and hi a sample, `lanes` to a word.

    They are `vectors` equal parts, each of which begins with a word: its last word may be filled in part
    only, from lane 0 on.
    """

    lane: Lane
    lanes: int
    size: int
    lo: int
    hi: int
    vectors: int = 1

    @property
    def bits(self) -> int:
        return self.lane.bits * self.lanes

    @property
    def words(self) -> int:
        return self.vectors * -(-self.size // (self.vectors * self.lanes))

    @property
    def is_full(self) -> bool:
        """Whether all lanes of every word hold elements."""
        return self.words * self.lanes == self.size


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
