"""Products of bytes added in 16 bits as far as they fit, then in 32: AArch64 without a dot product.

A register of 16-bit sums takes 2 n products a lane (`smull`, `smlal2`, `smlal`, ..), which the weights of the
layer do not let overflow, before `sadalp` adds its lanes in pairs: 2 n + 1 instructions for 16 n products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from bnnc.arm.kernels.builder import View
from bnnc.arm.kernels.product_loop import assembly_function, emit_call, panels_of, registers
from bnnc.ir.op import Array

LANES = 4  # output channels of a register of results
CHAINS = (4, 2, 1)  # registers of the map whose products may be added in 16 bits
STEP = 16  # bytes of a register
_HALVES = 8  # 16-bit lanes
_AT_ONCE = 4  # registers of weights that are loaded at once
_REGISTERS = 32
_TURNS = 2
_MAX_PAIR_OFFSET = 1008  # of an instruction that loads two registers


def longest_chain(weights: Array, magnitude: int) -> int:
    """The most registers of CHAINS whose products fit, 0 where none do: weights (O, K) by codes."""
    return next((chain for chain in CHAINS if _fits(weights, magnitude, chain)), 0)


def _fits(weights: Array, magnitude: int, chain: int) -> bool:
    """Lane i adds the products of bytes i, i + 8, i + 16, .. of a chain of registers."""
    outputs, depth = weights.shape
    padded = np.zeros((outputs, -(-depth // (STEP * chain)) * STEP * chain), np.int64)
    padded[:, :depth] = abs(weights.astype(np.int64))
    lanes = padded.reshape(outputs, -1, 2 * chain, _HALVES).sum(axis=2)
    return bool(lanes.max() * magnitude < 2**15)


@dataclass(frozen=True)
class SmlalLoop:
    """See `ProductLoop`. A register of weights holds 16 products of one output channel.

    Registers: sums (pixels, width), the map (pixels, chain), weights, 16-bit sums.
    """

    pixels: int
    vectors: int
    depth: int
    row_bytes: int
    chain: int
    unsigned: ClassVar[bool] = False

    @property
    def width(self) -> int:
        return LANES * self.vectors

    @property
    def run(self) -> int:
        return STEP * self.chain

    @property
    def read_bytes(self) -> int:
        return self._steps * STEP * self.chain

    @property
    def fits(self) -> bool:
        """Whether there are registers enough."""
        return self._first_short + self.pixels * self._together <= _REGISTERS

    @property
    def name(self) -> str:
        return f"bnnc_smlal_{self.pixels}x{self.vectors}x{self.chain}_{self.row_bytes}"

    @cached_property
    def instructions(self) -> int:
        ends = len([*self._before()]) + len([*self._after()]) + LANES
        return self._steps * (len([*self._step()]) + 2) + ends

    def arranged(self, weights: Array) -> Array:
        """(panels, steps, width, chain, 16)."""
        panels = panels_of(weights, self.width, self.read_bytes)
        split = panels.reshape(len(panels), self.width, self._steps, self.chain, STEP)
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3, 4)).reshape(len(panels), -1)

    def call(self, sums: View, x: View, weights: View, bias: View) -> None:
        emit_call(self.name, self.function(), (sums, x, weights, bias), self._steps)

    def function(self) -> str:
        """LLVM's text."""
        loop = ["1:", *self._step(), "subs {steps}, {steps}, #1", "b.ne 1b"]
        clobbers = [*(f"v{i}" for i in range(_REGISTERS)), "cc", "memory"]
        return assembly_function(self.name, [*self._before(), *loop, *self._after()], clobbers)

    @property
    def _steps(self) -> int:
        return -(-self.depth // (STEP * self.chain))

    @property
    def _first_map(self) -> int:
        return self.pixels * self.width

    @property
    def _first_weights(self) -> int:
        return self._first_map + self.pixels * self.chain

    @property
    def _first_short(self) -> int:
        return self._first_weights + max(_AT_ONCE, self.chain)

    @property
    def _together(self) -> int:
        """Channels whose chains take turns: a core that issues in order would wait for the next link."""
        return min(max(_AT_ONCE // self.chain, 1), _TURNS)

    def _before(self) -> Iterator[str]:
        for i in range(self.pixels * self.width):
            yield f"movi v{i}.2d, #0"

    def _step(self) -> Iterator[str]:
        """The products of a chain; the first pixel's last load moves on."""
        yield from self._load_map()
        per_load = max(_AT_ONCE // self.chain, 1)
        for first in range(0, self.width, per_load):
            count = per_load * self.chain
            yield f"ld1 {registers(self._first_weights, count, '16b')}, [{{w}}], #{STEP * count}"
            for channel in range(0, per_load, self._together):
                yield from self._channels(first + channel, self._first_weights + channel * self.chain)

    def _load_map(self) -> Iterator[str]:
        for pixel in (*range(1, self.pixels), 0):
            x, offset = self._first_map + pixel * self.chain, pixel * self.row_bytes
            if pixel == 0:
                yield f"ld1 {registers(x, self.chain, '16b')}, [{{x}}], #{STEP * self.chain}"
            elif self.chain == 1 or offset + STEP * (self.chain - 1) > _MAX_PAIR_OFFSET:
                for i in range(self.chain):
                    yield f"ldr q{x + i}, [{{x}}, #{offset + STEP * i}]"
            else:
                for i in range(0, self.chain, 2):
                    yield f"ldp q{x + i}, q{x + i + 1}, [{{x}}, #{offset + STEP * i}]"

    def _channels(self, first: int, w: int) -> Iterator[str]:
        """The products of neighbouring channels with all pixels, whose chains take turns."""
        turns = [(c, pixel) for c in range(self._together) for pixel in range(self.pixels)]
        for i in range(2 * self.chain):
            high = i % 2
            operation = ("smlal" if i else "smull") + ("2" if high else "")
            shape = "16b" if high else "8b"
            for n, (c, pixel) in enumerate(turns):
                weights = f"v{w + c * self.chain + i // 2}"
                x = f"v{self._first_map + pixel * self.chain + i // 2}"
                yield f"{operation} v{self._first_short + n}.8h, {weights}.{shape}, {x}.{shape}"
        for n, (c, pixel) in enumerate(turns):
            yield f"sadalp v{pixel * self.width + first + c}.4s, v{self._first_short + n}.8h"

    def _after(self) -> Iterator[str]:
        """Lanes are added, and the bias."""
        bias, n = self._first_map, 4 * self.pixels * self.vectors
        for first in range(0, n, 4):
            a, b = first, first + 1
            yield f"addp v{a}.4s, v{a}.4s, v{b}.4s"
            yield f"addp v{b}.4s, v{first + 2}.4s, v{first + 3}.4s"
            yield f"addp v{a}.4s, v{a}.4s, v{b}.4s"
        for v in range(self.vectors):
            yield f"ldr q{bias}, [{{bias}}], #16"
            for pixel in range(self.pixels):
                total = 4 * (pixel * self.vectors + v)
                yield f"add v{total}.4s, v{total}.4s, v{bias}.4s"
        for first in range(0, n, 4):
            yield f"str q{first}, [{{sums}}], #16"
