"""Pooling of plain maps: the maximum or the sum over a window, then what follows."""

from __future__ import annotations

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Kernel, cast, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.levels import Spot
from bnnc.arm.kernels.pixelwise import emit_widened, result_strip
from bnnc.arm.kernels.window import Window, taps_in_map, window
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d
from bnnc.ir.op import Op, map_shape, tensor_of


def write_pool(kernel: Kernel, pool: MaxPool2d | SumPool2d, rest: tuple[Op, ...]) -> None:
    """Emit the pool and the operations behind it."""
    if isinstance(pool, MaxPool2d):
        _write_maximum(kernel, pool, rest)
        return
    win, channels, x = _window(pool), pool.type.shape[-1], kernel.x(tensor_of(pool.x).elem.dtype.name)
    strip, width = result_strip(kernel, rest[-1] if rest else pool)
    epilogue = Epilogue(kernel, pool, rest, width, width)
    with kernel.shared("rows", win.rows.out) as oy, loop(win.columns.out) as ox:
        with loop(channels) as c:
            strip.put(c, splat(0, 1))
        with taps_in_map(win, oy, ox) as pixel, loop(channels) as c:
            strip.put(c, strip[c] + cast("int32", x[pixel * channels + c]))
        epilogue.emit_row(strip, strip, Spot(oy * win.columns.out + ox, 0))


def _write_maximum(kernel: Kernel, pool: MaxPool2d, rest: tuple[Op, ...]) -> None:
    """In lanes as wide as the integers of the map; operations behind it widen them."""
    win, channels, dtype = _window(pool), pool.type.shape[-1], tensor_of(pool.x).elem.dtype.name
    x, best, lowest = kernel.x(dtype), kernel.scratch(dtype, channels), int(np.iinfo(dtype).min)
    strip, width = result_strip(kernel, rest[-1] if rest else pool)
    epilogue = Epilogue(kernel, pool, rest, width, width)
    with kernel.shared("rows", win.rows.out) as oy, loop(win.columns.out) as ox:
        with loop(channels) as c:
            best.put(c, splat(lowest, 1, dtype))
        with taps_in_map(win, oy, ox) as pixel, loop(channels) as c:
            best.put(c, tirx.max(best[c], x[pixel * channels + c]))
        emit_widened(epilogue, best, strip, channels, Spot(oy * win.columns.out + ox, 0))


def _window(pool: MaxPool2d | SumPool2d) -> Window:
    return window(map_shape(pool.x)[:2], pool.kernel, pool.strides, (1, 1), pool.pads)
