"""Grouped convolutions on plain integers: all channels of a tile of pixels, part by part, then what follows.

A part is a group, with one output channel a lane; or, in a depthwise convolution whose channels fill
registers, a few registers of channels, with one group a lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_tile import mac_tile, padding_sums, weight_type
from bnnc.arm.kernels.panels import panels, window_bias
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import Tiling, tiling
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.types import WORD_BITS


def write_grouped_conv(kernel: Kernel, isa: Isa, conv: Conv2d, rest: tuple[Op, ...]) -> None:
    """Emit the convolution and the operations behind it."""
    lanes = _depthwise_lanes(isa, conv)
    mac = mac_tile(kernel, conv, lanewise=lanes > 0)
    win, inputs = mac.window, conv.weights.shape[3]
    parts = _parts(isa, conv, lanes, row_length(win))
    bias = window_bias(win, None, padding_sums(conv), conv.type.shape[2])
    weights = kernel.constant(parts.arrange(conv.weights.astype(weight_type(conv))))
    biases = kernel.constant(np.stack([parts.arrange(row) for row in bias]))
    width, pixels = -(-conv.type.shape[2] // WORD_BITS) * WORD_BITS, parts.tiles.pixels
    strip = cleared_strip(kernel, pixels * width)
    epilogue = Epilogue(kernel, conv, rest, width, width)
    lane = kernel.scratch("int32", pixels * parts.tiles.width)

    def tile(place: Place) -> None:
        kind = border_class(win, place)
        with loop(parts.number) as part, loop(parts.tiles.panels) as panel:
            number = part * parts.tiles.panels + panel
            own = weights.at(number * (win.taps * inputs * parts.tiles.width))
            own_bias = biases.at((kind * (parts.number * parts.tiles.panels) + number) * parts.tiles.width)
            sums = mac.multiply(own, own_bias, parts.tiles.width, part * parts.inputs, place)
            parts.store(sums, lane, strip, width, place.pixels, part, panel)
        epilogue.emit(strip, place.pixels, first_pixel(win, place), 0)

    over_map(win, pixels, inputs, False, tile)


@dataclass(frozen=True)
class _Parts:
    """`number` parts of `inputs` and `outputs` channels each; `tiles` covers the outputs of one."""

    number: int
    inputs: int
    outputs: int
    tiles: Tiling

    def arrange(self, values: Array) -> Array:
        """(O, ...) to (parts, panels, ..., width)."""
        split = values.reshape(self.number, self.outputs, *values.shape[1:])
        return np.stack([panels(part, self.tiles) for part in split])

    def store(
        self, sums: View, lane: View, strip: View, strip_width: int, pixels: int, part: Expr, panel: Expr
    ) -> None:
        """The sums (pixels, width) of a panel to their place in the strip (pixels, strip_width)."""
        width, first = self.tiles.width, part * self.outputs + panel * self.tiles.width
        whole = self.outputs == self.tiles.capacity
        for i in range(pixels):
            target = strip.at(i * strip_width + first) if whole else lane.at(i * width)
            target.put(0, sums.vector(i * width, width), width)
        if not whole:
            rest = self.outputs - panel * width
            valid = rest if isinstance(rest, int) else tirx.min(rest, width)
            with loop(pixels) as i, loop(valid) as c:
                strip.put(i * strip_width + first + c, lane[i * width + c])


def cleared_strip(kernel: Kernel, size: int) -> View:
    """A strip of zeros: channels past the last must not be random bits."""
    strip = kernel.scratch("int32", size)
    with loop(size) as i:
        strip.put(i, splat(0, 1))
    return strip


def _parts(isa: Isa, conv: Conv2d, lanes: int, row: int) -> _Parts:
    if lanes:
        pixels = min(row, max(1, isa.accumulators * isa.lanes // lanes))
        return _Parts(conv.groups // lanes, lanes, lanes, Tiling(lanes, 1, 1, pixels))
    outputs, inputs = conv.weights.shape[0] // conv.groups, conv.weights.shape[3]
    return _Parts(conv.groups, inputs, outputs, tiling(isa, outputs, row, packed=False))


def _depthwise_lanes(isa: Isa, conv: Conv2d) -> int:
    """Channels that are multiplied lane by lane; 0 where that does not apply."""
    if conv.weights.shape[3] > 1 or conv.weights.shape[0] != conv.groups:
        return 0
    return next((n for n in (4 * isa.lanes, 2 * isa.lanes, isa.lanes) if conv.groups % n == 0), 0)
