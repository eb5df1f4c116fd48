"""Sparse rows by lookups: AVX-512's `vpermi2b` gathers the inputs of 64 entries, `vpdpbusd` multiplies them.

A step has two registers: the places of 4 entries of 16 rows in the window, and their weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.lookup_slots import SLOTS, Filled, Slots
from bnnc.arm.kernels.product_loop import assembly_function, emit_call

_BYTES = 64
_ROWS = 16
_PLACES = tuple(tuple(range(SLOTS * row, SLOTS * (row + 1))) for row in range(_ROWS))
PERMUTE_SLOTS = Slots(_ROWS, 2, _BYTES, 16, _PLACES)
_FIRST, _TURNS = 16, 14  # registers of places, which take turns
_TOTALS = (30, 31)  # sums of even and of odd steps


@dataclass(frozen=True)
class PermuteLoop:
    """Adds to sums int32 of rows in groups; the inputs are unsigned."""

    rows: Filled

    @property
    def name(self) -> str:
        counts = "_".join(map(str, self.rows.counts))
        return f"bnnc_permute_{self.rows.slots.chunk}x{counts}"

    @cached_property
    def instructions(self) -> int:
        """Of one call."""
        each = {n: len([*self._group(n)]) for n in self.rows.counts}
        chunk = 2 + 3 * len(each) + self.rows.slots.chunk
        groups = sum(int((self.rows.steps == n).sum()) * size for n, size in each.items())
        return groups + chunk * self.rows.chunks

    @property
    def cost(self) -> float:
        return float(self.instructions)

    def call(self, sums: View, x: View, stream: View, groups: View) -> None:
        """Emit a call."""
        emit_call(self.name, self.function(), (sums, x, stream, groups), self.rows.chunks)

    def function(self) -> str:
        """LLVM's text."""
        clobbers = [*(f"zmm{i}" for i in range(32)), "rax", "cc", "memory", "dirflag", "fpsr", "flags"]
        return assembly_function(self.name, [*self._lines()], clobbers)

    def _lines(self) -> Iterator[str]:
        """Chunk by chunk, the groups of so many steps one after another."""
        chunk = self.rows.slots.chunk
        yield "1:"
        for register in range(chunk):
            yield f"vmovdqu64 {_BYTES * register}({{x}}), %zmm{register}"
        yield f"addq $${_BYTES * chunk}, {{x}}"
        for steps in self.rows.counts:
            yield from self._next()
            yield "js 3f"
            yield "2:"
            yield from self._group(steps)
            yield "3:"
        yield "decq {steps}"
        yield "jne 1b"

    def _next(self) -> Iterator[str]:
        """Where the sums of the next group are; negative behind the last one."""
        yield "movslq ({bias}), %rax"
        yield "addq $$4, {bias}"
        yield "shlq $$6, %rax"

    def _group(self, steps: int) -> Iterator[str]:
        """All steps of a group of rows, and the number of the next one."""
        even, odd = _TOTALS
        yield f"vmovdqu64 ({{sums}},%rax), %zmm{even}"
        if steps > 1:
            yield f"vpxord %zmm{odd}, %zmm{odd}, %zmm{odd}"
        for step, window in enumerate(self.rows.slots.windows(steps)):
            register, at = _FIRST + step % _TURNS, 2 * _BYTES * step
            yield f"vmovdqu64 {at}({{w}}), %zmm{register}"
            yield f"vpermi2b %zmm{window + 1}, %zmm{window}, %zmm{register}"
            yield f"vpdpbusd {at + _BYTES}({{w}}), %zmm{register}, %zmm{_TOTALS[step % 2]}"
        yield f"addq $${2 * _BYTES * steps}, {{w}}"
        if steps > 1:
            yield f"vpaddd %zmm{odd}, %zmm{even}, %zmm{even}"
        yield f"vmovdqu64 %zmm{even}, ({{sums}},%rax)"
        yield from self._next()
        yield "jns 2b"
