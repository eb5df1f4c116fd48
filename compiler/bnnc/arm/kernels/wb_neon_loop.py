"""The inner loop of a WB tile on AArch64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

PAIR_BYTES = 32  # two registers that are loaded at once
_MAX_PAIR_OFFSET = 1008  # of an instruction that loads two registers


@dataclass(frozen=True)
class NeonLoop:
    """A step: `pixels` times `groups` of 8 channels, each in `weights` pairs of registers.

    Successive pixels are `pixel_bytes` apart in the map. See `wb_assembly.AssemblyLoop`.
    """

    pixels: int
    groups: int
    weights: int
    pixel_bytes: int
    vector: str = "<16 x i8>"
    register: str = "w"

    @property
    def name(self) -> str:
        return f"bnnc_wb_{self.pixels}x{self.groups}x{self.weights}_{self.pixel_bytes}"

    @property
    def n_sums(self) -> int:
        """Pixel by pixel, one a group."""
        return self.pixels * self.groups

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Weights, a pixel's pair, and what is on its way through counting and adding."""
        weights = [f"{half}{j}" for j in range(self.groups * self.weights) for half in "wa"]
        return (*weights, "x", "b", *(f"t{i}" for i in range(self.weights.bit_length())))

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return ("1:", *self.step, "subs {steps}, {steps}, #1", "b.ne 1b")

    @cached_property
    def step(self) -> tuple[str, ...]:
        """The instructions of a step."""
        lines = [*self._load_weights()]
        # The first pixel comes last: its load moves the pointer on.
        for pixel in (*range(1, self.pixels), 0):
            lines += self._load_pixel(pixel)
            for group in range(self.groups):
                lines += self._counted(group * self.weights, self.weights, 0)
                lines.append(f"uadalp {{s{pixel * self.groups + group}}}.8h, {{t0}}.16b")
        return tuple(lines)

    def _load_weights(self) -> Iterator[str]:
        count = self.groups * self.weights
        for j in range(1, count):
            yield f"ldp {{qw{j}}}, {{qa{j}}}, [{{weights}}, #{j * PAIR_BYTES}]"
        yield f"ldp {{qw0}}, {{qa0}}, [{{weights}}], #{count * PAIR_BYTES}"

    def _load_pixel(self, pixel: int) -> list[str]:
        if pixel == 0:
            return [f"ldp {{qx}}, {{qb}}, [{{map}}], #{PAIR_BYTES}"]
        offset = pixel * self.pixel_bytes
        if offset <= _MAX_PAIR_OFFSET:
            return [f"ldp {{qx}}, {{qb}}, [{{map}}, #{offset}]"]
        return [f"ldr {{qx}}, [{{map}}, #{offset}]", f"ldr {{qb}}, [{{map}}, #{offset + 16}]"]

    def _counted(self, first: int, count: int, to: int) -> Iterator[str]:
        """The counts of `count` weights, added pairwise into temporary `to`; those behind it are used."""
        if count == 2:
            both = [(first, to), (first + 1, to + 1)]
            yield from (f"eor {{t{t}}}.16b, {{w{j}}}.16b, {{x}}.16b" for j, t in both)
            yield from (f"bsl {{t{t}}}.16b, {{a{j}}}.16b, {{b}}.16b" for j, t in both)
            yield from (f"cnt {{t{t}}}.16b, {{t{t}}}.16b" for _, t in both)
        else:
            yield from self._counted(first, count // 2, to)
            yield from self._counted(first + count // 2, count // 2, to + 1)
        yield f"addp {{t{to}}}.16b, {{t{to}}}.16b, {{t{to + 1}}}.16b"
