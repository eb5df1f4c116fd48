"""Max pooling on bit planes."""

from __future__ import annotations

from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, local, loop
from bnnc.arm.kernels.window import Window, taps_in_map, window
from bnnc.ir.elem import TER
from bnnc.ir.op import packed_of
from bnnc.ir.packed_ops import PackedMaxPool2d
from bnnc.ir.types import Packed


def write_packed_pool(kernel: Kernel, pool: PackedMaxPool2d) -> None:
    """OR over the window. Ternary: not zero = some positive | all negative, negative = all negative."""
    x_type = packed_of(pool.x)
    win = window(x_type.shape[:2], pool.kernel, pool.strides, (1, 1), pool.pads)
    x, y = kernel.x("uint32"), kernel.y("uint32")
    size = x_type.elem.bits * x_type.words
    with kernel.shared("rows", win.rows.out) as oy, loop(win.columns.out) as ox, loop(x_type.words) as k:
        out = (oy * win.columns.out + ox) * size + k
        some, all_ = _over_window(win, oy, ox, x.at(k), x_type)
        if x_type.elem == TER:
            y.put(out, some | all_)
            y.put(out + x_type.words, all_)
        else:
            y.put(out, some)


def _over_window(win: Window, oy: Expr, ox: Expr, x: View, x_type: Packed) -> tuple[Expr, Expr]:
    """OR of plane 0 (of the positive ones, if ternary) and AND of plane 1 over the taps in the map."""
    some, every = local("uint32"), local("uint32")
    some.put(0, tirx.const(0, "uint32"))
    every.put(0, tirx.const(0xFFFFFFFF, "uint32"))
    with taps_in_map(win, oy, ox) as pixel:
        first = x[pixel * (x_type.elem.bits * x_type.words)]
        if x_type.elem == TER:
            negative = x[pixel * (2 * x_type.words) + x_type.words]
            some.put(0, some[0] | (first & ~negative))
            every.put(0, every[0] & negative)
        else:
            some.put(0, some[0] | first)
    return some[0], every[0]
