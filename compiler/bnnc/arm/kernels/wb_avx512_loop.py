"""The inner loop of a WB tile on AVX-512."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_SELECT = "$$202"  # the table of (a ? b : c)
REGISTERS = 32
VECTOR_BYTES, PAIR_BYTES = 64, 8


@dataclass(frozen=True)
class Avx512Loop:
    """A step: `pixels` times `vectors` of 16 channels; successive pixels are `pixel_bytes` apart in the map.

    See `wb_assembly.AssemblyLoop`.
    """

    pixels: int
    vectors: int
    pixel_bytes: int
    vector: str = "<16 x i32>"
    register: str = "v"

    @property
    def name(self) -> str:
        return f"bnnc_wb_{self.pixels}x{self.vectors}_{self.pixel_bytes}"

    @property
    def n_sums(self) -> int:
        """Pixel by pixel, one a vector of channels."""
        return self.pixels * self.vectors

    @property
    def fits(self) -> bool:
        """Whether there are registers for all."""
        return self.n_sums + len(self.others) <= REGISTERS

    @property
    def cost(self) -> int:
        """Instructions of a step."""
        return 2 * self.vectors + self.pixels * (2 + 4 * self.vectors) + 4

    @property
    def count_operations(self) -> int:
        """Those of them that wait for the vector units."""
        return 4 * self.pixels * self.vectors

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Weights, a pixel's pair, and what is counted."""
        return (*(f"{half}{j}" for j in range(self.vectors) for half in "wa"), "x", "b", "t")

    @cached_property
    def lines(self) -> tuple[str, ...]:
        step = [line for pixel in range(self.pixels) for line in self._pixel(pixel)]
        moves = (f"addq $${PAIR_BYTES}, {{map}}", f"addq $${2 * self.vectors * VECTOR_BYTES}, {{weights}}")
        row = ("1:", *self._load_weights(), *step, *moves, "decq {left}", "jnz 1b")
        ends = ("addq {map_skip}, {map}", "addq {weights_skip}, {weights}", "decq {rows}", "jnz 2b")
        return ("2:", "movq {steps}, {left}", *row, *ends)

    def _load_weights(self) -> Iterator[str]:
        for j in range(self.vectors):
            yield f"vmovdqu64 {2 * j * VECTOR_BYTES}({{weights}}), {{w{j}}}"
            yield f"vmovdqu64 {(2 * j + 1) * VECTOR_BYTES}({{weights}}), {{a{j}}}"

    def _pixel(self, pixel: int) -> Iterator[str]:
        yield f"vpbroadcastd {pixel * self.pixel_bytes}({{map}}), {{x}}"
        yield f"vpbroadcastd {pixel * self.pixel_bytes + 4}({{map}}), {{b}}"
        for j in range(self.vectors):
            total = f"{{s{pixel * self.vectors + j}}}"
            yield f"vpxord {{x}}, {{w{j}}}, {{t}}"
            yield f"vpternlogd {_SELECT}, {{b}}, {{a{j}}}, {{t}}"
            yield "vpopcntd {t}, {t}"
            yield f"vpaddd {{t}}, {total}, {total}"
