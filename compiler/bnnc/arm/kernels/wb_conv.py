"""XNOR convolutions by pairs of words ("WB"): two operations a word where the plain kernel takes three."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from bnnc.arm.kernels.builder import Expr, Kernel, View, loop
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.panels import window_bias
from bnnc.arm.kernels.parts import Parts, cleared_strip
from bnnc.arm.kernels.rows import first_pixel
from bnnc.arm.kernels.wb_avx512 import Avx512Tile, avx512_map, avx512_weights
from bnnc.arm.kernels.wb_cuts import Cuts, single_cuts
from bnnc.arm.kernels.wb_layer import WbLayer
from bnnc.arm.kernels.wb_neon import NeonTile, neon_map, neon_weights
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_plan import WbPlan, pays, wb_plans
from bnnc.arm.kernels.wb_tile import Bits, WbTile
from bnnc.arm.kernels.wb_walk import WbPlace, walk
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.types import WORD_BITS, Packed
from bnnc.sim.bits import weight_values


def plan_of(isa: Isa, conv: XnorConv2d, rest: tuple[Op, ...]) -> WbPlan | None:
    """How this kernel computes a convolution; None where the plain one is better."""
    best = next(iter(plans_of(isa, conv, rest)), None)
    return best if best and pays(isa, conv, _window(conv), best) else None


@lru_cache(maxsize=16)
def plans_of(isa: Isa, conv: XnorConv2d, rest: tuple[Op, ...]) -> tuple[WbPlan, ...]:
    """All ways in which this kernel computes a convolution, the best first."""
    whole_words = conv.groups == 1 or conv.weights.shape[0] // conv.groups % WORD_BITS == 0
    return wb_plans(isa, conv, _window(conv), _is_packed(conv, rest) and whole_words)


def write_wb_conv(kernel: Kernel, isa: Isa, conv: XnorConv2d, rest: tuple[Op, ...], plan: WbPlan) -> None:
    """Emit the convolution and the operations behind it."""
    outputs = conv.weights.shape[0] // conv.groups
    parts, win = Parts(conv.groups, conv.weights.shape[3], outputs, plan.tiling), _window(conv)
    by_panels = parts.fill_panels and (parts.capacity % WORD_BITS == 0 or not _is_packed(conv, rest))
    cuts = single_cuts(rest) if by_panels else None
    tile = _tile(kernel, isa, conv, plan, parts)
    base = np.stack([parts.arrange(row).reshape(-1) for row in _base(conv, win, plan.pairing)])
    layer = WbLayer(tile, parts, kernel.constant(cuts.starts(base, tile.sum_type) if cuts else base))
    if cuts:
        _write_bits(kernel, layer, cuts)
    elif by_panels:
        _write_panels(kernel, layer, conv, rest)
    else:
        _write_pixels(kernel, layer, conv, rest)


def _write_bits(kernel: Kernel, layer: WbLayer, cuts: Cuts) -> None:
    """Panel by panel over the whole map, and the counts straight to bits."""
    tile, parts = layer.tile, layer.parts
    inverted = kernel.constant(cuts.inverted_octets(parts.capacity), tile.bits_type)
    bits = Bits(kernel.y(tile.bits_type), inverted, parts.capacity)
    with loop(parts.number) as part, kernel.shared("panels", tile.tiling.panels) as panel:

        def emit(place: WbPlace) -> None:
            first = (first_pixel(tile.window, place), part * tile.tiling.panels + panel)
            tile.store_bits(bits, layer.compared(place, part, panel), first, place.pixels, place.step)

        _walk(kernel, layer, emit)


def _write_panels(kernel: Kernel, layer: WbLayer, conv: XnorConv2d, rest: tuple[Op, ...]) -> None:
    """Panel by panel over the whole map."""
    tiles, win = layer.tile.tiling, layer.tile.window
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, conv, rest, tiles.width, layer.parts.capacity)
    with loop(layer.parts.number) as part, kernel.shared("panels", tiles.panels) as panel:

        def emit(place: WbPlace) -> None:
            layer.run(strip, place, part, panel)
            channel = (part * tiles.panels + panel) * tiles.width
            _finish(epilogue, strip, tiles.width, place, first_pixel(win, place), channel)

        _walk(kernel, layer, emit)


def _write_pixels(kernel: Kernel, layer: WbLayer, conv: XnorConv2d, rest: tuple[Op, ...]) -> None:
    """All channels of a tile of pixels, where groups do not end with panels."""
    tiles, parts, win = layer.tile.tiling, layer.parts, layer.tile.window
    width = strip_width(rest[-1] if rest else conv)
    panel_strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    strip = cleared_strip(kernel, tiles.pixels * width)
    epilogue = Epilogue(kernel, conv, rest, width, width)

    def emit(place: WbPlace) -> None:
        with loop(parts.number) as part, loop(tiles.panels) as panel:
            layer.run(panel_strip, place, part, panel)
            parts.store(panel_strip, strip, width, place.pixels, part, panel)
        _finish(epilogue, strip, width, place, first_pixel(win, place), 0)

    _walk(kernel, layer, emit)


def _finish(epilogue: Epilogue, strip: View, width: int, place: WbPlace, pixel: Expr, channel: Expr) -> None:
    """What follows the convolution, for a strip of a tile."""
    if place.step == 1:
        epilogue.emit(strip, place.pixels, pixel, channel)
    else:
        with loop(place.pixels) as i:
            epilogue.emit(strip.at(i * width), 1, pixel + i * place.step, channel)


def _walk(kernel: Kernel, layer: WbLayer, emit: Callable[[WbPlace], None]) -> None:
    tile = layer.tile
    walk(kernel, tile.window, tile.tiling.pixels, tile.pairing, tile.pixel_bytes, emit)


def _tile(kernel: Kernel, isa: Isa, conv: XnorConv2d, plan: WbPlan, parts: Parts) -> WbTile:
    win, by_panel = _window(conv), np.moveaxis(parts.arrange(conv.weights), -1, 2)
    weights = by_panel.reshape(parts.capacity, *conv.weights.shape[1:])
    if isa.is_neon:
        map_, own = neon_map(kernel, win, plan.pairing, parts.number)
        panels = kernel.constant(neon_weights(plan.pairing, plan.tiling, weights))
        return NeonTile(plan.tiling, win, plan.pairing, parts.number, panels, map_, own, isa.in_order)
    map_, own = avx512_map(kernel, win, plan.pairing, parts.number)
    panels = kernel.constant(avx512_weights(plan.tiling, plan.pairing, weights))
    return Avx512Tile(plan.tiling, win, plan.pairing, parts.number, panels, map_, own)


def _is_packed(conv: XnorConv2d, rest: tuple[Op, ...]) -> bool:
    return isinstance((rest[-1] if rest else conv).type, Packed)


def _window(conv: XnorConv2d) -> Window:
    return window(packed_of(conv.x).shape[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)


def _base(conv: XnorConv2d, win: Window, pairs: Pairing) -> Array:
    """What the sums of a window have by weights and border alone, int32 (border classes, O)."""
    inside = packed_of(conv.x).shape[2] // conv.groups - 2 * pairs.own_count(conv.weights)
    outside = conv.pad_value * weight_values(conv).sum(axis=-1, dtype=np.int64)
    return window_bias(win, inside, outside, conv.weights.shape[0])
