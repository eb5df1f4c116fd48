"""Grouped convolutions on plain integers: all channels of a tile of pixels, part by part, then what follows.

A part is a group, with one output channel a lane; or, in a depthwise convolution whose channels fill
registers, a few registers of channels, with one group a lane.
"""

from __future__ import annotations

import numpy as np

from bnnc.arm.kernels.builder import Kernel, View, loop
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_tile import mac_tile, padding_sums
from bnnc.arm.kernels.mac_weights import stored_weights
from bnnc.arm.kernels.panels import window_bias
from bnnc.arm.kernels.parts import Parts, cleared_strip
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import Tiling, tiling
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op


def write_grouped_conv(kernel: Kernel, isa: Isa, conv: Conv2d, rest: tuple[Op, ...]) -> None:
    """Emit the convolution and the operations behind it."""
    lanes = _depthwise_lanes(isa, conv)
    mac = mac_tile(kernel, conv, lanewise=lanes > 0)
    win, inputs = mac.window, conv.weights.shape[3]
    parts = _parts(isa, conv, lanes, row_length(win))
    bias = window_bias(win, None, padding_sums(conv), conv.type.shape[2])
    weights = stored_weights(kernel, conv, parts.arrange(conv.weights))
    biases = kernel.constant(np.stack([parts.arrange(row) for row in bias]))
    width, pixels = strip_width(rest[-1] if rest else conv), parts.tiles.pixels
    strip = cleared_strip(kernel, pixels * width)
    epilogue = Epilogue(kernel, conv, rest, width, width)
    lane = kernel.scratch("int32", pixels * parts.tiles.width)

    def tile(place: Place) -> None:
        kind = border_class(win, place)
        with loop(parts.number) as part, loop(parts.tiles.panels) as panel:
            number = part * parts.tiles.panels + panel
            own = weights.at(number * (win.taps * inputs))
            own_bias = biases.at((kind * (parts.number * parts.tiles.panels) + number) * parts.tiles.width)
            sums = mac.multiply(own, own_bias, part * parts.inputs, place)
            if not parts.fill_panels:
                sums = _spilled(sums, lane, place.pixels, parts.tiles.width)
            parts.store(sums, strip, width, place.pixels, part, panel)
        epilogue.emit(strip, place.pixels, first_pixel(win, place), 0)

    over_map(kernel, win, pixels, inputs, False, tile)


def _spilled(sums: View, memory: View, pixels: int, width: int) -> View:
    """The sums (pixels, width) in memory."""
    for i in range(pixels):
        memory.put(i * width, sums.vector(i * width, width), width)
    return memory


def _parts(isa: Isa, conv: Conv2d, lanes: int, row: int) -> Parts:
    if lanes:
        pixels = min(row, max(1, isa.accumulators * isa.lanes // lanes))
        return Parts(conv.groups // lanes, lanes, lanes, Tiling(lanes, 1, 1, pixels))
    outputs, inputs = conv.weights.shape[0] // conv.groups, conv.weights.shape[3]
    return Parts(conv.groups, inputs, outputs, tiling(isa, outputs, row, packed=False, narrow=True))


def _depthwise_lanes(isa: Isa, conv: Conv2d) -> int:
    """Channels that are multiplied lane by lane; 0 where that does not apply."""
    if conv.weights.shape[3] > 1 or conv.weights.shape[0] != conv.groups:
        return 0
    return next((n for n in (4 * isa.lanes, 2 * isa.lanes, isa.lanes) if conv.groups % n == 0), 0)
