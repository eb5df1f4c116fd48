"""Sliding window units: their geometry and the number of steps that they take."""

from __future__ import annotations

from dataclasses import dataclass

from bnnc.hls.cpp import function, struct
from bnnc.hls.lanes import Lane
from bnnc.ir.geometry import Pads, Pair


@dataclass(frozen=True)
class Window:
    """Windows over a map of `words` words a pixel."""

    shape: Pair
    out_shape: Pair
    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: Pads
    words: int

    @property
    def lines(self) -> int:
        """Rows in the ring: a power of two, with room for a window and the rows that arrive meanwhile."""
        rows = (self.kernel[0] - 1) * self.dilations[0] + 1 + self.strides[0]
        return 1 << (min(rows, self.shape[0]) - 1).bit_length()

    @property
    def out_words(self) -> int:
        return self.out_shape[0] * self.out_shape[1] * self.kernel[0] * self.kernel[1] * self.words

    @property
    def steps(self) -> int:
        """Steps of the unit for one map: both ends of its ring (templates/hls/window.h.j2), row by row."""
        in_steps = self.shape[1] * self.words
        out_steps = self.out_words // self.out_shape[0]
        arrived: list[int] = []  # when the last word of each row of the map has come
        left: list[int] = []  # when the last word of each row of windows has gone

        def arrive_up_to(row: int) -> None:
            while len(arrived) <= row:
                freed = self._freed(len(arrived), left)
                arrived.append(max(arrived[-1] if arrived else 0, freed) + in_steps)

        for out_row in range(self.out_shape[0]):
            bottom = min(self._top(out_row) + (self.kernel[0] - 1) * self.dilations[0], self.shape[0] - 1)
            arrive_up_to(bottom)
            complete = arrived[bottom] if bottom >= 0 else 0
            left.append(max(left[-1] if left else 0, complete) + out_steps)
        arrive_up_to(self.shape[0] - 1)
        return max(arrived[-1], left[-1])

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


def needs_window(shape: Pair, kernel: Pair, strides: Pair, pads: Pads) -> bool:
    """Whether taps are read more than once, or in another order than the map has them."""
    single = kernel == (1, 1) and strides == (1, 1)
    return any(pads) or not (kernel == shape or single)


def window_struct(name: str, window: Window, lanes: int, wire_lane: Lane, outside: int | None) -> str:
    """The geometry as C++. `outside` is the word of a tap in the padding; None adds a bit that is 0 there."""
    in_bits = lanes * wire_lane.bits
    (height, width), (out_height, out_width) = window.shape, window.out_shape
    fields = [
        f"typedef ap_uint<{in_bits}> in_t;",
        f"typedef ap_uint<{in_bits + (outside is None)}> out_t;",
        f"static const int HEIGHT = {height}, WIDTH = {width}, WORDS = {window.words};",
        f"static const int OUT_HEIGHT = {out_height}, OUT_WIDTH = {out_width};",
        f"static const int LINES = {window.lines}, STEPS = {window.steps};",
        f"static const int KERNEL_HEIGHT = {window.kernel[0]}, KERNEL_WIDTH = {window.kernel[1]};",
        f"static const int STRIDE_ROWS = {window.strides[0]}, STRIDE_COLUMNS = {window.strides[1]};",
        f"static const int DILATION_ROWS = {window.dilations[0]}, DILATION_COLUMNS = {window.dilations[1]};",
        f"static const int PAD_TOP = {window.pads[0]}, PAD_LEFT = {window.pads[1]};",
    ]
    marked = ["out_t word = x;", f"word[{in_bits}] = 1;", "return word;"]
    inside = function("out_t inside(in_t x)", *(marked if outside is None else ["return x;"]))
    return struct(
        f"{name}_geometry", "\n".join(fields), inside, function("out_t outside()", *_word_lines(outside or 0))
    )


def _word_lines(word: int) -> list[str]:
    """C++ that returns a word of up to 128 bits, 64 bits at a time."""
    if word < 2**64:
        return [f"return {word if word < 2**31 else f'{word:#x}ull'};"]
    return [f"out_t word = {word >> 64:#x}ull;", f"return (word << 64) | out_t({word & (2**64 - 1):#x}ull);"]
