"""What a tensor of the ONNX graph stands for while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bnnc.ir.op import Array, Op
from bnnc.ir.source_ops import QuantizeLinear

BATCH = 2**31 - 19
"""Stands for the batch size in shapes that the graph computes: a prime no real dimension equals."""


@dataclass(frozen=True, eq=False)
class Const:
    """A constant; where a quantizer made it, also its integers: array == float32(codes) * scale.

    codes are integers of any dtype, scale is float32 of the same rank, each axis 1 or of full size.
    `from_shape` marks what was computed from a shape and may hold BATCH.
    """

    array: Array
    codes: Array | None = None
    scale: Array | None = None
    from_shape: bool = False


@dataclass(frozen=True, eq=False)
class Levels:
    """Integers that a QuantizeLinear gives; `real`: the numbers that its DequantizeLinear makes of them."""

    real: QuantizeLinear
    scale: Array
    zero_point: Array


@dataclass(frozen=True, eq=False)
class Comparison:
    """The truth values of `x COMPARE cut`."""

    x: Op
    compare: str
    cut: Array


@dataclass(frozen=True, eq=False)
class Doubles:
    """float64 numbers on their way through a `FixedPoint`: its operand, and the fields read so far.

    `stage` counts the steps of the pattern; those before it are read or left out.
    """

    x: Op
    stage: int = 0
    multiplier: Array = field(default_factory=lambda: np.ones(()))
    before: Array = field(default_factory=lambda: np.zeros(()))
    slope: Array = field(default_factory=lambda: np.ones(()))
    after: Array = field(default_factory=lambda: np.zeros(()))
    lo: float = 0
    hi: float = 0


@dataclass(frozen=True, eq=False)
class Several:
    """What a node with several outputs computes, one operation an output."""

    parts: tuple[Op, ...]


Value = Op | Const | Levels | Comparison | Doubles | Several


def f32(value: float) -> Array:
    """One float32 number as a constant of shape ()."""
    return np.asarray(value, np.float32)


def drop_uniform_axes(array: Array) -> Array:
    """`array` with every axis along which nothing varies cut to length 1."""
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if (array == first).all():
            array = first
    return array


def smallest_ints(codes: Array) -> Array:
    """Integers as int8, int16 or int32, the narrowest that holds them all."""
    lo, hi = int(codes.min()), int(codes.max())
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return codes.astype(dtype)
    raise ValueError(f"{lo}..{hi} does not fit into 32 bits")
