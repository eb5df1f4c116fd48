"""What a circuit takes of an FPGA."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

UNITS = {"lut": "LUTs", "ff": "FFs", "bram36": "BRAM36", "uram": "UltraRAMs", "dsp": "DSP slices"}
"""What users are told, and how it is called. Inside, block RAMs are counted as halves of 18 kbit."""
TITLES = {
    "lut": ("LUT", "lookup tables"),
    "ff": ("FF", "flip-flops"),
    "bram36": ("BRAM36", "block RAMs of 36 kbit"),
    "uram": ("URAM", "UltraRAMs"),
    "dsp": ("DSP", "slices for products"),
}
"""How a column of them is called, and what that is short for."""
COUNTED = {"bram18": "bram36"}
"""What users are told instead."""


@dataclass(frozen=True)
class Resources:
    """Lookup tables, flip-flops, block RAMs of 18 kbit, UltraRAMs and DSP slices."""

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    uram: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.bram18 + other.bram18,
            self.uram + other.uram,
            self.dsp + other.dsp,
        )

    def __mul__(self, times: int) -> Resources:
        return Resources(*(times * n for n in (self.lut, self.ff, self.bram18, self.uram, self.dsp)))

    @property
    def bram36(self) -> float:
        """Block RAMs as vendors count them: two of 18 kbit each."""
        return self.bram18 / 2

    @property
    def counts(self) -> dict[str, float]:
        """By the keys of UNITS."""
        return {kind: getattr(self, kind) for kind in UNITS}


NOTHING = Resources()


def told(kind: str, n: float) -> str:
    """So many of a kind of UNITS: `1,053 LUTs`, `0.5 BRAM36`."""
    return f"{count_text(n)} {UNITS[kind]}"


def count_text(n: float) -> str:
    """Whole, or with a half."""
    return f"{n:,.1f}".removesuffix(".0")


def total(parts: Iterable[Resources]) -> Resources:
    return sum(parts, NOTHING)


@dataclass(frozen=True)
class Circuit:
    """A unit before calibration: tables and flip-flops of its logic, DSP slices, and memories as they are."""

    lut: float
    ff: float
    memory: Resources = NOTHING
    dsp: int = 0

    def __add__(self, other: Circuit) -> Circuit:
        memory = self.memory + other.memory
        return Circuit(self.lut + other.lut, self.ff + other.ff, memory, self.dsp + other.dsp)
