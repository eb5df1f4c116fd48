"""Ungrouped convolutions on bytes by bytes, dense layers included: windows in rows, then register tiles."""

from __future__ import annotations

from math import prod

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.mac_weights import Weights, expanded, stored_weights
from bnnc.arm.kernels.product_plan import ProductPlan, bias_of
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.types import WORD_BITS, Packed

_ROW = 16  # weights that are widened together


def write_product_conv(kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], plan: ProductPlan) -> None:
    """Emit the convolution and the operations behind it."""
    tile, n = plan.loop, prod(conv.type.shape[:2])
    arranged = tile.arranged(_padded(conv, isinstance((rest[-1] if rest else conv).type, Packed)))
    panels, panel_rows = len(arranged), arranged.shape[1] // _ROW
    weights = stored_weights(kernel, conv, arranged.reshape(-1, _ROW))
    bias = kernel.constant(bias_of(conv, plan, panels * tile.width))
    strip = kernel.scratch("int32", tile.pixels * tile.width)
    epilogue = Epilogue(kernel, conv, rest, tile.width, panels * tile.width)
    # Sums are results where they lie in memory as results do.
    in_place = not rest and epilogue.is_whole and 1 in (tile.pixels, panels)
    rows = _Rows(kernel, plan, not weights.is_plain)
    with kernel.shared("blocks", -(-n // plan.at_once)) as block:
        first = _smaller(block * plan.at_once, n - plan.at_once)
        rows.gather(first)

        def emit(t: Expr, panel: Expr, own: Weights) -> None:
            # The last tile reaches back over pixels that are done already.
            pixel = _smaller(t * tile.pixels, plan.at_once - tile.pixels)
            at, channel = first + pixel, panel * tile.width
            row, own_bias = rows.at(pixel), bias.at(channel)
            if in_place:
                sums = kernel.y("int32").at(at * conv.type.shape[2] + channel)
                tile.call(sums, row, own.view, own_bias)
            else:
                tile.call(strip, row, own.view, own_bias)
                epilogue.emit(strip, tile.pixels, at, channel)

        tiles = -(-plan.at_once // tile.pixels)
        if plan.tiles_first and weights.is_plain:
            with kernel.shared("tiles", tiles) as t, loop(panels) as panel:
                emit(t, panel, weights.at(panel * panel_rows))
        else:
            with kernel.shared("panels", panels) as panel:
                own = _own_weights(kernel, weights.at(panel * panel_rows), panel_rows)
                with loop(tiles) as t:
                    emit(t, panel, own)


class _Rows:
    """The rows that tiles read: gathered windows, or the pixels of the map."""

    def __init__(self, kernel: Kernel, plan: ProductPlan, clear: bool) -> None:
        self._plan, self._x = plan, kernel.x(plan.gather.dtype)
        self._memory = self._x
        if plan.is_direct:
            return
        self._memory = kernel.scratch(plan.gather.dtype, plan.at_once * plan.row_bytes)
        if clear and plan.row_bytes > plan.gather.depth:
            # Weights of few bits cannot say that there are none behind the depth.
            with loop(plan.at_once * plan.row_bytes // _ROW) as i:
                self._memory.put(i * _ROW, splat(0, _ROW, plan.gather.dtype), _ROW)

    def gather(self, first: Expr) -> None:
        """The windows from pixel `first` on."""
        if not self._plan.is_direct:
            with loop(self._plan.at_once) as i:
                self._plan.gather.copy(self._x, self._memory.at(i * self._plan.row_bytes), first + i)

    def at(self, pixel: Expr) -> View:
        """The row of a pixel, counted from the first gathered one."""
        return self._memory.at(pixel * self._plan.row_bytes)


def _padded(conv: Conv2d, packed: bool) -> Array:
    """Weights (O, K), those of missing outputs 0: packed results have whole words."""
    weights = conv.weights.reshape(len(conv.weights), -1)
    missing = -len(weights) % WORD_BITS if packed else 0
    return np.pad(weights, ((0, missing), (0, 0)))


def _own_weights(kernel: Kernel, weights: Weights, rows: int) -> Weights:
    return weights if weights.is_plain else expanded(kernel, weights, rows)


def _smaller(a: Expr, b: int) -> Expr:
    return min(a, b) if isinstance(a, int) else tirx.min(a, b)
