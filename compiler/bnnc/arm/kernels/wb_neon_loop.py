"""The inner loop of a WB tile on AArch64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bnnc.arm.kernels.wb_schedule import LOAD_LATENCY, Instruction, in_program_order, scheduled

REGISTERS = 32
PAIR_BYTES = 32  # two registers
_MAX_PAIR_OFFSET = 1008  # of an instruction that loads two registers
# Cycles that a core which issues instructions in order waits for operands, in a step and for each pixel: by
# the pairs of weights that a pixel meets; as llvm-mca counts them for a cortex-a53.
_WAIT, _PIXEL_WAIT = 12, {2: 0.5, 4: 0, 8: 2, 16: 2}
_LEAST_TEMPORARIES, _MAX_TEMPORARIES = 6, 14  # of such a core


@dataclass(frozen=True)
class NeonLoop:
    """A step: `pixels` times `groups` of 8 channels, each in `weights` pairs of registers.

    Successive pixels are `pixel_bytes` apart in the map. Cores that issue instructions in order
    (the name of one, or "") get them in an order that keeps them busy, and single loads, which they are
    better at. See
    `wb_assembly.AssemblyLoop`.
    """

    pixels: int
    groups: int
    weights: int
    pixel_bytes: int
    in_order: str = ""
    vector: str = "<16 x i8>"
    register: str = "w"

    @property
    def name(self) -> str:
        order = "_" + self.in_order.replace("-", "_") if self.in_order else ""
        return f"bnnc_wb_{self.pixels}x{self.groups}x{self.weights}_{self.pixel_bytes}{order}"

    @property
    def n_sums(self) -> int:
        """Pixel by pixel, one a group."""
        return self.pixels * self.groups

    @property
    def fits(self) -> bool:
        """Whether there are registers for all, and temporaries enough to keep the core busy."""
        least = _LEAST_TEMPORARIES if self.in_order else self.weights.bit_length()
        return self._room >= least

    @property
    def cost(self) -> float:
        """Instructions of a step; of a core that issues them in order, about its cycles."""
        weights = self.groups * self.weights
        loads, counting = self.pixels + weights, 4 * weights * self.pixels
        if self.in_order:
            return counting + 2 * loads + 4 + _WAIT + (_PIXEL_WAIT[weights] + 0.5 * self.groups) * self.pixels
        return counting + loads + 2

    @property
    def count_operations(self) -> int:
        """Those of them that wait for the vector units; none in order, whose cycles know of that."""
        return 0 if self.in_order else 4 * self.groups * self.weights * self.pixels

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Weights, a pixel's pair, and what is on its way through counting and adding."""
        return (*self._weights, "x", "b", *self._carried, *(f"t{i}" for i in range(self._temporaries)))

    @cached_property
    def lines(self) -> tuple[str, ...]:
        again = ("subs {left}, {left}, #1", "b.ne 1b")
        ends = (
            "add {map}, {map}, {map_skip}",
            "add {weights}, {weights}, {weights_skip}",
            "subs {rows}, {rows}, #1",
            "b.ne 2b",
        )
        return ("2:", "mov {left}, {steps}", *self._row(again), *ends)

    def _row(self, again: tuple[str, ...]) -> tuple[str, ...]:
        """The loop over the steps of a row."""
        if not self.in_order:
            return ("1:", *in_program_order(list(self._step()), self._temporaries), *again)
        start = (f"movi {{{name}}}.2d, #0" for name in self._carried)
        moves = (
            f"add {{map}}, {{map}}, #{PAIR_BYTES}",
            f"add {{weights}}, {{weights}}, #{self.groups * self.weights * PAIR_BYTES}",
        )
        late = self.in_order == "cortex-a55"
        step = scheduled([*self._end(), *self._step()], self._temporaries, late)
        return (*start, "1:", *step, *moves, *again, *(one.text for one in self._end()))

    @property
    def _weights(self) -> list[str]:
        return [f"{half}{j}" for j in range(self.groups * self.weights) for half in "wa"]

    @property
    def _carried(self) -> list[str]:
        """Counts of the last channels of a step, which are added up while the next one begins."""
        return [f"c{i}" for i in range(self.weights // 2)] if self.in_order else []

    @property
    def _room(self) -> int:
        return REGISTERS - self.n_sums - len(self._weights) - 2 - len(self._carried)

    @property
    def _temporaries(self) -> int:
        return min(self._room, _MAX_TEMPORARIES) if self.in_order else self.weights.bit_length()

    def _step(self) -> Iterator[Instruction]:
        count = self.groups * self.weights
        for j in (*range(1, count), 0):
            yield from self._load(f"w{j}", f"a{j}", "weights", j * PAIR_BYTES, count * PAIR_BYTES)
        # The first pixel comes last: its load moves the pointer on.
        for pixel in (*range(1, self.pixels), 0):
            yield from self._load("x", "b", "map", pixel * self.pixel_bytes, PAIR_BYTES)
            for group in range(self.groups):
                first = group * self.weights
                if self.in_order and (pixel, group) == (0, self.groups - 1):
                    yield from self._begun(first)
                else:
                    yield from self._counted(pixel, first, self.weights)
                    yield _total(pixel * self.groups + group, _temporary(pixel, first))

    def _begun(self, first: int) -> Iterator[Instruction]:
        """The counts of the last channels of a step, in pairs."""
        for i, carried in enumerate(self._carried):
            j = first + 2 * i
            yield from self._counts(0, j)
            yield _sum(carried, _temporary(0, j), _temporary(0, j + 1))

    def _end(self) -> Iterator[Instruction]:
        """Their sums."""
        names = self._carried
        while len(names) > 1:
            yield from (_sum(x, x, y) for x, y in zip(names[::2], names[1::2], strict=True))
            names = names[::2]
        yield _total(self.groups - 1, names[0])

    def _load(self, first: str, second: str, pointer: str, offset: int, move: int) -> Iterator[Instruction]:
        """Two registers. At offset 0 the pointer moves on, unless it does at the end of the step."""
        if self.in_order or offset > _MAX_PAIR_OFFSET:
            for name, at in ((first, offset), (second, offset + 16)):
                yield Instruction(
                    f"ldr {{q{name}}}, [{{{pointer}}}, #{at}]", (name,), (pointer,), LOAD_LATENCY
                )
        else:
            where = f"[{{{pointer}}}, #{offset}]" if offset else f"[{{{pointer}}}], #{move}"
            text = f"ldp {{q{first}}}, {{q{second}}}, {where}"
            yield Instruction(text, (first, second), (pointer,), LOAD_LATENCY)

    def _counted(self, pixel: int, first: int, count: int) -> Iterator[Instruction]:
        """The counts of `count` weights, added pairwise into the temporary of the first."""
        x, y = _temporary(pixel, first), _temporary(pixel, first + count // 2)
        if count == 2:
            yield from self._counts(pixel, first)
        else:
            yield from self._counted(pixel, first, count // 2)
            yield from self._counted(pixel, first + count // 2, count // 2)
        yield _sum(x, x, y)

    def _counts(self, pixel: int, first: int) -> Iterator[Instruction]:
        """The counts of two weights."""
        both = [(j, _temporary(pixel, j)) for j in (first, first + 1)]
        yield from (_one(f"eor {{{t}}}.16b, {{w{j}}}.16b, {{x}}.16b", t, f"w{j}", "x") for j, t in both)
        yield from (_one(f"bsl {{{t}}}.16b, {{a{j}}}.16b, {{b}}.16b", t, f"a{j}", "b", t) for j, t in both)
        yield from (_one(f"cnt {{{t}}}.16b, {{{t}}}.16b", t, t) for _, t in both)


def _temporary(pixel: int, weight: int) -> str:
    return f"t{pixel}_{weight}"


def _sum(to: str, x: str, y: str) -> Instruction:
    return _one(f"addp {{{to}}}.16b, {{{x}}}.16b, {{{y}}}.16b", to, x, y)


def _total(number: int, counted: str) -> Instruction:
    total = f"s{number}"
    return _one(f"uadalp {{{total}}}.8h, {{{counted}}}.16b", total, counted, total)


def _one(text: str, writes: str, *reads: str) -> Instruction:
    return Instruction(text, (writes,), reads)
