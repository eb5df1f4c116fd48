"""Operations pixel by pixel: steps, packing and changes of type or layout outside of other kernels.

Steps read a pixel's channels where they lie. Everything else is a source that puts them into a strip of
int32 first; the epilogue does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.levels import Spot
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast
from bnnc.ir.op import Op, map_shape, packed_of, tensor_of
from bnnc.ir.packed_ops import Unpack
from bnnc.ir.value_ops import ConcatChannels, GatherChannels
from bnnc.sim.bits import plane_offset, plane_weights

MAX_RUNS = 4  # of neighbouring channels that are copied one after the other
Source = Callable[[Expr, Expr], Expr]  # (pixel, channel) -> int32


@dataclass(frozen=True)
class Widened:
    """Integers of any type as int32."""

    view: View

    def __getitem__(self, index: Expr) -> Expr:
        return cast("int32", self.view[index])

    def vector(self, index: Expr, lanes: int) -> Expr:
        """`lanes` successive elements."""
        return cast("int32", self.view.vector(index, lanes), lanes)


@dataclass(frozen=True)
class Run:
    """`count` channels of the result from `first` on: those of `view`, of `n` a pixel, from `start` on."""

    view: View
    n: int
    start: int
    first: int
    count: int


def write_steps(kernel: Kernel, ops: tuple[Op, ...]) -> None:
    """Emit operations on every pixel of the first operand."""
    head, result = ops[0].operands[0], ops[-1]
    x, channels = kernel.x(tensor_of(head).elem.dtype.name), head.type.shape[-1]
    strip, width = result_strip(kernel, result)
    epilogue = Epilogue(kernel, head, ops, width, width)
    with kernel.shared("rows", _pixels(result)) as pixel:
        emit_widened(epilogue, x.at(pixel * channels), strip, channels, Spot(pixel, 0))


def emit_widened(epilogue: Epilogue, x: View, strip: View, channels: int, spot: Spot) -> None:
    """Store the integers of a pixel, of any type."""
    row = Widened(x)
    if epilogue.is_whole:
        epilogue.emit_row(row, strip, spot)
    else:
        with loop(channels) as c:
            strip.put(c, row[c])
        epilogue.emit_row(strip, strip, spot)


def write_pixelwise(kernel: Kernel, head: Op, source: Source, rest: tuple[Op, ...]) -> None:
    """Emit `rest` on every pixel of a source, the result of `head`."""
    strip, width = result_strip(kernel, rest[-1] if rest else head)
    epilogue = Epilogue(kernel, head, rest, width, width)
    with kernel.shared("rows", _pixels(head)) as pixel:
        with loop(head.type.shape[-1]) as c:
            strip.put(c, source(pixel, c))
        epilogue.emit_row(strip, strip, Spot(pixel, 0))


def write_joined(kernel: Kernel, op: ConcatChannels, rest: tuple[Op, ...]) -> None:
    """Emit the channels of two maps side by side."""
    dtype, (n, m) = op.type.elem.dtype.name, (op.a.type.shape[-1], op.b.type.shape[-1])
    runs = [Run(kernel.read(op.a, dtype), n, 0, 0, n), Run(kernel.read(op.b, dtype), m, 0, n, m)]
    _write_runs(kernel, op, runs, rest)


def write_gathered(kernel: Kernel, op: GatherChannels, rest: tuple[Op, ...]) -> None:
    """Emit chosen channels: run by run where they are few, else by a table."""
    x, channels = kernel.x(op.type.elem.dtype.name), map_shape(op.x)[2]
    starts = [0, *(np.flatnonzero(np.diff(op.index) != 1) + 1).tolist(), len(op.index)]
    if len(starts) <= MAX_RUNS + 1:
        pairs = zip(starts, starts[1:], strict=False)
        _write_runs(kernel, op, [Run(x, channels, int(op.index[a]), a, b - a) for a, b in pairs], rest)
    else:
        index = kernel.constant(op.index.astype(np.int32))
        write_pixelwise(kernel, op, lambda pixel, c: cast("int32", x[pixel * channels + index[c]]), rest)


def _write_runs(kernel: Kernel, head: Op, runs: list[Run], rest: tuple[Op, ...]) -> None:
    if not rest:
        _copy_runs(kernel, head, runs)
        return
    strip, width = result_strip(kernel, rest[-1])
    epilogue = Epilogue(kernel, head, rest, width, width)
    with kernel.shared("rows", _pixels(head)) as pixel:
        for run in runs:
            with loop(run.count) as c:
                strip.put(run.first + c, cast("int32", run.view[pixel * run.n + run.start + c]))
        epilogue.emit_row(strip, strip, Spot(pixel, 0))


def _copy_runs(kernel: Kernel, head: Op, runs: list[Run]) -> None:
    y, channels = kernel.y(tensor_of(head).elem.dtype.name), head.type.shape[-1]
    with kernel.shared("rows", _pixels(head)) as pixel:
        for run in runs:
            with loop(run.count) as c:
                y.put(pixel * channels + run.first + c, run.view[pixel * run.n + run.start + c])


def result_strip(kernel: Kernel, result: Op) -> tuple[View, int]:
    """A strip for one pixel of the result, 0 behind the last channel, and its width."""
    channels, width = result.type.shape[-1], strip_width(result)
    strip = kernel.scratch("int32", width)
    if width > channels:
        with loop(width) as c:
            strip.put(c, splat(0, 1))
    return strip, width


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
    with kernel.shared("rows", channels) as c, loop(height * width) as pixel:
        y.put(c * (height * width) + pixel, x[pixel * channels + c])


def _pixels(op: Op) -> int:
    return math.prod(op.type.shape[:-1])
