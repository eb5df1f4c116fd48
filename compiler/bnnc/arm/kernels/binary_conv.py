"""Convolutions on bit planes over a map: XNOR and bit-serial ones, grouped and dense layers included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.arm.kernels.bit_terms import Product, product
from bnnc.arm.kernels.bit_tile import BitTile, Operands, Start
from bnnc.arm.kernels.builder import Expr, Kernel, View, loop, spread
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.panels import window_bias
from bnnc.arm.kernels.parts import Parts, cleared_strip
from bnnc.arm.kernels.pixel_sums import pixel_sums
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import Tiling, tilings
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.elem import B1_PM
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import PackedConv, XnorConv2d
from bnnc.ir.types import WORD_BITS, Packed
from bnnc.sim.bits import weight_values


def bit_tilings(isa: Isa, conv: PackedConv, rest: tuple[Op, ...]) -> tuple[Tiling, ...]:
    """The tiles of a convolution, the best first."""
    outputs, result = conv.weights.shape[0] // conv.groups, rest[-1] if rest else conv
    packed = isinstance(result.type, Packed) and (conv.groups == 1 or outputs % WORD_BITS == 0)
    return tilings(isa, outputs, row_length(_window(conv)), packed)


def write_binary_conv(
    kernel: Kernel,
    isa: Isa,
    conv: PackedConv,
    rest: tuple[Op, ...],
    tiles: Tiling,
    tiles_first: bool = False,
) -> None:
    """Emit the convolution and the operations behind it, panel by panel or all panels of a tile at a time."""
    x, result, win = packed_of(conv.x), rest[-1] if rest else conv, _window(conv)
    parts = Parts(conv.groups, conv.weights.shape[-1], conv.weights.shape[0] // conv.groups, tiles)
    planes, terms = weight_planes(conv), _product(conv)
    if isa.word == "uint64" and parts.inputs % 2:
        isa = replace(isa, word="uint32")
    planes = np.ascontiguousarray(planes).view(f"<u{isa.word_bytes}")
    weights = kernel.constant(parts.arrange(np.moveaxis(planes, 3, 4)))
    bias = kernel.constant(np.stack([parts.arrange(row) for row in _bias(conv, win, terms)]))
    tile = BitTile(isa, tiles, win, x, kernel.x(isa.word), weights, planes.shape[4], planes.shape[3])
    sums = pixel_sums(kernel, win, x, terms.x_weights, parts.number) if any(terms.x_weights) else None
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    layer = _Layer(tile, terms, parts, bias, sums, strip)
    ends_fit = not isinstance(result.type, Packed) or (parts.capacity % WORD_BITS, tiles.width % 8) == (0, 0)
    write = _write_panels if parts.fill_panels and ends_fit and not tiles_first else _write_pixels
    write(kernel, layer, conv, rest)


@dataclass(frozen=True)
class _Layer:
    """The sums of a panel of output channels over a tile of pixels.

    bias int32 (border classes, parts, panels, width); sums int32 (parts, OH * OW).
    """

    tile: BitTile
    terms: Product
    parts: Parts
    bias: View
    sums: View | None
    strip: View

    def run(self, place: Place, part: Expr, panel: Expr) -> None:
        """strip = the outputs of a tile"""
        tile, tiles, win = self.tile, self.tile.tiling, self.tile.window
        number = part * tiles.panels + panel
        bias = self.bias.at(border_class(win, place) * self.parts.capacity + number * tiles.width)
        weights = tile.weights.at(number * (win.taps * tile.words * tile.w_planes * tiles.width))
        operands = Operands(weights, part * tile.words)
        pixel = part * win.pixels + first_pixel(win, place)
        at_once = len(self.terms.terms) == 1 and tile.is_one_piece(place.reach)

        def start(p: Expr, lane: int) -> Expr:
            """bias (+ the pixel's own sum)"""
            value = bias.vector(lane, tiles.lanes)
            return value if self.sums is None else value + spread(self.sums[pixel + p], tiles.lanes)

        if not at_once:
            self._start(start, place.pixels)
        for term in self.terms.terms:
            tile.accumulate(self.strip, term, operands, place, start if at_once else None)

    def _start(self, start: Start, pixels: int) -> None:
        tiles = self.tile.tiling
        with loop(pixels) as p:
            for lane in range(0, tiles.width, tiles.lanes):
                self.strip.put(p * tiles.width + lane, start(p, lane), tiles.lanes)


def _write_panels(kernel: Kernel, layer: _Layer, conv: PackedConv, rest: tuple[Op, ...]) -> None:
    """Panel by panel over the whole map: a panel's weights stay in the cache."""
    tile, tiles, parts = layer.tile, layer.tile.tiling, layer.parts
    epilogue = Epilogue(kernel, conv, rest, tiles.width, parts.capacity)
    with loop(parts.number) as part, kernel.shared("panels", tiles.panels) as panel:

        def emit(place: Place) -> None:
            layer.run(place, part, panel)
            channel = (part * tiles.panels + panel) * tiles.width
            epilogue.emit(layer.strip, place.pixels, first_pixel(tile.window, place), channel)

        joined = tile.x_type.elem.bits == 1 and parts.number == 1
        over_map(kernel, tile.window, tiles.pixels, tile.words, joined, emit)


def _write_pixels(kernel: Kernel, layer: _Layer, conv: PackedConv, rest: tuple[Op, ...]) -> None:
    """All channels of a tile of pixels, where groups do not end with panels."""
    tile, tiles, parts = layer.tile, layer.tile.tiling, layer.parts
    width = strip_width(rest[-1] if rest else conv)
    strip = cleared_strip(kernel, tiles.pixels * width)
    epilogue = Epilogue(kernel, conv, rest, width, width)

    def emit(place: Place) -> None:
        with loop(parts.number) as part, loop(tiles.panels) as panel:
            layer.run(place, part, panel)
            parts.store(layer.strip, strip, width, place.pixels, part, panel)
        epilogue.emit(strip, place.pixels, first_pixel(tile.window, place), 0)

    over_map(kernel, tile.window, tiles.pixels, tile.words, False, emit)


def weight_planes(conv: PackedConv) -> Array:
    """uint32 (O, kh, kw, planes, words)."""
    return conv.weights[:, :, :, None, :] if isinstance(conv, XnorConv2d) else conv.weights


def _window(conv: PackedConv) -> Window:
    return window(packed_of(conv.x).shape[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)


def _product(conv: PackedConv) -> Product:
    return product(packed_of(conv.x).elem, B1_PM if isinstance(conv, XnorConv2d) else conv.weight_elem)


def _bias(conv: PackedConv, win: Window, terms: Product) -> Array:
    """What a window adds by its weights alone, int32 (border classes, O)."""
    counts = np.bitwise_count(weight_planes(conv)).sum(axis=-1, dtype=np.int64)
    lanes = packed_of(conv.x).shape[2] // conv.groups
    inside = counts @ np.array(terms.w_weights) + terms.lane_bias * lanes
    outside = conv.pad_value * weight_values(conv).sum(axis=-1, dtype=np.int64)
    return window_bias(win, inside, outside, conv.weights.shape[0])
