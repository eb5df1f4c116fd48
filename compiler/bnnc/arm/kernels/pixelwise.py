"""Operations pixel by pixel: steps, tables, packing and changes of type or layout outside of other kernels.

A source puts one pixel's channels into a strip as int32; the epilogue does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast
from bnnc.ir.op import Op, map_shape, packed_of, tensor_of
from bnnc.ir.packed_ops import Unpack
from bnnc.ir.types import WORD_BITS
from bnnc.sim.bits import plane_offset, plane_weights

Source = Callable[[Expr, Expr], Expr]  # (pixel, channel) -> int32


def write_pixelwise(kernel: Kernel, source: Source, rest: tuple[Op, ...], result: Op) -> None:
    """Emit `rest` on every pixel of a source."""
    strip, width, channels = result_strip(kernel, result)
    epilogue = Epilogue(kernel, rest, result, width, width)
    with loop(math.prod(result.type.shape[:-1])) as pixel:
        with loop(channels) as c:
            strip.put(c, source(pixel, c))
        epilogue.emit(strip, 1, pixel, 0)


def result_strip(kernel: Kernel, result: Op) -> tuple[View, int, int]:
    """A strip for one pixel of the result, 0 behind the last channel; its width; the number of channels."""
    channels = result.type.shape[-1]
    width = -(-channels // WORD_BITS) * WORD_BITS
    strip = kernel.scratch("int32", width)
    with loop(width) as c:
        strip.put(c, splat(0, 1))
    return strip, width, channels


def plain(kernel: Kernel, x: Op) -> Source:
    """A plain tensor as it lies."""
    view, channels = kernel.x(tensor_of(x).elem.dtype.name), x.type.shape[-1]
    return lambda pixel, c: cast("int32", view[pixel * channels + c])


def channels_first(kernel: Kernel, op: ChannelsLast) -> Source:
    """A map (C, H, W) read pixel by pixel."""
    view, (channels, height, width) = kernel.x(tensor_of(op.x).elem.dtype.name), map_shape(op.x)
    assert channels == op.type.shape[-1]
    return lambda pixel, c: cast("int32", view[c * (height * width) + pixel])


def unpacked(kernel: Kernel, op: Unpack) -> Source:
    """Codes out of bit planes."""
    x, octets = packed_of(op.x), kernel.x("uint8")
    n_octets, weights = 4 * x.words, plane_weights(x.elem).tolist()

    def code(pixel: Expr, c: Expr) -> Expr:
        total: Expr = splat(plane_offset(x.elem), 1)
        for plane, weight in enumerate(weights):
            octet = cast("int32", octets[(pixel * x.elem.bits + plane) * n_octets + tirx.truncdiv(c, 8)])
            total = total + ((octet >> tirx.truncmod(c, 8)) & 1) * weight
        return total

    return code


def write_channels_first(kernel: Kernel, op: ChannelsFirst) -> None:
    """(H, W, C) to (C, H, W)."""
    dtype, (height, width, channels) = tensor_of(op.x).elem.dtype.name, map_shape(op.x)
    x, y = kernel.x(dtype), kernel.y(dtype)
    with loop(channels) as c, loop(height * width) as pixel:
        y.put(c * (height * width) + pixel, x[pixel * channels + c])
