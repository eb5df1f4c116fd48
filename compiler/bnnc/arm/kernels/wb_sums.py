"""What the pixels of a map count by themselves in a WB convolution, added up over every window."""

from __future__ import annotations

from bnnc.arm.kernels.builder import Expr, Kernel, View, local, loop, splat
from bnnc.arm.kernels.window import Axis, Window


class PixelCounts:
    """One count a pixel, (parts, height, width) with the pads around the map, which count 0."""

    def __init__(self, kernel: Kernel, win: Window, parts: int, dtype: str, lanes: int) -> None:
        self._window, self._parts = win, parts
        self._dtype, self._lanes = dtype, lanes
        self._height = _padded(win.rows)
        self._width = -(-_padded(win.columns) // lanes) * lanes
        self._counts = kernel.scratch(dtype, parts * self._height * self._width + lanes)

    def clear(self) -> None:
        """All counts are 0."""
        lanes = self._lanes
        with loop(self._parts * self._height * self._width // lanes) as i:
            self._counts.put(i * lanes, splat(0, lanes, self._dtype), lanes)

    def put(self, part: Expr, y: Expr, x: Expr, count: Expr) -> None:
        """Set the count of a pixel of the map."""
        rows, columns = self._window.rows, self._window.columns
        at = (part * self._height + y + rows.pad) * self._width + x + columns.pad
        self._counts.put(at, count)

    def summed(self, kernel: Kernel) -> View:
        """Negative sums (parts, OH * OW) of all windows, with room for a vector more.

        First down the columns, then along the row of their sums.
        """
        rows, columns, lanes = self._window.rows, self._window.columns, self._lanes
        sums = kernel.scratch(self._dtype, self._parts * self._window.pixels + lanes)
        reach = (columns.kernel - 1) * columns.dilation
        row = kernel.scratch(self._dtype, self._width + reach + lanes)
        with loop(self._parts) as part, loop(rows.out) as oy:
            top = self._counts.at((part * self._height + oy * rows.stride) * self._width)
            with loop(self._width // lanes) as i:
                row.put(i * lanes, self._total(top, i * lanes, rows, self._width, lanes), lanes)
            at_once = lanes if columns.stride == 1 else 1
            with loop(-(-columns.out // at_once)) as i:
                total = self._total(row, i * at_once * columns.stride, columns, 1, at_once)
                at = part * self._window.pixels + oy * columns.out + i * at_once
                # What is past the end of a row is overwritten by the next one.
                sums.put(at, splat(0, at_once, self._dtype) - total, at_once)
        return sums

    def _total(self, counts: View, start: Expr, axis: Axis, step: int, lanes: int) -> Expr:
        """The sum over the taps of an axis, whose positions are `step` elements apart."""
        total = local(self._dtype, lanes)
        total.put(0, counts.vector(start, lanes), lanes)
        for tap in range(1, axis.kernel):
            more = counts.vector(start + tap * axis.dilation * step, lanes)
            total.put(0, total.vector(0, lanes) + more, lanes)
        return total.vector(0, lanes)


def _padded(axis: Axis) -> int:
    """Positions of the map and of its pads in front and behind."""
    reach = (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
    return max(reach, axis.pad + axis.size)
