"""Pooling of plain maps: the maximum or the sum over a window, then what follows."""

from __future__ import annotations

from tvm import tirx

from bnnc.arm.kernels.builder import Kernel, cast, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.levels import Spot
from bnnc.arm.kernels.pixelwise import result_strip
from bnnc.arm.kernels.window import taps_in_map, window
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d
from bnnc.ir.op import Op, map_shape, tensor_of

_LOWEST = -(2**31)


def write_pool(kernel: Kernel, pool: MaxPool2d | SumPool2d, rest: tuple[Op, ...]) -> None:
    """Emit the pool and the operations behind it."""
    win = window(map_shape(pool.x)[:2], pool.kernel, pool.strides, (1, 1), pool.pads)
    x, channels = kernel.x(tensor_of(pool.x).elem.dtype.name), pool.type.shape[-1]
    strip, width = result_strip(kernel, rest[-1] if rest else pool)
    epilogue = Epilogue(kernel, pool, rest, width, width)
    neutral = _LOWEST if isinstance(pool, MaxPool2d) else 0
    with kernel.shared("rows", win.rows.out) as oy, loop(win.columns.out) as ox:
        with loop(channels) as c:
            strip.put(c, splat(neutral, 1))
        with taps_in_map(win, oy, ox) as pixel, loop(channels) as c:
            value = cast("int32", x[pixel * channels + c])
            both = tirx.max(strip[c], value) if isinstance(pool, MaxPool2d) else strip[c] + value
            strip.put(c, both)
        epilogue.emit_row(strip, strip, Spot(oy * win.columns.out + ox, 0))
