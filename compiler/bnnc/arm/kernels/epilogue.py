"""What happens to the 32-bit results of a kernel: thresholds or a table, then bits or integers in memory.

Kernels leave their results in a strip: int32 (pixels, width) of successive output channels, in scratch
memory.
"""

from __future__ import annotations

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, loop, splat
from bnnc.arm.kernels.levels import MAX_COMPARED_CUTS, compared, looked_up, padded, searched
from bnnc.ir.elem import Elem
from bnnc.ir.integer_ops import NO_CUT, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.types import WORD_BITS, Packed, Tensor


class Epilogue:
    """The operations behind the head of a stage, and the layout of the stage's result.

    Strips are `width` channels wide; constants are laid out for `capacity` channels: the result's own, then
    neutral ones.
    """

    def __init__(self, kernel: Kernel, ops: tuple[Op, ...], result: Op, width: int, capacity: int) -> None:
        self._kernel, self._type = kernel, result.type
        self._channels, self._width, self._capacity = result.type.shape[-1], width, capacity
        self._group = next(g for g in (32, 16, 8, 4, 2, 1) if width % g == 0)
        self._step = next((op for op in ops if isinstance(op, Threshold | Table)), None)
        self._cut = self._single_cut()
        self._vector = self._scalar = None
        match self._step:
            case Threshold() as step if self._cut is None and step.cuts.shape[1] <= MAX_COMPARED_CUTS:
                self._vector = compared(kernel, step, capacity)
            case Threshold() as step if self._cut is None:
                self._scalar = searched(kernel, step)
            case Table() as step:
                self._scalar = looked_up(kernel, step)
        if isinstance(self._type, Packed) and self._cut is None:
            self._mask = self._bit_words(np.ones(self._channels, np.uint8))

    def emit(self, strip: View, pixels: int, pixel: Expr, channel: Expr) -> None:
        """Store a strip (pixels, width) whose first element is (pixel, channel) of the result."""
        with loop(pixels) as p:
            row = strip.at(p * self._width)
            self._transform(row, channel)
            match self._type:
                case Packed(elem=elem):
                    self._store_planes(row, pixel + p, channel, elem)
                case Tensor(elem=elem):
                    self._store_values(row, pixel + p, channel, elem.dtype.name)

    def _transform(self, row: View, channel: Expr) -> None:
        """Levels in place of accumulators."""
        if self._vector:
            with loop(self._width // self._group) as g:
                first = g * self._group
                levels = self._vector(row.vector(first, self._group), channel + first, self._group)
                row.put(first, levels, self._group)
        if self._scalar:
            with loop(self._valid(channel)) as c:
                row.put(c, self._scalar(row[c], channel + c))

    def _store_planes(self, row: View, pixel: Expr, channel: Expr, elem: Elem) -> None:
        """Bits of a group of channels at a time."""
        group = self._group
        assert group >= 8, "a strip of a packed result ends inside a byte"
        plane_size = -(-self._channels // WORD_BITS) * WORD_BITS // group
        out = self._kernel.y(f"uint{group}")
        with loop(self._width // group) as g:
            values, first = row.vector(g * group, group), channel + g * group
            place = _divided(channel, group) + g
            for plane in range(elem.bits):
                bits = self._plane_bits(values, first, place, plane, elem)
                out.put((pixel * elem.bits + plane) * plane_size + place, bits)

    def _plane_bits(self, values: Expr, first: Expr, place: Expr, plane: int, elem: Elem) -> Expr:
        """One bit of each level; `place` counts groups of channels."""
        group = self._group
        if self._cut is not None:
            cuts, inverted = self._cut
            return bits_as(f"uint{group}", values >= cuts.vector(first, group)) ^ inverted[place]
        if elem.name == "b1_pm":
            condition = values > splat(0, group)
        else:
            condition = (values & splat(1 << plane, group)) != splat(0, group)
        return bits_as(f"uint{group}", condition) & self._mask[place]

    def _store_values(self, row: View, pixel: Expr, channel: Expr, dtype: str) -> None:
        out, group = self._kernel.y(dtype).at(pixel * self._channels + channel), self._group
        if self._channels == self._capacity and group > 1:
            with loop(self._width // group) as g:
                out.put(g * group, cast(dtype, row.vector(g * group, group), group), group)
        else:
            with loop(self._valid(channel)) as c:
                out.put(c, cast(dtype, row[c]))

    def _valid(self, channel: Expr) -> Expr:
        """Channels of a strip that the result has."""
        if self._channels == self._capacity:
            return self._width
        return tirx.min(self._channels - channel, self._width)

    def _single_cut(self) -> tuple[View, View] | None:
        """Cuts and inverted bits, where the result is one bit and a single comparison makes it."""
        step = self._step
        if not isinstance(step, Threshold) or not isinstance(self._type, Packed) or self._type.elem.bits != 1:
            return None
        if step.cuts.shape[1] > 1:
            return None
        cuts = step.cuts[:, 0] if step.cuts.shape[1] else np.full(self._channels, NO_CUT, np.int32)
        return self._kernel.constant(padded(cuts, NO_CUT, self._capacity)), self._bit_words(step.base > 0)

    def _bit_words(self, bits: Array) -> View:
        """One bit a channel, in words of a group; the bits past the last channel are 0."""
        octets = np.packbits(padded(bits, 0, self._capacity).astype(np.uint8), bitorder="little")
        return self._kernel.constant(octets, f"uint{self._group}")


def _divided(channel: Expr, group: int) -> Expr:
    """The number of a channel's group."""
    return channel // group if isinstance(channel, int) else tirx.truncdiv(channel, group)
