"""Depthwise convolutions on bytes: a lane a channel, by dot products of quads or by chains of products."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

import numpy as np

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, local, loop
from bnnc.arm.kernels.depthwise_plan import ChainPlan, QuadPlan
from bnnc.arm.kernels.depthwise_quads import quad_band
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.levels import Spot
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op

_VECTOR = 16


def write_depthwise_conv(
    kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], plan: QuadPlan | ChainPlan
) -> None:
    """Emit the convolution and the operations behind it."""
    if isinstance(plan, QuadPlan):
        _write_quads(kernel, conv, rest, plan)
    else:
        _write_chains(kernel, conv, rest, plan)


def _write_quads(kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], plan: QuadPlan) -> None:
    """Block by block of the channels, whose weights stay in registers, over all rows of a band."""
    band, out, x = plan.band, plan.band.window.columns.out, kernel.x(plan.band.dtype)
    quads = quad_band(kernel, conv, plan, _bias(kernel, conv, plan.shift))
    results = _Results(kernel, Epilogue(kernel, conv, rest, plan.width, band.channels), out, plan.width)
    with band.bands(kernel) as first:
        quads.fill(x, first)
        with loop(band.channels // plan.width) as block, loop(band.rows) as row:
            weights = quads.registers(block)

            def tile(number: Expr, outputs: int) -> None:
                for o, sums in enumerate(quads.sums(weights, block, row, number, outputs)):
                    results.put(first + row, number * plan.outputs + o, block * plan.width, sums)

            with loop(out // plan.outputs) as number:
                tile(number, plan.outputs)
            if out % plan.outputs:
                tile(out // plan.outputs, out % plan.outputs)
            results.end(first + row, block * plan.width)


def _write_chains(kernel: Kernel, conv: Conv2d, rest: tuple[Op, ...], plan: ChainPlan) -> None:
    """Register by register of the channels over all rows of a band."""
    band, columns, taps = plan.band, plan.band.window.columns, plan.band.window.taps
    x, memory = kernel.x(band.dtype), kernel.scratch(band.dtype, band.read_rows * band.row_bytes)
    rows = np.ascontiguousarray(conv.weights.reshape(-1, _VECTOR, taps).transpose(0, 2, 1))
    weights, bias = kernel.constant(rows), _bias(kernel, conv, plan.shift)
    results = _Results(kernel, Epilogue(kernel, conv, rest, _VECTOR, band.channels), columns.out, _VECTOR)
    with band.bands(kernel) as first:
        with loop(band.read_rows) as i:
            band.copy_row(x, band.window.rows.source(first, 0) + i, memory.at(i * band.row_bytes))
        with loop(band.channels // _VECTOR) as block, loop(band.rows) as row:
            with loop(columns.out) as ox:
                at = row * band.window.rows.stride * band.row_bytes + ox * columns.stride * band.channels
                own = [weights.vector((block * taps + i) * _VECTOR, _VECTOR) for i in range(taps)]
                start = bias.vector(block * _VECTOR, _VECTOR) if bias else None
                sums = local("int32", _VECTOR)
                sums.put(0, _chain_sums(plan, memory.at(at + block * _VECTOR), own, start), _VECTOR)
                results.put(first + row, ox, block * _VECTOR, sums)
            results.end(first + row, block * _VECTOR)


class _Results:
    """What follows the sums of a row of `out` pixels: at once where that is little, else when it is done."""

    def __init__(self, kernel: Kernel, epilogue: Epilogue, out: int, width: int) -> None:
        self._epilogue, self._out, self._width = epilogue, out, width
        self._strip = kernel.scratch("int32", width if epilogue.is_light else out * width)

    def put(self, row: Expr, column: Expr, channel: Expr, sums: View) -> None:
        """The sums of a pixel."""
        if self._epilogue.is_light:
            self._epilogue.emit_row(sums, self._strip, Spot(row * self._out + column, channel))
        else:
            self._strip.put(column * self._width, sums.vector(0, self._width), self._width)

    def end(self, row: Expr, channel: Expr) -> None:
        """All sums of a row are there."""
        if not self._epilogue.is_light:
            self._epilogue.emit(self._strip, self._out, row * self._out, channel)


def _chain_sums(plan: ChainPlan, x: View, weights: list[Expr], start: Expr | None) -> Expr:
    """int32 (16 lanes): chains of products in 16 bits, their sums in 32."""
    total = start
    places = list(_places(plan))
    for first in range(0, len(places), plan.chain):
        taps = range(first, min(first + plan.chain, len(places)))
        values = [bits_as("int8x16", x.vector(places[i], _VECTOR)) for i in taps]
        products = [
            cast("int16", value, _VECTOR) * cast("int16", weights[i], _VECTOR)
            for i, value in zip(taps, values, strict=True)
        ]
        part = cast("int32", reduce(add, products), _VECTOR)
        total = part if total is None else total + part
    return total


def _places(plan: ChainPlan) -> Iterator[int]:
    """Where the taps of a window lie, from its first one on."""
    band, rows, columns = plan.band, plan.band.window.rows, plan.band.window.columns
    for u in range(rows.kernel):
        for v in range(columns.kernel):
            yield u * rows.dilation * band.row_bytes + v * columns.dilation * band.channels


def _bias(kernel: Kernel, conv: Conv2d, shift: int) -> View | None:
    """int32 (channels,): what the shift of the map takes from the sums, if it does."""
    if not shift:
        return None
    sums = conv.weights.reshape(len(conv.weights), -1).sum(axis=1, dtype=np.int64)
    return kernel.constant((shift * sums).astype(np.int32))
