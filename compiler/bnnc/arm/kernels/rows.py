"""The way of a convolution over its output map: tiles of pixels inside, single pixels along the borders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, splat
from bnnc.arm.kernels.window import Window

Bounds = tuple[Expr, Expr]


@dataclass(frozen=True)
class Reach:
    """What a tile runs over: the taps inside the map and the elements (words) of each.

    `kernel` bounds the taps. Taps that lie side by side in memory count as one tap of many elements.
    """

    kernel: tuple[int, int]
    words: int
    rows: Bounds
    columns: Bounds


@dataclass(frozen=True)
class Place:
    """Where a tile lies in the output: `pixels` of row `oy` from column `ox` on."""

    oy: Expr
    ox: Expr
    pixels: int
    reach: Reach


Tile = Callable[[Place], None]


def over_map(kernel: Kernel, window: Window, pixels: int, words: int, joined: bool, tile: Tile) -> None:
    """Emit `tile` for every output pixel: `words` elements a tap, `joined` where taps lie side by side."""
    inside, out = window.columns.interior, window.columns.out
    with kernel.shared("rows", window.rows.out) as oy:
        if inside:
            with kernel.shared("tiles", -(-len(inside) // pixels)) as t:
                # The last tile reaches back over pixels that are done already rather than past the row.
                ox = inside.start + _smaller(t * pixels, len(inside) - pixels)
                tile(Place(oy, ox, pixels, _inner_reach(window, oy, words, joined)))
        if len(inside) < out:
            with kernel.shared("tiles", out - len(inside)) as border:
                ox = border + tirx.Select(border < inside.start, splat(0, 1), splat(len(inside), 1))
                tile(Place(oy, ox, 1, _border_reach(window, oy, ox, words)))


def border_class(window: Window, place: Place) -> Expr:
    """The number of a tile's class among `Window.classes`."""
    return window.rows.class_of(place.oy) * len(window.columns.classes) + window.columns.class_of(place.ox)


def first_pixel(window: Window, place: Place) -> Expr:
    """The number of a tile's first pixel in the output."""
    return place.oy * window.columns.out + place.ox


def row_length(window: Window) -> int:
    """Pixels in a row that tiles can be made of."""
    return max(len(window.columns.interior), 1)


def _inner_reach(window: Window, oy: Expr, words: int, joined: bool) -> Reach:
    """All columns inside the map: a row of the window is one tap, the whole window if it spans the map."""
    rows, columns = window.rows, window.columns
    inside = (rows.first_tap(oy), rows.end_tap(oy))
    if not joined or (columns.dilation > 1 and columns.kernel > 1):
        return Reach((rows.kernel, columns.kernel), words, inside, (0, columns.kernel))
    words *= columns.kernel
    if rows.all_inside and columns.kernel == columns.size and rows.dilation == 1:
        return Reach((1, 1), rows.kernel * words, (0, 1), (0, 1))
    return Reach((rows.kernel, 1), words, inside, (0, 1))


def _border_reach(window: Window, oy: Expr, ox: Expr, words: int) -> Reach:
    """Some columns outside the map."""
    rows, columns = window.rows, window.columns
    inside = (columns.first_tap(ox), columns.end_tap(ox))
    return Reach((rows.kernel, columns.kernel), words, (rows.first_tap(oy), rows.end_tap(oy)), inside)


def _smaller(a: Expr, b: int) -> Expr:
    return min(a, b) if isinstance(a, int) else tirx.min(a, b)
