"""Windows of a map of bytes as rows of a strip: every tap in its place, those outside the map filled in."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, keep, loop, splat
from bnnc.arm.kernels.window import Window

_VECTOR = 16


@dataclass(frozen=True)
class Gather:
    """Copies of windows over a map (H, W, channels): the taps one after another, channels innermost.

    Both views are of `dtype`; every byte is changed by an exclusive or with `flip`. `fill` is what bytes
    outside the map are in the strip.
    """

    window: Window
    channels: int
    dtype: str
    flip: int
    fill: int

    @property
    def depth(self) -> int:
        """Bytes of a window."""
        return self.window.taps * self.channels

    def copy(self, x: View, strip: View, pixel: Expr) -> None:
        """The window of an output pixel to the start of a strip."""
        rows, columns = self.window.rows, self.window.columns
        oy, ox = T.bind(tirx.truncdiv(pixel, columns.out)), T.bind(tirx.truncmod(pixel, columns.out))
        if rows.all_inside and columns.all_inside:
            self._copy_whole(x, strip, oy, ox)
            return
        with T.If(_within(ox, columns.interior, columns.out)):
            with T.Then(), T.If(_within(oy, rows.interior, rows.out)):
                with T.Then():
                    self._copy_whole(x, strip, oy, ox)
                with T.Else():
                    self._copy_rows(x, strip, oy, ox)
            with T.Else():
                self._copy_taps(x, strip, oy, ox)

    def _copy_whole(self, x: View, strip: View, oy: Expr, ox: Expr) -> None:
        """All taps are in the map: neighbours are copied together."""
        rows, columns = self.window.rows, self.window.columns
        start = T.bind((rows.source(oy, 0) * columns.size + columns.source(ox, 0)) * self.channels)
        for u in range(rows.kernel):
            for v, count in self._neighbours():
                at = (u * rows.dilation * columns.size + v * columns.dilation) * self.channels
                to = (u * columns.kernel + v) * self.channels
                self._copy_bytes(x.at(start + at), strip.at(to), count * self.channels)

    def _copy_rows(self, x: View, strip: View, oy: Expr, ox: Expr) -> None:
        """The rows in the map, all of whose taps are in it, after all have been filled."""
        rows, columns, channels = self.window.rows, self.window.columns, self.channels
        self._fill_bytes(strip)
        with loop(rows.end_tap(oy), rows.first_tap(oy)) as u:
            keep()
            source = (rows.source(oy, u) * columns.size + columns.source(ox, 0)) * channels
            for v, count in self._neighbours():
                to, at = (u * columns.kernel + v) * channels, source + v * columns.dilation * channels
                self._copy_bytes(x.at(at), strip.at(to), count * channels)

    def _neighbours(self) -> list[tuple[int, int]]:
        """(first tap, taps) of a row that lie side by side."""
        kernel = self.window.columns.kernel
        return [(0, kernel)] if self.window.columns.dilation == 1 else [(v, 1) for v in range(kernel)]

    def _copy_taps(self, x: View, strip: View, oy: Expr, ox: Expr) -> None:
        """The taps in the map one by one, after all have been filled."""
        rows, columns, channels = self.window.rows, self.window.columns, self.channels
        self._fill_bytes(strip)
        with (
            loop(rows.end_tap(oy), rows.first_tap(oy)) as u,
            loop(columns.end_tap(ox), columns.first_tap(ox)) as v,
        ):
            keep()
            source = (rows.source(oy, u) * columns.size + columns.source(ox, v)) * channels
            self._copy_bytes(x.at(source), strip.at((u * columns.kernel + v) * channels), channels)

    def _copy_bytes(self, x: View, strip: View, count: int) -> None:
        """As vectors, the last of which reaches back over bytes that are copied already."""
        lanes = next(n for n in (_VECTOR, 8, 4, 1) if n <= count)
        whole = count // lanes
        with loop(whole) as i:
            self._copy_vector(x, strip, i * lanes, lanes)
        if whole * lanes < count:
            self._copy_vector(x, strip, count - lanes, lanes)

    def _copy_vector(self, x: View, strip: View, at: Expr, lanes: int) -> None:
        values = x.vector(at, lanes)
        strip.put(at, values ^ splat(self.flip, lanes, self.dtype) if self.flip else values, lanes)

    def _fill_bytes(self, strip: View) -> None:
        lanes = next(n for n in (_VECTOR, 8, 4, 1) if n <= self.depth)
        values = splat(self.fill, lanes, self.dtype)
        with loop(self.depth // lanes) as i:
            strip.put(i * lanes, values, lanes)
        if self.depth % lanes:
            strip.put(self.depth - lanes, values, lanes)


def _within(position: Expr, interior: range, out: int) -> Expr:
    """Whether a position of `out` is in the interior."""
    if len(interior) == out:
        return tirx.const(True, "bool")
    return tirx.all(position >= interior.start, position < interior.stop)
