"""Windows over a map without a padded copy: which taps of a window lie inside the map.

Along one axis the outputs fall into a border in front (each position with taps of its own), an interior
(all taps inside) and a border behind. What the taps outside add is a constant per pair of classes and
output channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from tvm import tirx

from bnnc.arm.kernels.builder import Expr, loop
from bnnc.ir.geometry import Pads, Pair, output_size


@dataclass(frozen=True)
class Axis:
    """One axis of a window: `pad` elements in front, `out` positions."""

    size: int
    out: int
    kernel: int
    stride: int
    dilation: int
    pad: int

    def taps(self, position: int) -> range:
        """The taps inside the map at an output position."""
        start = position * self.stride - self.pad
        inside = [t for t in range(self.kernel) if 0 <= start + t * self.dilation < self.size]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    @cached_property
    def interior(self) -> range:
        """Output positions with all taps inside; empty and at the end where there are none."""
        full = [i for i in range(self.out) if len(self.taps(i)) == self.kernel]
        return range(full[0], full[-1] + 1) if full else range(self.out, self.out)

    @cached_property
    def classes(self) -> tuple[range, ...]:
        """The taps inside, for every class of positions."""
        a, b = self.interior.start, self.interior.stop
        middle = [range(self.kernel)] if a < b else []
        return (*(self.taps(i) for i in range(a)), *middle, *(self.taps(i) for i in range(b, self.out)))

    @property
    def all_inside(self) -> bool:
        """Whether every window lies in the map."""
        return len(self.interior) == self.out

    def class_of(self, position: Expr) -> Expr:
        """Number of the class of a position: min(p, a) + max(p - (b - 1), 0) for an interior a..b-1."""
        a, b = self.interior.start, self.interior.stop
        if len(self.classes) == 1:
            return 0
        return tirx.min(position, a) + tirx.max(position - (b - 1), 0)

    def first_tap(self, position: Expr) -> Expr:
        """The first tap inside: ceil((pad - position * stride) / dilation), at least 0."""
        if len(self.classes) == 1:
            return self.classes[0].start
        before = tirx.max(self.pad - position * self.stride, 0)
        return tirx.min(_divided(before + self.dilation - 1, self.dilation), self.kernel)

    def end_tap(self, position: Expr) -> Expr:
        """One past the last tap inside: floor((size - 1 + pad - position * stride) / dilation) + 1."""
        if len(self.classes) == 1:
            return self.classes[0].stop
        room = tirx.max(self.size - 1 + self.pad - position * self.stride + self.dilation, 0)
        return tirx.min(_divided(room, self.dilation), self.kernel)

    def source(self, position: Expr, tap: Expr) -> Expr:
        """Where in the map a tap lies."""
        return position * self.stride - self.pad + tap * self.dilation


@dataclass(frozen=True)
class Window:
    """A window over a map (H, W)."""

    rows: Axis
    columns: Axis

    @property
    def classes(self) -> tuple[tuple[range, range], ...]:
        """Taps inside (rows, columns) of every border class, row-major."""
        return tuple((r, c) for r in self.rows.classes for c in self.columns.classes)

    @property
    def pixels(self) -> int:
        return self.rows.out * self.columns.out

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel


def window(shape: Pair, kernel: Pair, strides: Pair, dilations: Pair, pads: Pads) -> Window:
    """The window of a convolution or pool; a 1x1 one over neighbouring pixels runs over one long row."""
    if (kernel, strides) == ((1, 1), (1, 1)) and not any(pads):
        return Window(_axis(1, 1, 1, 1, 0, 0), _axis(shape[0] * shape[1], 1, 1, 1, 0, 0))
    (top, left, bottom, right), (kh, kw) = pads, kernel
    return Window(
        _axis(shape[0], kh, strides[0], dilations[0], top, bottom),
        _axis(shape[1], kw, strides[1], dilations[1], left, right),
    )


@contextmanager
def taps_in_map(win: Window, oy: Expr, ox: Expr) -> Iterator[Expr]:
    """Loops over the taps in the map of a window's position: the pixels it reads."""
    rows, columns = win.rows, win.columns
    with (
        loop(rows.end_tap(oy), rows.first_tap(oy)) as u,
        loop(columns.end_tap(ox), columns.first_tap(ox)) as v,
    ):
        yield rows.source(oy, u) * columns.size + columns.source(ox, v)


def _axis(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> Axis:
    out = output_size(size, kernel, stride, dilation, before + after)
    return Axis(size, out, kernel, stride, dilation, before)


def _divided(value: Expr, divisor: int) -> Expr:
    return value if divisor == 1 else tirx.truncdiv(value, divisor)
