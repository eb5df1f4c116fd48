"""The inner loop of a WB tile as AArch64 assembly, brought into a kernel as a function of LLVM's language.

LLVM takes a selection apart, and it moves the instructions of a tile about until registers run out. So the
loop comes in as one block with an order of its own, in which nothing can be put on the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

PAIR_BYTES = 32  # two registers that are loaded at once
_MAX_PAIR_OFFSET = 1008  # of an instruction that loads two registers


@dataclass(frozen=True)
class WbLoop:
    """Steps over pairs: `pixels` times `groups` of 8 channels, each in `weights` pairs of registers.

    Successive pixels are `pixel_bytes` apart in the map.
    """

    pixels: int
    groups: int
    weights: int
    pixel_bytes: int

    @property
    def name(self) -> str:
        return f"bnnc_wb_{self.pixels}x{self.groups}x{self.weights}_{self.pixel_bytes}"

    @property
    def n_sums(self) -> int:
        """Registers of sums: pixel by pixel, one a group."""
        return self.pixels * self.groups

    @property
    def n_registers(self) -> int:
        """Vector registers of the loop."""
        return self.n_sums + 2 * self.groups * self.weights + 2 + self._temporaries

    @cached_property
    def instructions(self) -> tuple[str, ...]:
        """One step, on operands that are named as in `_Operands`."""
        lines = [*self._load_weights()]
        # The first pixel comes last: its load moves the pointer on.
        for pixel in (*range(1, self.pixels), 0):
            lines += self._load_pixel(pixel)
            for group in range(self.groups):
                first = group * self.weights
                lines += self._counted(first, self.weights, 0)
                lines.append(f"uadalp {{s{pixel * self.groups + group}}}.8h, {{t0}}.16b")
        return tuple(lines)

    @property
    def _temporaries(self) -> int:
        return self.weights.bit_length()

    def _load_weights(self) -> Iterator[str]:
        count = self.groups * self.weights
        for j in range(1, count):
            yield f"ldp {{qw{j}}}, {{qa{j}}}, [{{w}}, #{j * PAIR_BYTES}]"
        yield f"ldp {{qw0}}, {{qa0}}, [{{w}}], #{count * PAIR_BYTES}"

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


def loop_function(loop: WbLoop) -> str:
    """void (sums, map, weights, steps): adds to `loop.n_sums` registers in memory, which become registers."""
    sums, vector = loop.n_sums, "<16 x i8>"
    operands = _operands(loop)
    body = "\\0A".join(
        ["1:", *(line.format(**operands) for line in loop.instructions), "subs $2, $2, #1", "b.ne 1b"]
    )
    n_other = loop.n_registers - sums
    outputs = ["=r"] * 3 + ["=w"] * sums + ["=&w"] * n_other
    tied = [*map(str, range(3 + sums))]
    results = "{" + ", ".join(["ptr", "ptr", "i64"] + [vector] * (sums + n_other)) + "}"
    inputs = ", ".join(["ptr %map", "ptr %weights", "i64 %steps"] + [f"{vector} %s{i}" for i in range(sums)])
    loads = [
        f"  %p{i} = getelementptr i8, ptr %sums, i64 {16 * i}\n  %s{i} = load {vector}, ptr %p{i}, align 2"
        for i in range(sums)
    ]
    stores = [
        f"  %r{i} = extractvalue {results} %r, {3 + i}\n  store {vector} %r{i}, ptr %p{i}, align 2"
        for i in range(sums)
    ]
    constraints = ",".join([*outputs, *tied, "~{memory}", "~{cc}"])
    call = f'  %r = call {results} asm sideeffect "{body}", "{constraints}"({inputs})'
    head = f"define void @{loop.name}(ptr %sums, ptr %map, ptr %weights, i64 %steps) alwaysinline nounwind {{"
    return "\n".join([head, *loads, call, *stores, "  ret void", "}", ""])


def _operands(loop: WbLoop) -> dict[str, str]:
    """How every operand is written: qx is what loads call the register x."""
    vectors = [f"s{i}" for i in range(loop.n_sums)]
    vectors += [f"{half}{j}" for j in range(loop.groups * loop.weights) for half in "wa"]
    vectors += ["x", "b", *(f"t{i}" for i in range(loop.n_registers - len(vectors) - 2))]
    names = {name: f"${3 + i}" for i, name in enumerate(vectors)}
    return (
        {"map": "$0", "w": "$1"} | names | {f"q{name}": f"${{{3 + i}:q}}" for i, name in enumerate(vectors)}
    )
