"""Ungrouped convolutions on plain integers, dense layers included: an output channel a lane."""

from __future__ import annotations

from bnnc.arm.kernels.builder import Kernel
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_tile import mac_tile, padding_sums
from bnnc.arm.kernels.mac_weights import expanded, stored_weights
from bnnc.arm.kernels.panels import panels, window_bias
from bnnc.arm.kernels.rows import Place, border_class, first_pixel, over_map, row_length
from bnnc.arm.kernels.tiling import Tiling, tilings
from bnnc.arm.kernels.window import window
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op, map_shape
from bnnc.ir.types import Packed

_MANY_TILES = 4  # from which on it is quicker to widen the weights of a panel once


def integer_tilings(isa: Isa, conv: Conv2d, rest: tuple[Op, ...]) -> tuple[Tiling, ...]:
    """The tiles of a convolution, the best first."""
    result = rest[-1] if rest else conv
    win = window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    return tilings(isa, conv.type.shape[2], row_length(win), isinstance(result.type, Packed), narrow=True)


def write_integer_conv(kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], tiles: Tiling) -> None:
    """Emit the convolution and the operations behind it."""
    mac = mac_tile(kernel, conv, lanewise=False)
    win, channels = mac.window, map_shape(conv.x)[2]
    weights = stored_weights(kernel, conv, panels(conv.weights, tiles))
    bias = kernel.constant(window_bias(win, None, padding_sums(conv), tiles.capacity))
    strip = kernel.scratch("int32", tiles.pixels * tiles.width)
    epilogue = Epilogue(kernel, conv, rest, tiles.width, tiles.capacity)
    with kernel.shared("panels", tiles.panels) as panel:
        own_weights = weights.at(panel * (win.taps * channels))
        if not weights.is_plain and win.pixels >= _MANY_TILES * tiles.pixels:
            own_weights = expanded(kernel, own_weights, win.taps * channels)

        def tile(place: Place) -> None:
            own_bias = bias.at(border_class(win, place) * tiles.capacity + panel * tiles.width)
            sums = mac.multiply(own_weights, own_bias, 0, place)
            for i in range(place.pixels):
                strip.put(i * tiles.width, sums.vector(i * tiles.width, tiles.width), tiles.width)
            epilogue.emit(strip, place.pixels, first_pixel(win, place), panel * tiles.width)

        over_map(kernel, win, tiles.pixels, channels, True, tile)
