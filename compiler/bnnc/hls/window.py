"""Sliding window units: their geometry and the number of steps that they take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bnnc.hls.cpp import amount, function, struct, word_type
from bnnc.hls.lanes import Lane, Wire
from bnnc.hls.model.moving import window_cost
from bnnc.hls.model.trace import READ, WRITE, Trace, steps
from bnnc.hls.units import Unit
from bnnc.ir.geometry import Pads, Pair


@dataclass(frozen=True)
class Window:
    """Windows over a map of `words` words a pixel, which are `groups` parts that each leave on their own."""

    shape: Pair
    out_shape: Pair
    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: Pads
    words: int
    groups: int = 1

    @property
    def lines(self) -> int:
        """Rows in the ring: a power of two, with room for a window and the rows that arrive meanwhile."""
        rows = (self.kernel[0] - 1) * self.dilations[0] + 1 + self.strides[0]
        return 1 << (min(rows, self.shape[0]) - 1).bit_length()

    @property
    def in_steps(self) -> int:
        """Steps in which a row of the map arrives."""
        return self.shape[1] * self.words

    @property
    def out_steps(self) -> int:
        """Steps in which a row of windows leaves."""
        return self.out_shape[1] * self.kernel[0] * self.kernel[1] * self.words

    @property
    def out_words(self) -> int:
        return self.out_shape[0] * self.out_steps

    @property
    def steps(self) -> int:
        """Steps of the unit for one map: until all has arrived and all has left."""
        return max(self.rows.arrived[-1], self.rows.left[-1])

    @cached_property
    def rows(self) -> Rows:
        """Both ends of the ring (templates/hls/window.h.j2), row by row."""
        arrived, left = list[int](), list[int]()

        def arrive_up_to(row: int) -> None:
            while len(arrived) <= row:
                freed = self._freed(len(arrived), left)
                arrived.append(max(arrived[-1] if arrived else 0, freed) + self.in_steps)

        for out_row in range(self.out_shape[0]):
            bottom = min(self._top(out_row) + (self.kernel[0] - 1) * self.dilations[0], self.shape[0] - 1)
            arrive_up_to(bottom)
            complete = arrived[bottom] if bottom >= 0 else 0
            left.append(max(left[-1] if left else 0, complete) + self.out_steps)
        arrive_up_to(self.shape[0] - 1)
        return Rows(tuple(arrived), tuple(left))

    @property
    def trace(self) -> Trace:
        """Address, memory and word are a stage of the pipeline each."""
        made = steps(0, self.steps)
        for flag, length, ends in (
            (READ, self.in_steps, self.rows.arrived),
            (WRITE, self.out_steps, self.rows.left),
        ):
            for end in ends:
                made[end - length : end] |= flag
        return Trace(made, 1, latency=4)

    def _top(self, out_row: int) -> int:
        return out_row * self.strides[0] - self.pads[0]

    def _freed(self, row: int, left: list[int]) -> int:
        """When row `row` of the map may arrive: the windows no longer need the row in its place."""
        if row < self.lines:
            return 0
        needed_by = next(
            (i for i in range(self.out_shape[0]) if self._top(i) > row - self.lines), self.out_shape[0]
        )
        return left[needed_by - 1] if needed_by else 0


@dataclass(frozen=True)
class Rows:
    """After how many steps the last word of each row of the map has come, and of each row of windows gone.

    The words of a row come, or go, one a step and without a pause.
    """

    arrived: tuple[int, ...]
    left: tuple[int, ...]


def window_unit(window: Window, x: Wire, name: str, outside: int | None) -> Unit:
    """Behind a stream of whole words a pixel. outside: as in `window_struct`."""
    (height, width), (kernel_height, kernel_width) = window.shape, window.kernel
    return Unit(
        name=name,
        comment=f"{kernel_height} x {kernel_width} windows of {height} x {width} x "
        f"{window.words * x.lanes}, {amount(x.lanes, 'lane')}",
        engines=("window",),
        call=f"bnnc::window<{name}_geometry>",
        wire=Wire(x.lane, x.lanes, window.out_words * x.lanes, x.lo, x.hi),
        in_bits=(x.bits,),
        words=window.out_words,
        cycles=window.steps,
        trace=window.trace,
        resources=window_cost(
            lines=window.lines, words_per_row=window.in_steps, bits=x.bits, extra_bits=int(outside is None)
        ),
        parameters=window_struct(name, window, x.lanes, x.lane, outside),
        marks=int(outside is None),
    )


def needs_window(shape: Pair, kernel: Pair, strides: Pair, pads: Pads, groups: int = 1) -> bool:
    """Whether taps are read more than once, or in another order than the map has them."""
    single = kernel == (1, 1) and strides == (1, 1)
    whole = kernel == shape and (groups == 1 or kernel == (1, 1))
    return any(pads) or not (whole or single)


def window_struct(name: str, window: Window, lanes: int, wire_lane: Lane, outside: int | None) -> str:
    """The geometry as C++. `outside` is the word of a tap in the padding; None adds a bit 0: 0 there."""
    in_bits = lanes * wire_lane.bits
    (height, width), (out_height, out_width) = window.shape, window.out_shape
    fields = [
        f"typedef {word_type(in_bits)} in_t;",
        f"typedef {word_type(in_bits + (outside is None))} out_t;",
        f"static const int HEIGHT = {height}, WIDTH = {width}, WORDS = {window.words}, "
        f"GROUPS = {window.groups};",
        f"static const int OUT_HEIGHT = {out_height}, OUT_WIDTH = {out_width};",
        f"static const int LINES = {window.lines}, STEPS = {window.steps};",
        f"static const int KERNEL_HEIGHT = {window.kernel[0]}, KERNEL_WIDTH = {window.kernel[1]};",
        f"static const int STRIDE_ROWS = {window.strides[0]}, STRIDE_COLUMNS = {window.strides[1]};",
        f"static const int DILATION_ROWS = {window.dilations[0]}, DILATION_COLUMNS = {window.dilations[1]};",
        f"static const int PAD_TOP = {window.pads[0]}, PAD_LEFT = {window.pads[1]};",
    ]
    return struct(f"{name}_geometry", "\n".join(fields), *edge_members("out_t", outside))


def edge_members(word: str, outside: int | None) -> tuple[str, str]:
    """The members `inside` and `outside`: words of type `word` for taps in the map and in the padding.

    A mark is bit 0: Bambu makes a comparison of the test of a top bit, for which it has no unit over 64 bits.
    """
    marked = [f"return (({word})x << 1) | 1;"]
    return (
        function(f"{word} inside(in_t x)", *(marked if outside is None else ["return x;"])),
        function(f"{word} outside()", *_word_lines(word, outside or 0)),
    )


def _word_lines(kind: str, word: int) -> list[str]:
    """C++ that returns a word of up to 128 bits, 64 bits at a time."""
    if word < 2**64:
        return [f"return {word if word < 2**31 else f'{word:#x}ull'};"]
    high, low = divmod(word, 2**64)
    return [f"{kind} word = {high:#x}ull;", f"return (word << 64) | {kind}({low:#x}ull);"]
