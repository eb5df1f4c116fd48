"""Ungrouped convolutions on plain integers, dense layers included: an output channel a lane."""

from __future__ import annotations

from bnnc.arm.kernels.builder import Kernel, loop
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_tile import mac_tile, padding_sums, weight_type
from bnnc.arm.kernels.panels import panels, window_bias
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import tiling
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op, map_shape
from bnnc.ir.types import Packed


def write_integer_conv(kernel: Kernel, isa: Isa, conv: Conv2d, rest: tuple[Op, ...]) -> None:
    """Emit the convolution and the operations behind it."""
    mac, result = mac_tile(kernel, conv, lanewise=False), rest[-1] if rest else conv
    win, channels = mac.window, map_shape(conv.x)[2]
    tiles = tiling(isa, conv.type.shape[2], row_length(win), isinstance(result.type, Packed), True)
    weights = kernel.constant(panels(conv.weights.astype(weight_type(conv)), tiles))
    bias = kernel.constant(window_bias(win, None, padding_sums(conv), tiles.capacity))
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, conv, rest, tiles.width, tiles.capacity)
    with loop(tiles.panels) as panel:
        own_weights = weights.at(panel * (win.taps * channels * tiles.width))

        def tile(place: Place) -> None:
            own_bias = bias.at(border_class(win, place) * tiles.capacity + panel * tiles.width)
            sums = mac.multiply(own_weights, own_bias, tiles.width, 0, place)
            for i in range(place.pixels):
                strip.put(i * tiles.width, sums.vector(i * tiles.width, tiles.width), tiles.width)
            epilogue.emit(strip, place.pixels, first_pixel(win, place), panel * tiles.width)

        over_map(win, tiles.pixels, channels, True, tile)
