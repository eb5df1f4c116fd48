"""Convolutions on bit planes over a map: XNOR and bit-serial ones, dense layers included."""

from __future__ import annotations

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.bit_terms import Product, product
from bnnc.arm.kernels.bit_tile import BitTile, Reach, border_reach, inner_reach
from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, local, loop, splat, spread
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.panels import panels, window_bias
from bnnc.arm.kernels.tiling import Tiling, tiling
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.elem import B1_PM
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import PackedConv, XnorConv2d
from bnnc.ir.types import Packed
from bnnc.sim.bits import weight_values


def write_binary_conv(kernel: Kernel, isa: Isa, conv: PackedConv, rest: tuple[Op, ...]) -> None:
    """Emit the convolution and the operations behind it."""
    x, result = packed_of(conv.x), rest[-1] if rest else conv
    win = window(x.shape[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    row = max(len(win.columns.interior), 1)
    tiles = tiling(isa, conv.type.shape[2], row, isinstance(result.type, Packed))
    planes, terms = weight_planes(conv), _product(conv)
    weights = kernel.constant(panels(np.moveaxis(planes, 3, 4), tiles))
    bias = kernel.constant(_bias(conv, win, terms, tiles))
    tile = BitTile(isa, tiles, win, x, kernel.x("uint32"), weights, planes.shape[3])
    sums = pixel_sums(kernel, win, x, terms.x_weights) if any(terms.x_weights) else None
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, rest, result, tiles.width, tiles.capacity)
    _Rows(tile, terms, bias, sums, strip, epilogue).emit()


class _Rows:
    """The loops over panels, rows and tiles of a row."""

    def __init__(
        self, tile: BitTile, terms: Product, bias: View, sums: View | None, strip: View, epilogue: Epilogue
    ) -> None:
        self._tile, self._terms, self._bias, self._sums = tile, terms, bias, sums
        self._strip, self._epilogue = strip, epilogue

    def emit(self) -> None:
        tile, win = self._tile, self._tile.window
        inside, out, pixels = win.columns.interior, win.columns.out, tile.tiling.pixels
        with loop(tile.tiling.panels) as panel, loop(win.rows.out) as oy:
            if inside:
                with loop(-(-len(inside) // pixels)) as t:
                    # The last tile reaches back over pixels that are done already rather than past the row.
                    ox = inside.start + _smaller(t * pixels, len(inside) - pixels)
                    self._emit_tile(panel, oy, ox, pixels, inner_reach(win, tile.x_type, oy))
            if len(inside) < out:
                with loop(out - len(inside)) as border:
                    ox = border + tirx.Select(border < inside.start, splat(0, 1), splat(len(inside), 1))
                    self._emit_tile(panel, oy, ox, 1, border_reach(win, tile.x_type, oy, ox))

    def _emit_tile(self, panel: Expr, oy: Expr, ox: Expr, pixels: int, reach: Reach) -> None:
        """`pixels` outputs from (oy, ox) on, all channels of a panel."""
        tile, win, tiles = self._tile, self._tile.window, self._tile.tiling
        kind = win.rows.class_of(oy) * len(win.columns.classes) + win.columns.class_of(ox)
        bias = self._bias.at(kind * tiles.capacity + panel * tiles.width)
        weights = tile.weights.at(panel * (win.taps * tile.x_type.words * tile.w_planes * tiles.width))
        pixel = oy * win.columns.out + ox
        simple = len(self._terms.terms) == 1 and self._sums is None and tile.is_one_piece(reach)
        if not simple:
            self._start(bias, pixel, pixels)
        for term in self._terms.terms:
            tile.accumulate(self._strip, term, reach, weights, oy, ox, pixels, bias if simple else None)
        self._epilogue.emit(self._strip, pixels, pixel, panel * tiles.width)

    def _start(self, bias: View, pixel: Expr, pixels: int) -> None:
        """strip = bias (+ the pixel's own sum)"""
        lanes, width = self._tile.tiling.lanes, self._tile.tiling.width
        with loop(pixels) as p:
            for j in range(self._tile.tiling.vectors):
                value = bias.vector(j * lanes, lanes)
                if self._sums is not None:
                    value = value + spread(self._sums[pixel + p], lanes)
                self._strip.put(p * width + j * lanes, value, lanes)


def weight_planes(conv: PackedConv) -> Array:
    """uint32 (O, kh, kw, planes, words)."""
    return conv.weights[:, :, :, None, :] if isinstance(conv, XnorConv2d) else conv.weights


def pixel_sums(kernel: Kernel, win: Window, x: Packed, weights: tuple[int, ...]) -> View:
    """int32 (OH * OW): over the taps of each window in the map, sum_p weights[p] * pc(plane p of x)."""
    height, width, _ = x.shape
    words, planes = kernel.x("uint32"), x.elem.bits
    single, sums = kernel.scratch("int32", height * width), kernel.scratch("int32", win.pixels)
    with loop(height * width) as pixel:
        total = _zero()
        for plane in (p for p in range(planes) if weights[p]):
            with loop(x.words) as k:
                count = bits_as("int32", T.popcount(words[(pixel * planes + plane) * x.words + k]))
                total.put(0, total[0] + count * weights[plane])
        single.put(pixel, total[0])
    with loop(win.rows.out) as oy, loop(win.columns.out) as ox:
        total = _zero()
        with loop(win.rows.end_tap(oy), win.rows.first_tap(oy)) as u:
            with loop(win.columns.end_tap(ox), win.columns.first_tap(ox)) as v:
                tap = win.rows.source(oy, u) * win.columns.size + win.columns.source(ox, v)
                total.put(0, total[0] + single[tap])
        sums.put(oy * win.columns.out + ox, total[0])
    return sums


def _product(conv: PackedConv) -> Product:
    return product(packed_of(conv.x).elem, B1_PM if isinstance(conv, XnorConv2d) else conv.weight_elem)


def _bias(conv: PackedConv, win: Window, terms: Product, tiles: Tiling) -> Array:
    """What a window adds by its weights alone, int32 (border classes, capacity)."""
    counts = np.bitwise_count(weight_planes(conv)).sum(axis=-1, dtype=np.int64)
    inside = counts @ np.array(terms.w_weights) + terms.lane_bias * packed_of(conv.x).shape[2]
    outside = conv.pad_value * weight_values(conv).sum(axis=-1, dtype=np.int64)
    return window_bias(win, inside, outside, tiles)


def _zero() -> View:
    total = local("int32")
    total.put(0, splat(0, 1))
    return total


def _smaller(a: Expr, b: int) -> Expr:
    return min(a, b) if isinstance(a, int) else tirx.min(a, b)
