"""The way of a WB convolution over its output map, with what is different at borders in tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, splat
from bnnc.arm.kernels.rows import Place, Reach
from bnnc.arm.kernels.window import Axis, Window


@dataclass(frozen=True)
class WbPlace(Place):
    """A tile whose pixels are all of border class `kind` (among `Window.classes`)."""

    kind: Expr


def walk(kernel: Kernel, win: Window, pixels: int, words: int, tile: Callable[[WbPlace], None]) -> None:
    """Emit `tile` for every output pixel: `pixels` at once inside a row, one by one along its borders."""
    rows, columns = _Positions(kernel, win.rows), _Positions(kernel, win.columns)
    inside, out = win.columns.interior, win.columns.out

    def emit(oy: Expr, ox: Expr, count: int, taps: tuple[Expr, Expr], column: Expr) -> None:
        u0, u1, row = rows.at(oy)
        reach = Reach((win.rows.kernel, win.columns.kernel), words, (u0, u1), taps)
        tile(WbPlace(oy, ox, count, reach, row * len(win.columns.classes) + column))

    with kernel.shared("rows", win.rows.out) as oy:
        if inside:
            with kernel.shared("tiles", -(-len(inside) // pixels)) as t:
                # The last tile reaches back over pixels that are done already rather than past the row.
                last, first = len(inside) - pixels, t * pixels
                ox = inside.start + (min(first, last) if isinstance(first, int) else tirx.min(first, last))
                emit(oy, ox, pixels, (0, win.columns.kernel), inside.start)
        if len(inside) < out:
            with kernel.shared("tiles", out - len(inside)) as border:
                ox = border + tirx.Select(border < inside.start, splat(0, 1), splat(len(inside), 1))
                v0, v1, column = columns.at(ox)
                emit(oy, ox, 1, (v0, v1), column)


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
