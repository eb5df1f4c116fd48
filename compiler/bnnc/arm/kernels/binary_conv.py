"""Convolutions on bit planes over a map: XNOR and bit-serial ones, dense layers included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.bit_terms import Product, product
from bnnc.arm.kernels.bit_tile import BitTile
from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, local, loop, splat, spread
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.panels import panels, window_bias
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import Tiling, tiling
from bnnc.arm.kernels.window import Window, taps_in_map, window
from bnnc.ir.elem import B1_PM
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import PackedConv, XnorConv2d
from bnnc.ir.types import Packed
from bnnc.sim.bits import weight_values


def write_binary_conv(kernel: Kernel, isa: Isa, conv: PackedConv, rest: tuple[Op, ...]) -> None:
    """Emit the convolution and the operations behind it."""
    x, result = packed_of(conv.x), rest[-1] if rest else conv
    win = window(x.shape[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    tiles = tiling(isa, conv.type.shape[2], row_length(win), isinstance(result.type, Packed))
    planes, terms = weight_planes(conv), _product(conv)
    weights = kernel.constant(panels(np.moveaxis(planes, 3, 4), tiles))
    bias = kernel.constant(_bias(conv, win, terms, tiles))
    tile = BitTile(isa, tiles, win, x, kernel.x("uint32"), weights, planes.shape[3])
    sums = pixel_sums(kernel, win, x, terms.x_weights) if any(terms.x_weights) else None
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, conv, rest, tiles.width, tiles.capacity)
    with loop(tiles.panels) as panel:
        channels = _Channels(tile, terms, panel, bias.at(panel * tiles.width), sums, strip, epilogue)
        over_map(win, tiles.pixels, x.words, x.elem.bits == 1, channels.emit)


@dataclass(frozen=True)
class _Channels:
    """A panel of output channels over the map."""

    tile: BitTile
    terms: Product
    panel: Expr
    bias: View
    sums: View | None
    strip: View
    epilogue: Epilogue

    def emit(self, place: Place) -> None:
        """The outputs of a tile."""
        tile, tiles, win = self.tile, self.tile.tiling, self.tile.window
        bias = self.bias.at(border_class(win, place) * tiles.capacity)
        weights = tile.weights.at(self.panel * (win.taps * tile.x_type.words * tile.w_planes * tiles.width))
        pixel = first_pixel(win, place)
        at_once = len(self.terms.terms) == 1 and self.sums is None and tile.is_one_piece(place.reach)
        if not at_once:
            self._start(bias, pixel, place.pixels)
        for term in self.terms.terms:
            tile.accumulate(self.strip, term, weights, place, bias if at_once else None)
        self.epilogue.emit(self.strip, place.pixels, pixel, self.panel * tiles.width)

    def _start(self, bias: View, pixel: Expr, pixels: int) -> None:
        """strip = bias (+ the pixel's own sum)"""
        tiles = self.tile.tiling
        with loop(pixels) as p:
            for lane in range(0, tiles.width, tiles.lanes):
                value = bias.vector(lane, tiles.lanes)
                if self.sums is not None:
                    value = value + spread(self.sums[pixel + p], tiles.lanes)
                self.strip.put(p * tiles.width + lane, value, tiles.lanes)


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
        with taps_in_map(win, oy, ox) as pixel:
            total.put(0, total[0] + single[pixel])
        sums.put(oy * win.columns.out + ox, total[0])
    return sums


def _product(conv: PackedConv) -> Product:
    return product(packed_of(conv.x).elem, B1_PM if isinstance(conv, XnorConv2d) else conv.weight_elem)


def _bias(conv: PackedConv, win: Window, terms: Product, tiles: Tiling) -> Array:
    """What a window adds by its weights alone, int32 (border classes, capacity)."""
    counts = np.bitwise_count(weight_planes(conv)).sum(axis=-1, dtype=np.int64)
    inside = counts @ np.array(terms.w_weights) + terms.lane_bias * packed_of(conv.x).shape[2]
    outside = conv.pad_value * weight_values(conv).sum(axis=-1, dtype=np.int64)
    return window_bias(win, inside, outside, tiles.capacity)


def _zero() -> View:
    total = local("int32")
    total.put(0, splat(0, 1))
    return total
