"""Sliding window units whose words hold several taps: for maps of few channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.hls.cpp import amount, function, struct, word_type
from bnnc.hls.lanes import Wire
from bnnc.hls.model.moving import wide_window_cost
from bnnc.hls.model.trace import READ, WRITE, Trace
from bnnc.hls.units import Unit
from bnnc.hls.window import edge_members
from bnnc.ir.geometry import Pads, Pair


@dataclass(frozen=True)
class WideWindow:
    """Windows over a map of one word a pixel; each leaves in words of `taps` taps, a divisor of all taps."""

    shape: Pair
    out_shape: Pair
    kernel: Pair
    strides: Pair
    pads: Pads
    taps: int

    @property
    def parts(self) -> int:
        """Words of a window."""
        return self.kernel[0] * self.kernel[1] // self.taps

    @property
    def area(self) -> Pair:
        """Rows and columns of the map with that of its padding which windows reach."""
        rows, columns = (
            max(pad + size, (out - 1) * stride + kernel)
            for pad, size, out, stride, kernel in zip(
                self.pads[:2], self.shape, self.out_shape, self.strides, self.kernel, strict=True
            )
        )
        return rows, columns

    @property
    def out_words(self) -> int:
        return self.out_shape[0] * self.out_shape[1] * self.parts

    @property
    def steps(self) -> int:
        """Steps for one map: every pixel has one, and those with which a window is complete one a word."""
        return self.area[0] * self.area[1] + self.out_words * (self.parts - 1) // self.parts

    @property
    def trace(self) -> Trace:
        """The pixel, the lines, the taps and the word are a stage of the pipeline each."""
        arrives, leaves = np.zeros(self.area, bool), np.zeros(self.area, bool)
        top, left = self.pads[:2]
        arrives[top : top + self.shape[0], left : left + self.shape[1]] = True
        rows, columns = (
            np.arange(out) * stride + kernel - 1
            for out, stride, kernel in zip(self.out_shape, self.strides, self.kernel, strict=True)
        )
        leaves[np.ix_(rows, columns)] = True
        counts = np.where(leaves, self.parts, 1).ravel()
        flags = np.repeat(np.where(leaves.ravel(), WRITE, 0), counts).astype(np.uint8)
        flags[np.cumsum(counts) - counts] |= np.where(arrives.ravel(), READ, 0).astype(np.uint8)
        return Trace(flags, 1, latency=4)


def wide_window_unit(w: WideWindow, x: Wire, name: str, outside: int | None) -> Unit:
    """Behind a stream of one word a pixel. outside: the word of a pixel in the padding; None adds a bit a
    tap that is 0 there.
    """
    (height, width), (kernel_height, kernel_width) = w.shape, w.kernel
    wire = Wire(x.lane, w.taps * x.lanes, w.out_words * w.taps * x.lanes, x.lo, x.hi)
    return Unit(
        name=name,
        comment=f"{kernel_height} x {kernel_width} windows of {height} x {width} x {x.lanes}, "
        f"{amount(w.taps, 'tap')} a word",
        engines=("wide_window",),
        call=f"bnnc::wide_window<{name}_geometry>",
        wire=wire,
        in_bits=(x.bits,),
        words=w.out_words,
        cycles=w.steps,
        trace=w.trace,
        resources=wide_window_cost(
            lines=max(1, kernel_height - 1),
            columns=w.area[1],
            bits=x.bits + (outside is None),
            taps=w.taps,
            parts=w.parts,
        ),
        parameters=_struct(w, x, name, outside),
        marks=0 if outside is not None else w.taps,
    )


def _struct(w: WideWindow, x: Wire, name: str, outside: int | None) -> str:
    is_marked = outside is None
    fields = [
        f"typedef {word_type(x.bits)} in_t;",
        f"typedef {word_type(x.bits + is_marked)} tap_t;",
        f"typedef {word_type(w.taps * (x.bits + is_marked))} out_t;",
        f"static const int HEIGHT = {w.shape[0]}, WIDTH = {w.shape[1]};",
        f"static const int ROWS = {w.area[0]}, COLUMNS = {w.area[1]};",
        f"static const int PAD_TOP = {w.pads[0]}, PAD_LEFT = {w.pads[1]};",
        f"static const int KERNEL_HEIGHT = {w.kernel[0]}, KERNEL_WIDTH = {w.kernel[1]};",
        f"static const int STRIDE_ROWS = {w.strides[0]}, STRIDE_COLUMNS = {w.strides[1]};",
        f"static const int LINES = {max(1, w.kernel[0] - 1)};",
        f"static const int TAPS = {w.taps}, PARTS = {w.parts}, STEPS = {w.steps};",
    ]
    lowest, codes = (
        (f"{w.taps} + place * {x.bits}", "tap >> 1") if is_marked else (f"place * {x.bits}", "tap")
    )
    put = [f"word({lowest} + {x.bits - 1}, {lowest}) = (in_t)({codes});"]
    if is_marked:
        put.append("word[place] = (bool)tap[0];")
    member = function("void put(out_t &word, int place, tap_t tap)", *put)
    return struct(f"{name}_geometry", "\n".join(fields), *edge_members("tap_t", outside), member)
