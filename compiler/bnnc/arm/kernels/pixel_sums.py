"""What a window counts by its activations alone: once a pixel for all output channels.

Counts of pixels are summed over the rows of the window, then over its columns, by loops without branches over
neighbouring numbers.
"""

from __future__ import annotations

from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, local, loop, splat
from bnnc.arm.kernels.window import Axis, Window
from bnnc.ir.types import Packed


def pixel_sums(kernel: Kernel, win: Window, x: Packed, weights: tuple[int, ...], groups: int) -> View:
    """int32 (groups, OH * OW): sum_p weights[p] * pc(plane p of x) over the taps in the map."""
    counts = kernel.scratch("int32", win.rows.size * win.columns.size)
    row = kernel.scratch("int32", _length(win.columns))
    sums = kernel.scratch("int32", groups * win.pixels)
    _clear(row, _length(win.columns))
    with loop(groups) as group:
        _count(kernel.x("uint32"), x, weights, groups, group, counts)
        with loop(win.rows.out) as oy:
            _add_rows(win, oy, counts, row.at(win.columns.pad))
            _add_columns(win.columns, row, sums.at(group * win.pixels + oy * win.columns.out))
    return sums


def _length(columns: Axis) -> int:
    """Elements of a row with what windows reach beside it."""
    reached = (columns.out - 1) * columns.stride + (columns.kernel - 1) * columns.dilation + 1
    return max(columns.pad + columns.size, reached)


def _clear(numbers: View, size: int) -> None:
    with loop(size) as i:
        numbers.put(i, splat(0, 1))


def _count(words: View, x: Packed, weights: tuple[int, ...], groups: int, group: Expr, counts: View) -> None:
    """Every pixel by itself."""
    n_words, planes = x.words // groups, x.elem.bits
    with loop(x.shape[0] * x.shape[1]) as pixel:
        total = _zero()
        for plane in (p for p in range(planes) if weights[p]):
            with loop(n_words) as k:
                word = words[(pixel * planes + plane) * x.words + group * n_words + k]
                total.put(0, total[0] + bits_as("int32", T.popcount(word)) * weights[plane])
        counts.put(pixel, total[0])


def _add_rows(win: Window, oy: Expr, counts: View, row: View) -> None:
    rows, size = win.rows, win.columns.size
    _clear(row, size)
    with loop(rows.end_tap(oy), rows.first_tap(oy)) as u, loop(size) as i:
        row.put(i, row[i] + counts[rows.source(oy, u) * size + i])


def _add_columns(columns: Axis, row: View, sums: View) -> None:
    """The row begins with what lies in front of the map."""
    with loop(columns.out) as ox:
        total = _zero()
        with loop(columns.kernel) as v:
            total.put(0, total[0] + row[ox * columns.stride + v * columns.dilation])
        sums.put(ox, total[0])


def _zero() -> View:
    total = local("int32")
    total.put(0, splat(0, 1))
    return total
