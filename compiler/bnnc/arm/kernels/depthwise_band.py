"""Rows of a map with the columns that padding adds, a band of them at a time, for depthwise convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, loop, splat
from bnnc.arm.kernels.window import Window

_VECTOR = 16
_AT_ONCE = 8  # vectors that are copied one after another: LLVM would call memcpy for one
_BAND_BYTES = 1 << 16


@dataclass(frozen=True)
class Band:
    """`rows` output rows at a time. Bytes of the map are changed by an exclusive or with `flip`; `fill` is
    what those outside are then. Rows are `width` pixels long, those in front of the map included.
    """

    window: Window
    channels: int
    dtype: str
    flip: int
    fill: int
    width: int
    rows: int

    @property
    def row_bytes(self) -> int:
        return self.width * self.channels

    @property
    def read_rows(self) -> int:
        """Rows of the map that a band reads."""
        rows = self.window.rows
        return (self.rows - 1) * rows.stride + (rows.kernel - 1) * rows.dilation + 1

    @contextmanager
    def bands(self, kernel: Kernel) -> Iterator[Expr]:
        """A loop over the bands: the first output row of each; the last one reaches back."""
        out = self.window.rows.out
        with kernel.shared("bands", -(-out // self.rows)) as band:
            last = out - self.rows
            yield min(band * self.rows, last) if isinstance(band, int) else tirx.min(band * self.rows, last)

    def copy_row(self, x: View, row: Expr, to: View) -> None:
        """A row of the map, which may lie outside of it."""
        rows, columns = self.window.rows, self.window.columns
        before, whole = columns.pad * self.channels, columns.size * self.channels
        behind = self.row_bytes - before - whole
        if rows.all_inside:
            self._copy(x.at(row * whole), to, before, whole, behind)
            return
        with T.If(tirx.all(row >= 0, row < rows.size)):
            with T.Then():
                self._copy(x.at(row * whole), to, before, whole, behind)
            with T.Else():
                self._fill(to, 0, self.row_bytes)

    def _copy(self, x: View, to: View, before: int, whole: int, behind: int) -> None:
        self._fill(to, 0, before)
        vectors = min(whole, self.row_bytes - before) // _VECTOR
        with loop(vectors // _AT_ONCE) as i:
            for j in range(_AT_ONCE):
                self._copy_vector(x, to, before, i * _AT_ONCE + j)
        for i in range(vectors // _AT_ONCE * _AT_ONCE, vectors):
            self._copy_vector(x, to, before, i)
        self._fill(to, before + whole, max(behind, 0))

    def _copy_vector(self, x: View, to: View, before: int, number: Expr) -> None:
        values = x.vector(number * _VECTOR, _VECTOR)
        changed = values ^ splat(self.flip, _VECTOR, self.dtype) if self.flip else values
        to.put(before + number * _VECTOR, changed, _VECTOR)

    def _fill(self, to: View, first: int, count: int) -> None:
        if count:
            with loop(count // _VECTOR) as i:
                to.put(first + i * _VECTOR, splat(self.fill, _VECTOR, self.dtype), _VECTOR)


def band_rows(window: Window, bytes_of_row: int) -> int:
    """As many output rows as keep the band in the first cache, all bands of about the same size."""
    rows = window.rows
    read = max(_BAND_BYTES // bytes_of_row - (rows.kernel - 1) * rows.dilation, 1)
    bands = -(-rows.out // max(read // rows.stride, 1))
    return -(-rows.out // bands)
