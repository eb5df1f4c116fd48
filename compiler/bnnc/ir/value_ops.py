"""Integer level: the value path, on maps (H, W, C) of integers that stand for real numbers by a scale."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.op import Array, Op, map_shape, one, operation, tensor_of
from bnnc.ir.types import Tensor

MULTIPLIER_BITS = 18  # signed: one operand of a DSP slice
MAX_SHIFT = 40
MAX_OFFSET_BITS = 58  # with products of at most 2^31 * 2^17 every sum fits 64 bits


@operation
class Rescale(Op):
    """y = clip((x * multiplier[p, c] + offset[p, c]) >> shift[c], lo, hi), p = 1 where x >= pivot[c], else 0.

    Two lines that meet anywhere: a batch normalization, a scale or the divisor of an average (both lines
    equal), a PReLU of either sign of slope (pivot at its corner). The product has 64 bits, >> rounds down:
    an offset of 2^(shift-1) rounds halves up. pivot int32 (C,); multiplier int32 (2, C), 18 bits signed;
    offset int64 (2, C); shift int32 (C,). `scale` float32 (() or (C,)) is what one unit of y stands for in
    the source's numbers: metadata that no executor multiplies by.
    """

    x: Op
    pivot: Array
    multiplier: Array
    offset: Array
    shift: Array
    scale: Array
    lo: int
    hi: int
    elem: Elem

    @property
    def is_linear(self) -> bool:
        """Whether both lines are the same in every channel, so that no comparison is needed."""
        same = (self.multiplier[0] == self.multiplier[1]) & (self.offset[0] == self.offset[1])
        return bool(same.all())

    @property
    def only_clips(self) -> bool:
        """Whether y = clip(x, lo, hi)."""
        unit = self.multiplier == (np.int64(1) << self.shift.astype(np.int64))
        return bool(unit.all() and (self.offset >> self.shift.astype(np.int64) == 0).all())

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        channels = x.shape[-1]
        self.require(not x.elem.is_float and x.elem.bits <= 32, f"rescales integers, not {x}")
        for name, shape in (("pivot", (channels,)), ("shift", (channels,))):
            self.require(getattr(self, name).shape == shape, f"{name} is not of shape {shape}")
        for name in ("multiplier", "offset"):
            self.require(
                getattr(self, name).shape == (2, channels), f"{name} is not of shape (2, {channels})"
            )
        largest = 1 << (MULTIPLIER_BITS - 1)
        self.require(_all_within(self.multiplier, largest), "a multiplier of more than 18 bits")
        self.require(_all_within(self.offset, 1 << MAX_OFFSET_BITS), "an offset of more than 58 bits")
        self.require(bool(((self.shift >= 0) & (self.shift <= MAX_SHIFT)).all()), "a shift that is not 0..40")
        self.require(self.lo <= self.hi, f"clips to {self.lo}..{self.hi}")
        held = self.elem.holds(self.lo, self.hi) and self.elem != B1_PM
        self.require(held, f"{self.elem} does not hold {self.lo}..{self.hi}")
        return Tensor(self.elem, x.shape)


def _all_within(values: Array, bound: int) -> bool:
    """Whether -bound < value < bound; the absolute value of the smallest integer would be negative."""
    return bool(((values > -bound) & (values < bound)).all())


@operation
class AddMaps(Op):
    """y = a + b, element by element. What it can reach has to fit `elem`; executors trust that.

    Both operands count in the same unit. `scale` float32 (() or (C,)) is what one unit stands for.
    """

    a: Op
    b: Op
    elem: Elem
    scale: Array = field(default_factory=one)

    def infer(self) -> Tensor:
        a, b = tensor_of(self.a), tensor_of(self.b)
        self.require(a.shape == b.shape, f"adds {a} and {b}")
        self.require(not (a.elem.is_float or b.elem.is_float), f"adds integers, not {a} and {b}")
        self.require(not self.elem.is_float and self.elem.bits <= 32, f"{self.elem} holds no sums")
        return Tensor(self.elem, a.shape)


@operation
class ConcatChannels(Op):
    """The channels of a, then those of b, in every pixel; both have the same element type."""

    a: Op
    b: Op

    def infer(self) -> Tensor:
        a, b = tensor_of(self.a), tensor_of(self.b)
        self.require(map_shape(self.a)[:2] == map_shape(self.b)[:2], f"joins maps {a} and {b}")
        self.require(a.elem == b.elem, f"joins {a} and {b}")
        return Tensor(a.elem, (*a.shape[:-1], a.shape[-1] + b.shape[-1]))


@operation
class GatherChannels(Op):
    """y[..., c] = x[..., index[c]]; index int32 (C'). A split, a channel shuffle, a duplication."""

    x: Op
    index: Array

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        channels = map_shape(self.x)[2]
        inside = self.index.ndim == 1 and self.index.size > 0
        inside = inside and bool(((self.index >= 0) & (self.index < channels)).all())
        self.require(inside, f"channels that {x} does not have")
        return Tensor(x.elem, (*x.shape[:-1], len(self.index)))
