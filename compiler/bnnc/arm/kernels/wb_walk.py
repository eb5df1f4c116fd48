"""The way of a WB convolution over its output map, with what is different at borders in tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, splat
from bnnc.arm.kernels.rows import Place, Reach
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.window import Axis, Window

MAX_OFFSET = 2**16 - 32  # bytes between the pixels of a tile, all that an instruction can name
_MOST_DOWN = 8  # pixels of a tile in a column: more gain little, and are more code


@dataclass(frozen=True)
class WbPlace(Place):
    """A tile whose pixels are all of border class `kind` (among `Window.classes`).

    They are `step` pixels of the output apart: side by side, or below each other.
    """

    kind: Expr
    step: int = 1


WbEmit = Callable[[WbPlace], None]


def walk(
    kernel: Kernel,
    win: Window,
    pixels: int,
    pairing: Pairing,
    pixel_bytes: int,
    tile: Callable[[WbPlace], None],
) -> None:
    """Emit `tile` for every output pixel.

    So many pixels at once of a row inside; of a column of the border too, but in the first and last rows. In
    the paired map they are `pixel_bytes` apart.
    """
    way = _Way(kernel, win, pairing.pairs, tile)
    inside = win.columns.interior
    if inside:
        n_tiles = -(-len(inside) // pixels)
        with kernel.shared("rows", win.rows.out) as oy, kernel.shared("tiles", n_tiles) as t:
            way.emit(oy, _reaching_back(inside, t, pixels), pixels, False)
    outside = win.columns.out - len(inside)
    if outside:
        with kernel.shared("tiles", outside) as border:
            way.column(_outside(inside, border), pixels_down(win, pixels, pixel_bytes))


def pixels_down(win: Window, pixels: int, pixel_bytes: int) -> int:
    """Pixels of a tile in a column of the border, where tiles in rows have so many."""
    rows = max(1, len(win.rows.interior))
    within_reach = 1 + MAX_OFFSET // (win.rows.stride * win.columns.size * pixel_bytes)
    return -(-rows // -(-rows // min(pixels, _MOST_DOWN, within_reach)))


class _Way:
    """Tiles with what is different at borders out of tables."""

    def __init__(self, kernel: Kernel, win: Window, words: int, tile: WbEmit) -> None:
        self._kernel, self._window, self._words, self._tile = kernel, win, words, tile
        self._rows, self._columns = _Positions(kernel, win.rows), _Positions(kernel, win.columns)

    def emit(self, oy: Expr, ox: Expr, pixels: int, down: bool) -> None:
        """A tile of so many pixels side by side, in columns inside, or below each other."""
        rows, columns = self._window.rows, self._window.columns
        u0, u1, row = (0, rows.kernel, rows.interior.start) if down and pixels > 1 else self._rows.at(oy)
        v0, v1, column = self._columns.at(ox) if down else (0, columns.kernel, columns.interior.start)
        reach = Reach((rows.kernel, columns.kernel), self._words, (u0, u1), (v0, v1))
        kind, step = row * len(columns.classes) + column, columns.out if down else 1
        self._tile(WbPlace(oy, ox, pixels, reach, kind, step))

    def column(self, ox: Expr, pixels: int) -> None:
        """A column of the border: tiles of so many pixels in rows inside, single ones elsewhere."""
        inside, out = self._window.rows.interior, self._window.rows.out
        if pixels < 2:
            inside = range(out, out)
        else:
            with self._kernel.shared("rows", -(-len(inside) // pixels)) as t:
                self.emit(_reaching_back(inside, t, pixels), ox, pixels, True)
        if len(inside) < out:
            with self._kernel.shared("rows", out - len(inside)) as border:
                self.emit(_outside(inside, border), ox, 1, True)


def _reaching_back(inside: range, number: Expr, pixels: int) -> Expr:
    """Where a tile begins. The last one reaches back over pixels that are done already."""
    last, first = len(inside) - pixels, number * pixels
    return inside.start + (min(first, last) if isinstance(first, int) else tirx.min(first, last))


def _outside(inside: range, number: Expr) -> Expr:
    """The positions that are not inside, one after another."""
    if isinstance(number, int):
        return number + (0 if number < inside.start else len(inside))
    return number + tirx.Select(number < inside.start, splat(0, 1), splat(len(inside), 1))


class _Positions:
    """The taps inside the map (first, end) and the class of every position of an axis."""

    def __init__(self, kernel: Kernel, axis: Axis) -> None:
        self._axis, self._table = axis, View(None)
        if len(axis.classes) > 1:
            self._table = kernel.constant(np.array(_rows(axis), np.int32))

    def at(self, position: Expr) -> tuple[Expr, Expr, Expr]:
        """First tap, end and class."""
        if len(self._axis.classes) == 1:
            return self._axis.classes[0].start, self._axis.classes[0].stop, 0
        first, end, kind = (T.bind(self._table[position * 3 + i]) for i in range(3))
        return first, end, kind


def _rows(axis: Axis) -> list[tuple[int, int, int]]:
    """(first, end, class) by position: the interior, where all taps are inside, is one class."""
    a, b = axis.interior.start, axis.interior.stop
    kinds = [min(i, a) + max(i - (b - 1), 0) for i in range(axis.out)]
    taps = [axis.classes[kind] for kind in kinds]
    return [(tap.start, tap.stop, kind) for tap, kind in zip(taps, kinds, strict=True)]
