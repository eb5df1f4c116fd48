"""Element types. The encoding is part of the type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

MAX_INT_BITS = 32


@dataclass(frozen=True)
class Elem:
    """An element type: `b1_pm` (bit 1 = +1, bit 0 = -1), `b1_01`, `ter` {-1,0,1}, `uN`, `iN`, `f32`, `i64`.

    `bits` is the number of bit planes of a packed tensor: planes hold the two's complement bits of the
    value (so plane 0 of `ter` is "not zero" and plane 1 is "negative"), except for `b1_pm`, whose plane
    holds value > 0.
    """

    name: str
    bits: int
    lo: int
    hi: int

    def __str__(self) -> str:
        return self.name

    @property
    def is_float(self) -> bool:
        """Whether values are real numbers."""
        return self.name == "f32"

    @property
    def is_signed(self) -> bool:
        """Whether values may be negative."""
        return self.lo < 0

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type that holds one unpacked value: the smallest of 8, 16, 32 or 64 bits."""
        if self.is_float:
            return np.dtype(np.float32)
        width = next(w for w in (8, 16, 32, 64) if self.bits <= w)
        return np.dtype(f"{'int' if self.is_signed else 'uint'}{width}")

    def holds(self, lo: int, hi: int) -> bool:
        """Whether integers from lo to hi are in range. (b1_pm has no 0 all the same.)"""
        return not self.is_float and self.lo <= lo and hi <= self.hi


B1_PM = Elem("b1_pm", 1, -1, 1)
B1_01 = Elem("b1_01", 1, 0, 1)
TER = Elem("ter", 2, -1, 1)
F32 = Elem("f32", 32, 0, 0)
_NAMED = {e.name: e for e in (B1_PM, B1_01, TER, F32)}


@cache
def elem(name: str) -> Elem:
    """The element type of that name; ValueError if there is none."""
    if name in _NAMED:
        return _NAMED[name]
    match = re.fullmatch(r"([ui])([1-9]\d?)", name)
    if match is None:
        raise ValueError(f"unknown element type {name!r}")
    bits = int(match[2])
    if match[1] == "u" and 1 < bits <= 16:
        return Elem(name, bits, 0, 2**bits - 1)
    if match[1] == "i" and (1 < bits <= MAX_INT_BITS or bits == 64):
        return Elem(name, bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    raise ValueError(f"unknown element type {name!r}")


I8, I16, I32, I64, U8 = elem("i8"), elem("i16"), elem("i32"), elem("i64"), elem("u8")


def smallest_elem(values: np.ndarray) -> Elem:
    """The narrowest element type that holds every one of these integers; `b1_pm` where all are -1 or +1."""
    lo, hi = int(values.min()), int(values.max())
    if lo >= -1 and hi <= 1 and not (values == 0).any():
        return B1_PM
    if lo >= 0:
        return range_elem(lo, hi) if hi > 1 else B1_01
    return range_elem(lo, hi)


def range_elem(lo: int, hi: int) -> Elem:
    """The narrowest `b1_01`, `ter`, `uN` (N <= 16) or `iN` that holds every integer from lo to hi."""
    for candidate in (B1_01, TER):
        if candidate.holds(lo, hi):
            return candidate
    for bits in range(2, MAX_INT_BITS + 1):
        if lo >= 0 and bits <= 16 and hi < 2**bits:
            return elem(f"u{bits}")
        if elem(f"i{bits}").holds(lo, hi):
            return elem(f"i{bits}")
    raise ValueError(f"no element type holds {lo}..{hi}")
