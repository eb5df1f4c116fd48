"""Sparse rows by lookups: AArch64's `tbl` gathers the inputs of 16 entries, which are multiplied as bytes.

A step has four registers: the places of 16 entries in the window, their weights, and both once more for
another four rows. With dot products (`sdot`) sums are 32-bit; without, `chain` steps are added in 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.lookup_slots import MOST_STEPS, Filled, Slots
from bnnc.arm.kernels.product_loop import assembly_function, emit_call, registers

_WINDOW = 4
_BYTES = 16
_ROWS = 8
_SETS = 2  # of a step's registers, which take turns
_TOTALS = 30  # the first register of 32-bit sums
_CHAINS = (MOST_STEPS, 8, 4, 2, 1)  # steps that may be added in 16 bits
_IN_TURN = ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15))
_HALVED = ((0, 1, 8, 9), (2, 3, 10, 11), (4, 5, 12, 13), (6, 7, 14, 15))  # `smull`, `smull2`, then pairs


def tbl_slots(has_dot_product: bool) -> Slots:
    """What fits the registers: the inputs of a chunk beside two steps and the sums."""
    return Slots(
        _ROWS, _WINDOW, _BYTES, 22 if has_dot_product else 20, _IN_TURN if has_dot_product else _HALVED
    )


def longest_step_chain(rows: Filled, magnitude: int) -> int:
    """How many steps fit 16 bits, for inputs of at most that magnitude; 0 if not even one does.

    A lane takes the entries of a half of a register: bytes i and i + 8.
    """
    return next((chain for chain in _CHAINS if _lane(rows, chain) * magnitude < 2**15), 0)


def _lane(rows: Filled, chain: int) -> int:
    """The largest sum of magnitudes of weights in a lane."""
    largest = 0
    for (_, steps), part in rows.stream.items():
        weights = abs(part[:, :, :, 1].astype(np.int64))
        lanes = weights[..., :8] + weights[..., 8:]
        starts = np.arange(0, steps, chain)
        largest = max(largest, int(np.add.reduceat(lanes, starts, axis=1).max()))
    return largest


@dataclass(frozen=True)
class TblLoop:
    """Adds to sums int32 of rows in groups; `chain` is 0 with dot products."""

    rows: Filled
    chain: int

    @property
    def name(self) -> str:
        counts = "_".join(map(str, self.rows.counts))
        return f"bnnc_tbl_{self.chain}_{self.rows.slots.chunk}x{counts}"

    @cached_property
    def instructions(self) -> int:
        """Of one call."""
        steps = self.rows.steps
        each = {n: len([*self._group(n)]) for n in self.rows.counts}
        chunk = 2 + 2 * len(each) + len([*self._inputs()])
        return sum(int((steps == n).sum()) * size for n, size in each.items()) + chunk * self.rows.chunks

    @property
    def cost(self) -> float:
        """Instructions, and what cores take besides for lookups in four registers, as long as three more."""
        return self.instructions + 3.0 * self.rows.slots.vectors * int(self.rows.steps.sum())

    def call(self, sums: View, x: View, stream: View, groups: View) -> None:
        """Emit a call."""
        emit_call(self.name, self.function(), (sums, x, stream, groups), self.rows.chunks)

    def function(self) -> str:
        """LLVM's text."""
        clobbers = [*(f"v{i}" for i in range(32)), "x9", "cc", "memory"]
        return assembly_function(self.name, [*self._lines()], clobbers)

    def _lines(self) -> Iterator[str]:
        """Chunk by chunk, the groups of so many steps one after another."""
        yield "1:"
        yield from self._inputs()
        for steps in self.rows.counts:
            yield "ldrsw x9, [{bias}], #4"
            yield "tbnz x9, #63, 3f"
            yield "2:"
            yield from self._group(steps)
            yield "3:"
        yield "subs {steps}, {steps}, #1"
        yield "b.ne 1b"

    def _inputs(self) -> Iterator[str]:
        for first in range(0, self.rows.slots.chunk, 4):
            count = min(4, self.rows.slots.chunk - first)
            yield f"ld1 {registers(first, count, '16b')}, [{{x}}], #{_BYTES * count}"

    def _group(self, steps: int) -> Iterator[str]:
        """All steps of a group of rows, and the number of the next one."""
        yield "add x9, {sums}, x9, lsl #5"
        yield f"ldp q{_TOTALS}, q{_TOTALS + 1}, [x9]"
        yield self._load(0)
        for step, window in enumerate(self.rows.slots.windows(steps)):
            if step + 1 < steps:
                yield self._load(step + 1)
            first = self._first(step)
            for index in (first, first + 2):
                yield f"tbl v{index}.16b, {registers(window, _WINDOW, '16b')}, v{index}.16b"
            yield from self._products(step, steps)
        yield f"stp q{_TOTALS}, q{_TOTALS + 1}, [x9]"
        yield "ldrsw x9, [{bias}], #4"
        yield "tbz x9, #63, 2b"

    def _products(self, step: int, steps: int) -> Iterator[str]:
        """Of the inputs that were gathered, with their weights."""
        first = self._first(step)
        for v in range(2):
            x, w = first + 2 * v, first + 2 * v + 1
            if not self.chain:
                yield f"sdot v{_TOTALS + v}.4s, v{x}.16b, v{w}.16b"
                continue
            total = _TOTALS - 2 + v
            yield f"{'smlal' if step % self.chain else 'smull'} v{total}.8h, v{x}.8b, v{w}.8b"
            yield f"smlal2 v{total}.8h, v{x}.16b, v{w}.16b"
        if self.chain and ((step + 1) % self.chain == 0 or step + 1 == steps):
            for v in range(2):
                yield f"sadalp v{_TOTALS + v}.4s, v{_TOTALS - 2 + v}.8h"

    def _load(self, step: int) -> str:
        return f"ld1 {registers(self._first(step), 4, '16b')}, [{{w}}], #{4 * _BYTES}"

    def _first(self, step: int) -> int:
        """The first register of a step."""
        return (20 if self.chain else 22) + step % _SETS * 4
