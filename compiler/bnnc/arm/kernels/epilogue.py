"""What happens to the 32-bit results of a kernel: further operations, then bits or integers in memory.

Kernels leave their results in a strip: int32 (pixels, width) of successive output channels, in scratch
memory.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, loop, splat
from bnnc.arm.kernels.levels import Spot, VectorStep, padded
from bnnc.arm.kernels.steps import Step, below_no_cut, step_of
from bnnc.ir.elem import Elem
from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack
from bnnc.ir.types import WORD_BITS, Packed, Tensor

_CHUNK = 16  # lanes that steps work on at a time: few enough to stay in registers


class Row(Protocol):
    """int32 values of the successive channels of a pixel."""

    def __getitem__(self, index: Expr) -> Expr: ...

    def vector(self, index: Expr, lanes: int) -> Expr:
        """`lanes` successive values."""


class Epilogue:
    """The operations `ops` behind `head`, and the layout of the last one's result.

    Strips are `width` channels wide; constants are laid out for `capacity` channels: the result's own, then
    neutral ones.
    """

    def __init__(self, kernel: Kernel, head: Op, ops: tuple[Op, ...], width: int, capacity: int) -> None:
        result = ops[-1] if ops else head
        self._kernel, self._type = kernel, result.type
        self._channels, self._width, self._capacity = result.type.shape[-1], width, capacity
        self._group = next(g for g in (32, 16, 8, 4, 2, 1) if width % g == 0)
        self._chunk = min(self._group, _CHUNK)
        self._cut = self._single_cut(head, ops)
        if self._cut is None:
            self._group = self._chunk
        steps = self._steps(head, ops)
        # Where integers are stored by vectors, the last steps are done on the way.
        on_the_way = isinstance(self._type, Tensor) and self.is_whole
        n_late = _vectors_at_the_end(steps) if on_the_way else 0
        self._early, self._late = steps[: len(steps) - n_late], steps[len(steps) - n_late :]
        if isinstance(self._type, Packed) and self._cut is None:
            self._mask = self._bit_words(np.ones(self._channels, np.uint8))

    @property
    def is_whole(self) -> bool:
        """Whether strips end where the result's channels do."""
        return self._channels == self._capacity

    @property
    def is_light(self) -> bool:
        """Whether nothing but a comparison is left to do, which leaves room in registers for sums."""
        stored = self._cut is not None if isinstance(self._type, Packed) else self.is_whole
        return stored and not self._early and not self._late

    def emit(self, strip: View, pixels: int, pixel: Expr, channel: Expr) -> None:
        """Store a strip (pixels, width) whose first element is (pixel, channel) of the result."""
        with self._kernel.repeated(pixels, always=bool(self._early)) as p:
            row = strip.at(p * self._width)
            self.emit_row(row, row, Spot(pixel + p, channel))

    def emit_row(self, row: Row, strip: View, first: Spot) -> None:
        """Store one pixel's values out of a row that begins at `first`; the strip is room for them."""
        for step in self._early:
            self._apply(step, row, strip, first)
            row = strip
        match self._type:
            case Packed(elem=elem):
                self._store_planes(row, first, elem)
            case Tensor(elem=elem):
                self._store_values(row, first, elem.dtype.name)

    def _steps(self, head: Op, ops: tuple[Op, ...]) -> list[Step]:
        """What changes values, but for the comparison that makes bits of them."""
        before, steps = head, list[Step]()
        for op in ops[:-2] if self._cut else ops:
            step = step_of(self._kernel, op, before, self._capacity)
            steps += [step] if step else []
            before = op
        return steps

    def _apply(self, step: Step, row: Row, strip: View, first: Spot) -> None:
        """Values of the row to values in the strip."""
        if step.vector:
            with self._kernel.repeated(self._width // self._chunk, always=True) as k:
                at, lanes = k * self._chunk, self._chunk
                spot = Spot(first.pixel, first.channel + at)
                strip.put(at, step.vector(row.vector(at, lanes), spot, lanes), lanes)
        if step.scalar:
            if row is not strip:  # a row may be registers, which cannot be counted through
                with loop(self._width // self._chunk) as k:
                    strip.put(k * self._chunk, row.vector(k * self._chunk, self._chunk), self._chunk)
            with loop(self._valid(first.channel)) as c:
                strip.put(c, step.scalar(strip[c], Spot(first.pixel, first.channel + c)))

    def _store_planes(self, row: Row, first: Spot, elem: Elem) -> None:
        """Bits of a group of channels at a time."""
        group = self._group
        assert group >= 8, "a strip of a packed result ends inside a byte"
        plane_size = -(-self._channels // WORD_BITS) * WORD_BITS // group
        out = self._kernel.y(f"uint{group}")
        with self._kernel.repeated(self._width // group) as g:
            values, spot = row.vector(g * group, group), Spot(first.pixel, first.channel + g * group)
            place = _divided(first.channel, group) + g
            for plane in range(elem.bits):
                bits = self._plane_bits(values, spot, place, plane, elem)
                out.put((first.pixel * elem.bits + plane) * plane_size + place, bits)

    def _plane_bits(self, values: Expr, spot: Spot, place: Expr, plane: int, elem: Elem) -> Expr:
        """One bit of each level; `place` counts groups of channels."""
        group = self._group
        if self._cut is not None:
            reached, inverted = self._cut
            return bits_as(f"uint{group}", reached(values, spot, group)) ^ inverted[place]
        if elem.name == "b1_pm":
            condition = values > splat(0, group)
        else:
            condition = (values & splat(1 << plane, group)) != splat(0, group)
        return bits_as(f"uint{group}", condition) & self._mask[place]

    def _store_values(self, row: Row, first: Spot, dtype: str) -> None:
        out = self._kernel.y(dtype).at(first.pixel * self._channels + first.channel)
        if self.is_whole:
            lanes = self._chunk
            with self._kernel.repeated(self._width // lanes) as k:
                values, spot = row.vector(k * lanes, lanes), Spot(first.pixel, first.channel + k * lanes)
                for step in self._late:
                    assert step.vector
                    values = step.vector(values, spot, lanes)
                out.put(k * lanes, cast(dtype, values, lanes), lanes)
        else:
            with loop(self._valid(first.channel)) as c:
                out.put(c, cast(dtype, row[c]))

    def _valid(self, channel: Expr) -> Expr:
        """Channels of a strip that the result has."""
        if self.is_whole:
            return self._width
        return tirx.min(self._channels - channel, self._width)

    def _single_cut(self, head: Op, ops: tuple[Op, ...]) -> tuple[VectorStep, View] | None:
        """What compares, and inverted bits, where the result is one bit and a single comparison makes it."""
        match ops:
            case (*_, Threshold() as step, Pack()) if step.elem.bits == 1 and step.cuts.shape[1] <= 1:
                before = ops[-3] if len(ops) > 2 else head
            case _:
                return None
        cuts = step.cuts[:, 0] if step.cuts.shape[1] else np.full(self._channels, NO_CUT, np.int32)
        view = self._kernel.constant(padded(cuts, NO_CUT, self._capacity))

        def reached(x: Expr, spot: Spot, lanes: int) -> Expr:
            return x >= view.vector(spot.channel, lanes)

        return below_no_cut(before, reached), self._bit_words(step.base > 0)

    def _bit_words(self, bits: Array) -> View:
        """One bit a channel, in words of a group; the bits past the last channel are 0."""
        octets = np.packbits(padded(bits, 0, self._capacity).astype(np.uint8), bitorder="little")
        return self._kernel.constant(octets, f"uint{self._group}")


def strip_width(result: Op) -> int:
    """Channels of a strip that holds a whole pixel: whole words where the result is packed."""
    channels = result.type.shape[-1]
    return -(-channels // WORD_BITS) * WORD_BITS if isinstance(result.type, Packed) else channels


def _vectors_at_the_end(steps: list[Step]) -> int:
    """How many of the last steps work on vectors."""
    count = 0
    while count < len(steps) and steps[-1 - count].vector:
        count += 1
    return count


def _divided(channel: Expr, group: int) -> Expr:
    """The number of a channel's group."""
    return channel // group if isinstance(channel, int) else tirx.truncdiv(channel, group)
