"""Products of bytes four by four: AArch64's dot product (`sdot`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.product_loop import assembly_function, emit_call, panels_of, registers
from bnnc.ir.op import Array

LANES = 4  # output channels of a register of sums, and bytes of a quad
STEP = 16  # bytes of a register
_WEIGHTS = 4  # registers that are loaded at once
_REGISTERS = 32


@dataclass(frozen=True)
class SdotLoop:
    """See `ProductLoop`. A register of weights holds a quad of each of 4 output channels.

    Registers: sums (pixels, vectors), then one of the map a pixel, then weights.
    """

    pixels: int
    vectors: int
    depth: int
    row_bytes: int
    run: ClassVar[int] = LANES
    unsigned: ClassVar[bool] = False

    @property
    def width(self) -> int:
        return LANES * self.vectors

    @property
    def read_bytes(self) -> int:
        return -(-self.depth // STEP) * STEP

    @property
    def fits(self) -> bool:
        """Whether there are registers enough."""
        return self._first_weights + _WEIGHTS <= _REGISTERS

    @property
    def name(self) -> str:
        return f"bnnc_sdot_{self.pixels}x{self.vectors}x{self.depth}_{self.row_bytes}"

    @cached_property
    def instructions(self) -> int:
        steps = self.depth // STEP
        step, rest = len([*self._step(LANES)]), [*self._step(self._rest)] if self._rest else []
        return len([*self._before()]) + steps * (step + 2) + len(rest) + len([*self._stores()]) + LANES

    def arranged(self, weights: Array) -> Array:
        """(panels, quads, width, 4)."""
        quads = -(-self.depth // LANES)
        panels = panels_of(weights, self.width, quads * LANES).reshape(-1, self.width, quads, LANES)
        return np.ascontiguousarray(panels.transpose(0, 2, 1, 3)).reshape(len(panels), -1)

    def call(self, sums: View, x: View, weights: View, bias: View) -> None:
        emit_call(self.name, self.function(), (sums, x, weights, bias), self.depth // STEP)

    def function(self) -> str:
        """LLVM's text."""
        loop = (
            ["1:", *self._step(LANES), "subs {steps}, {steps}, #1", "b.ne 1b"] if self.depth >= STEP else []
        )
        rest = self._step(self._rest) if self._rest else ()
        used = min(self._first_weights + 2 * _WEIGHTS, _REGISTERS)
        clobbers = [*(f"v{i}" for i in range(used)), "cc", "memory"]
        return assembly_function(self.name, [*self._before(), *loop, *rest, *self._stores()], clobbers)

    @property
    def _rest(self) -> int:
        """Quads behind the last whole register."""
        return -(-(self.depth % STEP) // LANES)

    @property
    def _first_weights(self) -> int:
        return self.pixels * self.vectors + self.pixels

    def _before(self) -> Iterator[str]:
        """Sums begin with the bias."""
        for first in range(0, self.vectors, 4):
            yield f"ld1 {registers(first, min(4, self.vectors - first), '4s')}, [{{bias}}], #" + str(
                16 * min(4, self.vectors - first)
            )
        for i in range(self.vectors, self.pixels * self.vectors):
            yield f"mov v{i}.16b, v{i % self.vectors}.16b"

    def _step(self, quads: int) -> Iterator[str]:
        """The products of so many quads of a register of the map; the first pixel's load moves on."""
        x = self.pixels * self.vectors
        for pixel in range(1, self.pixels):
            yield f"ldr q{x + pixel}, [{{x}}, #{pixel * self.row_bytes}]"
        yield f"ldr q{x}, [{{x}}], #{STEP}"
        sets = (_REGISTERS - self._first_weights) // _WEIGHTS
        loaded = 0
        for quad in range(quads):
            for first in range(0, self.vectors, _WEIGHTS):
                count = min(_WEIGHTS, self.vectors - first)
                w = self._first_weights + loaded % min(sets, 2) * _WEIGHTS
                loaded += 1
                yield f"ld1 {registers(w, count, '16b')}, [{{w}}], #{16 * count}"
                for pixel in range(self.pixels):
                    for v in range(count):
                        total = pixel * self.vectors + first + v
                        yield f"sdot v{total}.4s, v{w + v}.16b, v{x + pixel}.4b[{quad}]"

    def _stores(self) -> Iterator[str]:
        total = self.pixels * self.vectors
        for first in range(0, total, 4):
            count = min(4, total - first)
            yield f"st1 {registers(first, count, '4s')}, [{{sums}}], #{16 * count}"
