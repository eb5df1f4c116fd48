"""Max pooling on bit planes."""

from __future__ import annotations

from bnnc.arm.kernels.builder import Expr, Kernel, View, local, loop, splat
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
    lanes = next(n for n in (4, 2, 1) if x_type.words % n == 0)
    with (
        kernel.shared("rows", win.rows.out) as oy,
        loop(win.columns.out) as ox,
        loop(x_type.words // lanes) as k,
    ):
        out = (oy * win.columns.out + ox) * size + k * lanes
        some, all_ = _over_window(win, oy, ox, x.at(k * lanes), x_type, lanes)
        if x_type.elem == TER:
            y.put(out, some | all_, lanes)
            y.put(out + x_type.words, all_, lanes)
        else:
            y.put(out, some, lanes)


def _over_window(win: Window, oy: Expr, ox: Expr, x: View, x_type: Packed, lanes: int) -> tuple[Expr, Expr]:
    """OR of plane 0 (of the positive ones, if ternary) and AND of plane 1 over the taps in the map."""
    some, every = local("uint32", lanes), local("uint32", lanes)
    some.put(0, splat(0, lanes, "uint32"), lanes)
    every.put(0, splat(0xFFFFFFFF, lanes, "uint32"), lanes)
    with taps_in_map(win, oy, ox) as pixel:
        first = x.vector(pixel * (x_type.elem.bits * x_type.words), lanes)
        if x_type.elem == TER:
            negative = x.vector(pixel * (2 * x_type.words) + x_type.words, lanes)
            some.put(0, some.vector(0, lanes) | (first & ~negative), lanes)
            every.put(0, every.vector(0, lanes) & negative, lanes)
        else:
            some.put(0, some.vector(0, lanes) | first, lanes)
    return some.vector(0, lanes), every.vector(0, lanes)
