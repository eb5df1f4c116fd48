"""XNOR convolutions by pairs of words ("WB"): two operations a word where the plain kernel takes three."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, local, loop, splat, spread
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.panels import window_bias
from bnnc.arm.kernels.parts import Parts, cleared_strip
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map
from bnnc.arm.kernels.wb_bits import single_cuts, store_bits
from bnnc.arm.kernels.wb_map import SUM, PairedMap, paired_map
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_plan import WbPlan
from bnnc.arm.kernels.wb_tile import CHANNELS, WbTile, arranged
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.op import Array, Op, packed_of
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.types import WORD_BITS
from bnnc.sim.bits import weight_values


def write_wb_conv(kernel: Kernel, conv: XnorConv2d, rest: tuple[Op, ...], plan: WbPlan) -> None:
    """Emit the convolution and the operations behind it."""
    outputs = conv.weights.shape[0] // conv.groups
    parts = Parts(conv.groups, conv.weights.shape[3], outputs, plan.tiling)
    cuts = single_cuts(conv, rest) if parts.fill_panels else None
    used = cuts.conv if cuts else conv
    win = window(packed_of(conv.x).shape[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    base = np.stack([parts.arrange(row) for row in _base(used, win, plan.pairing)]).reshape(
        len(win.classes), -1
    )
    layer = _Layer(
        _tile(kernel, used, plan, win, parts), parts, kernel.constant(cuts.starts(base) if cuts else base)
    )
    if cuts:
        _write_bits(kernel, layer)
    elif parts.fill_panels:
        _write_panels(kernel, layer, conv, rest)
    else:
        _write_pixels(kernel, layer, conv, rest)


@dataclass(frozen=True)
class _Layer:
    """The sums of a panel of output channels over a tile of pixels. `base` (border classes, channels)."""

    tile: WbTile
    parts: Parts
    base: View

    def counts(self, place: Place, part: Expr, panel: Expr, cuts: bool) -> View:
        """int16 (pixels, width): pc(h), from where `wb_bits` starts for `cuts`."""
        groups = self.tile.tiling.vectors
        sums = local(SUM, place.pixels * groups * CHANNELS)
        if cuts:
            self._start(sums, place, part, panel)
        else:
            for i in range(place.pixels * groups):
                sums.put(i * CHANNELS, splat(0, CHANNELS, SUM), CHANNELS)
        self.tile.accumulate(sums, part * self.tile.tiling.panels + panel, part, place)
        return sums

    def run(self, strip: View, place: Place, part: Expr, panel: Expr) -> None:
        """strip (pixels, width) = the outputs of a tile."""
        groups, counts = self.tile.tiling.vectors, self.counts(place, part, panel, False)
        base = self._base(place, part, panel)
        for i in range(place.pixels):
            own = cast("int32", self.tile.map.sums[self._pixel(place, part) + i]) * -2
            for g in range(groups):
                counted = cast("int32", counts.vector((i * groups + g) * CHANNELS, CHANNELS), CHANNELS)
                start = base.vector(g * CHANNELS, CHANNELS) + spread(own, CHANNELS)
                value = start - counted * splat(4, CHANNELS)
                strip.put((i * groups + g) * CHANNELS, value, CHANNELS)

    def _start(self, sums: View, place: Place, part: Expr, panel: Expr) -> None:
        groups, base = self.tile.tiling.vectors, self._base(place, part, panel)
        start = [T.bind(base.vector(g * CHANNELS, CHANNELS)) for g in range(groups)]
        for first in range(0, place.pixels, CHANNELS):
            own = T.bind(self.tile.map.sums.vector(self._pixel(place, part) + first, CHANNELS))
            for i in range(first, min(first + CHANNELS, place.pixels)):
                same = T.bind(T.broadcast(tirx.Shuffle([own], [i - first]), CHANNELS))
                for g in range(groups):
                    halved = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.srhadd", start[g], same)
                    sums.put((i * groups + g) * CHANNELS, halved, CHANNELS)

    def _base(self, place: Place, part: Expr, panel: Expr) -> View:
        tiles = self.tile.tiling
        number = part * tiles.panels + panel
        return self.base.at(
            border_class(self.tile.window, place) * self.parts.capacity + number * tiles.width
        )

    def _pixel(self, place: Place, part: Expr) -> Expr:
        return part * self.tile.window.pixels + first_pixel(self.tile.window, place)


def _write_bits(kernel: Kernel, layer: _Layer) -> None:
    """Panel by panel over the whole map, and the sums straight to bits."""
    tiles, win = layer.tile.tiling, layer.tile.window
    out, stride = (
        kernel.y(f"uint{tiles.width}"),
        -(-layer.parts.capacity // WORD_BITS) * WORD_BITS // tiles.width,
    )
    with loop(layer.parts.number) as part, loop(tiles.panels) as panel:

        def emit(place: Place) -> None:
            sums = layer.counts(place, part, panel, True)
            number = part * tiles.panels + panel
            store_bits(
                sums, place.pixels, tiles.vectors, out.at(first_pixel(win, place) * stride + number), stride
            )

        _over_map(layer, emit)


def _write_panels(kernel: Kernel, layer: _Layer, conv: XnorConv2d, rest: tuple[Op, ...]) -> None:
    """Panel by panel over the whole map."""
    tiles, win = layer.tile.tiling, layer.tile.window
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, conv, rest, tiles.width, layer.parts.capacity)
    with loop(layer.parts.number) as part, loop(tiles.panels) as panel:

        def emit(place: Place) -> None:
            layer.run(strip, place, part, panel)
            channel = (part * tiles.panels + panel) * tiles.width
            epilogue.emit(strip, place.pixels, first_pixel(win, place), channel)

        _over_map(layer, emit)


def _write_pixels(kernel: Kernel, layer: _Layer, conv: XnorConv2d, rest: tuple[Op, ...]) -> None:
    """All channels of a tile of pixels, where groups do not end with panels."""
    tiles, parts, win = layer.tile.tiling, layer.parts, layer.tile.window
    width = strip_width(rest[-1] if rest else conv)
    panel_strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    strip = cleared_strip(kernel, tiles.pixels * width)
    epilogue = Epilogue(kernel, conv, rest, width, width)

    def emit(place: Place) -> None:
        with loop(parts.number) as part, loop(tiles.panels) as panel:
            layer.run(panel_strip, place, part, panel)
            parts.store(panel_strip, strip, width, place.pixels, part, panel)
        epilogue.emit(strip, place.pixels, first_pixel(win, place), 0)

    _over_map(layer, emit)


def _over_map(layer: _Layer, emit: Callable[[Place], None]) -> None:
    tile = layer.tile
    over_map(tile.window, tile.tiling.pixels, tile.map.pairing.pairs, layer.parts.number == 1, emit)


def _tile(kernel: Kernel, conv: XnorConv2d, plan: WbPlan, win: Window, parts: Parts) -> WbTile:
    pairs: PairedMap = paired_map(kernel, win, plan.pairing, conv.groups)
    by_panel = np.moveaxis(parts.arrange(conv.weights), -1, 2)
    in_lanes = by_panel.reshape(parts.capacity, *conv.weights.shape[1:])
    return WbTile(plan.tiling, win, pairs, kernel.constant(arranged(plan.pairing, plan.tiling, in_lanes)))


def _base(conv: XnorConv2d, win: Window, pairs: Pairing) -> Array:
    """What the sums of a window have by weights and border alone, int32 (border classes, O)."""
    inside = conv.x.type.shape[2] // conv.groups - 2 * pairs.own_count(conv.weights)
    outside = conv.pad_value * weight_values(conv).sum(axis=-1, dtype=np.int64)
    return window_bias(win, inside, outside, conv.weights.shape[0])
