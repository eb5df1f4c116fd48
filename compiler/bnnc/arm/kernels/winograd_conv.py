"""3x3 convolutions by Winograd's F(2x2, 3x3) in integers: transformed maps, products, results."""

from __future__ import annotations

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, local, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.levels import Spot
from bnnc.arm.kernels.winograd_loop import POINTS, WIDTH
from bnnc.arm.kernels.winograd_plan import SHIFT, WinogradPlan
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op


def write_winograd_conv(kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], plan: WinogradPlan) -> None:
    """Emit the convolution and the operations behind it."""
    band, tile, x = plan.band, plan.loop, kernel.x(plan.band.dtype)
    rows = kernel.scratch(band.dtype, band.read_rows * band.row_bytes)
    points = kernel.scratch("int16", POINTS * tile.n_tiles * tile.channels)
    products = kernel.scratch("int32", POINTS * tile.tiles * WIDTH)
    weights = kernel.constant(plan.weights)
    epilogue = Epilogue(kernel, conv, rest, WIDTH, plan.panels * WIDTH)
    strip = kernel.scratch("int32", 4 * WIDTH)
    with band.bands(kernel) as first:
        with loop(band.read_rows) as i:
            band.copy_row(x, band.window.rows.source(first, 0) + i, rows.at(i * band.row_bytes))
        _transform(plan, rows, points)
        with kernel.shared("panels", plan.panels) as panel, loop(plan.blocks) as block:
            start = _smaller(block * tile.tiles, tile.n_tiles - tile.tiles)
            own = weights.at(panel * (POINTS * tile.channels * WIDTH))
            tile.call(products, points.at(start * tile.channels), own)
            with loop(tile.tiles) as t:
                pixel = _pixel(plan, first, start + t)
                _finish(plan, epilogue, strip, products.at(t * WIDTH), Spot(pixel, panel * WIDTH))


def _finish(plan: WinogradPlan, epilogue: Epilogue, strip: View, products: View, first: Spot) -> None:
    """The results of a tile, of which `first` is the first one, and what follows."""
    below, results = plan.band.window.columns.out, _results(plan, products)
    for i, sums in enumerate(results):
        row: View = local("int32", WIDTH) if epilogue.is_light else strip.at(i * WIDTH)
        row.put(0, sums, WIDTH)
        if epilogue.is_light:
            epilogue.emit_row(row, row, Spot(first.pixel + i // 2 * below + i % 2, first.channel))
    if not epilogue.is_light:
        with loop(2) as u:
            epilogue.emit(strip.at(2 * u * WIDTH), 2, first.pixel + u * below, first.channel)


def _transform(plan: WinogradPlan, rows: View, points: View) -> None:
    """int16 (POINTS, n_tiles, channels) = B' d B of every tile, eight channels at a time."""
    band, tile = plan.band, plan.loop
    with loop(band.rows // 2) as r, loop(plan.columns) as c, loop(tile.channels // WIDTH) as k:
        column = _smaller(2 * c, band.window.columns.out - 2)
        first = 2 * r * band.row_bytes + column * tile.channels + k * WIDTH
        taps = [
            [_widened(rows, first + u * band.row_bytes + v * tile.channels) for v in range(4)]
            for u in range(4)
        ]
        down = [_transformed([taps[u][v] for u in range(4)]) for v in range(4)]
        at = (r * plan.columns + c) * tile.channels + k * WIDTH
        for u in range(4):
            for v, value in enumerate(_transformed([down[v][u] for v in range(4)])):
                points.put((4 * u + v) * tile.n_tiles * tile.channels + at, value, WIDTH)


def _widened(rows: View, at: Expr) -> Expr:
    return T.bind(cast("int16", rows.vector(at, WIDTH), WIDTH))


def _transformed(d: list[Expr]) -> list[Expr]:
    """B' d"""
    return [T.bind(value) for value in (d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3])]


def _pixel(plan: WinogradPlan, first: Expr, tile: Expr) -> Expr:
    """The first pixel of a tile; the last tile of a row reaches back."""
    out = plan.band.window.columns.out
    row = first + 2 * tirx.truncdiv(tile, plan.columns)
    return T.bind(row * out + _smaller(2 * tirx.truncmod(tile, plan.columns), out - 2))


def _results(plan: WinogradPlan, products: View) -> list[Expr]:
    """int32 (2 x 2, WIDTH) of a tile: A' m A, divided by what the weights grew."""
    size = plan.loop.tiles * WIDTH
    m = [[T.bind(products.vector((4 * u + v) * size, WIDTH)) for v in range(4)] for u in range(4)]
    down = [_summed([m[u][v] for u in range(4)]) for v in range(4)]
    sums = [_summed([down[v][u] for v in range(4)]) for u in range(2)]
    return [value >> splat(SHIFT, WIDTH) for row in sums for value in row]


def _summed(m: list[Expr]) -> list[Expr]:
    """A' m"""
    return [T.bind(m[0] + m[1] + m[2]), T.bind(m[1] - m[2] - m[3])]


def _smaller(a: Expr, b: int) -> Expr:
    return min(a, b) if isinstance(a, int) else tirx.min(a, b)
