"""Products of bytes four by four: AVX-512's dot product (`vpdpbusd`) of unsigned and signed bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.product_loop import assembly_function, emit_call, panels_of
from bnnc.ir.op import Array

LANES = 16  # output channels of a register of sums
QUAD = 4  # bytes
_BYTES = 64  # of a register
_REGISTERS = 32


@dataclass(frozen=True)
class VnniLoop:
    """See `ProductLoop`. A register of weights holds a quad of each of 16 output channels.

    Registers: sums (pixels, vectors), the weights of a quad, the map's quads of two pixels.
    """

    pixels: int
    vectors: int
    depth: int
    row_bytes: int
    run: ClassVar[int] = QUAD
    unsigned: ClassVar[bool] = True

    @property
    def width(self) -> int:
        return LANES * self.vectors

    @property
    def read_bytes(self) -> int:
        return self._quads * QUAD

    @property
    def fits(self) -> bool:
        """Whether there are registers enough."""
        return self._first_map + 2 <= _REGISTERS

    @property
    def name(self) -> str:
        return f"bnnc_vnni_{self.pixels}x{self.vectors}_{self.row_bytes}"

    @cached_property
    def instructions(self) -> int:
        return self._quads * (len([*self._step()]) + 2) + 3 * self.pixels * self.vectors

    def arranged(self, weights: Array) -> Array:
        """(panels, quads, width, 4)."""
        panels = panels_of(weights, self.width, self.read_bytes)
        split = panels.reshape(len(panels), self.width, self._quads, QUAD)
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(len(panels), -1)

    def call(self, sums: View, x: View, weights: View, bias: View) -> None:
        emit_call(self.name, self.function(), (sums, x, weights, bias), self._quads)

    def function(self) -> str:
        """LLVM's text."""
        loop = ["1:", *self._step(), "decq {steps}", "jne 1b"]
        clobbers = [*(f"zmm{i}" for i in range(_REGISTERS)), "cc", "memory", "dirflag", "fpsr", "flags"]
        return assembly_function(self.name, [*self._before(), *loop, *self._after()], clobbers)

    @property
    def _quads(self) -> int:
        return -(-self.depth // QUAD)

    @property
    def _first_weights(self) -> int:
        return self.pixels * self.vectors

    @property
    def _first_map(self) -> int:
        return self._first_weights + self.vectors

    def _before(self) -> Iterator[str]:
        """Sums begin with the bias."""
        for pixel in range(self.pixels):
            for v in range(self.vectors):
                yield f"vmovdqu64 {_BYTES * v}({{bias}}), %zmm{pixel * self.vectors + v}"

    def _step(self) -> Iterator[str]:
        for v in range(self.vectors):
            yield f"vmovdqu64 {_BYTES * v}({{w}}), %zmm{self._first_weights + v}"
        for pixel in range(self.pixels):
            x = self._first_map + pixel % 2
            yield f"vpbroadcastd {pixel * self.row_bytes}({{x}}), %zmm{x}"
            for v in range(self.vectors):
                total = pixel * self.vectors + v
                yield f"vpdpbusd %zmm{self._first_weights + v}, %zmm{x}, %zmm{total}"
        yield f"addq $${QUAD}, {{x}}"
        yield f"addq $${_BYTES * self.vectors}, {{w}}"

    def _after(self) -> Iterator[str]:
        for i in range(self.pixels * self.vectors):
            yield f"vmovdqu64 %zmm{i}, {_BYTES * i}({{sums}})"
