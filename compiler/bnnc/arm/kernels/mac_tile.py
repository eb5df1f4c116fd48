"""The register tile of convolutions on plain integers: pixels x output channels of 32-bit sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, local, loop, spread
from bnnc.arm.kernels.mac_weights import Part, Weights, weight_type
from bnnc.arm.kernels.rows import Place
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.elem import I16
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape, tensor_of


@dataclass(frozen=True)
class MacTile:
    """How a tile reads the map.

    `factor` is the type that factors are widened to before they are multiplied. In a `lanewise` product
    each lane has an input channel of its own.
    """

    window: Window
    x: View
    x_channels: int
    factor: str
    lanewise: bool

    def multiply(self, weights: Weights, bias: View, channel: Expr, place: Place) -> View:
        """int32 (pixels, width): bias + the products over a reach, input channels from `channel` on."""
        reach, pixels, width = place.reach, place.pixels, weights.width
        sums = local("int32", pixels * width)
        for i in range(pixels):
            sums.put(i * width, bias.vector(0, width), width)
        rows, columns = reach.rows, reach.columns
        with loop(rows[1], rows[0]) as u, loop(columns[1], columns[0]) as v, loop(reach.words) as k:
            row = weights.row((u * reach.kernel[1] + v) * reach.words + k)
            parts = [replace(part, values=T.bind(self._widened(part.values, part.lanes))) for part in row]
            for i in range(pixels):
                at = self._pixel(place.oy, place.ox + i, u, v) + channel + k
                self._add_products(sums.at(i * width), parts, at)
        return sums

    def _add_products(self, sums: View, parts: list[Part], at: Expr) -> None:
        """Those of an element of the map (of its neighbours, lane by lane) with a row of weights."""
        x = None if self.lanewise else self._widened(self.x[at], 1)
        for part in parts:
            lanes = part.lanes
            factor = spread(x, lanes) if x is not None else self._lanes(at + part.first, lanes)
            sums.put(part.first, sums.vector(part.first, lanes) + factor * part.values, lanes)

    def _lanes(self, at: Expr, lanes: int) -> Expr:
        return self._widened(self.x.vector(at, lanes), lanes)

    def _widened(self, value: Expr, lanes: int) -> Expr:
        """By way of the narrowest type that holds both factors, which multiplications are quickest on."""
        return cast("int32", cast(self.factor, value, lanes), lanes)

    def _pixel(self, oy: Expr, ox: Expr, u: Expr, v: Expr) -> Expr:
        rows, columns = self.window.rows, self.window.columns
        return (rows.source(oy, u) * columns.size + columns.source(ox, v)) * self.x_channels


def mac_tile(kernel: Kernel, conv: Conv2d, lanewise: bool) -> MacTile:
    """The tile of a convolution's operands."""
    x = tensor_of(conv.x)
    win = window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    narrow = I16.holds(x.elem.lo, x.elem.hi) and weight_type(conv) != "int32"
    factor = "int16" if narrow else "int32"
    return MacTile(win, kernel.x(x.elem.dtype.name), x.shape[2], factor, lanewise)


def padding_sums(conv: Conv2d) -> Array:
    """int64 (O, kh, kw): what a tap outside the map adds."""
    sums: Array = conv.pad_value * conv.weights.sum(axis=-1, dtype=np.int64)
    return sums
