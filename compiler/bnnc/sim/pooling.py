"""Pooling of plain and packed maps, tap by tap."""

from __future__ import annotations

import numpy as np

from bnnc.ir.elem import TER
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d
from bnnc.ir.op import Array, map_shape, packed_of
from bnnc.ir.packed_ops import PackedMaxPool2d
from bnnc.sim.windows import Geometry, taps

Pool = MaxPool2d | SumPool2d | PackedMaxPool2d


def max_pool2d(op: MaxPool2d, x: Array) -> Array:
    """Integers (n, H, W, C) to (n, OH, OW, C) of the same type."""
    return _reduce(np.maximum, op, x, np.iinfo(x.dtype).min)


def sum_pool2d(op: SumPool2d, x: Array) -> Array:
    """Integers (n, H, W, C) to int32 (n, OH, OW, C)."""
    return _reduce(np.add, op, x.astype(np.int32), 0)


def packed_max_pool2d(op: PackedMaxPool2d, x: Array) -> Array:
    """uint32 (n, H, W, bits, words) to (n, OH, OW, bits, words)."""
    if packed_of(op.x).elem != TER:
        return _reduce(np.bitwise_or, op, x, 0)
    not_zero, negative = x[:, :, :, 0], x[:, :, :, 1]
    some_positive = _reduce(np.bitwise_or, op, not_zero & ~negative, 0)
    all_negative = _reduce(np.bitwise_and, op, negative, 2**32 - 1)
    return np.stack([some_positive | all_negative, all_negative], axis=3)


def _reduce(combine: np.ufunc, op: Pool, x: Array, neutral: int) -> Array:
    """`combine` over the taps inside the map of x (n, H, W, ...); every window has one (`pooled_map`)."""
    height, width, _ = map_shape(op.x)
    window = Geometry((height, width), op.kernel, op.strides, op.pads)
    y = np.full((len(x), *window.output, *x.shape[3:]), neutral, x.dtype)
    for tap in taps(window):
        part = tap.write(y)
        combine(part, tap.read(x), out=part)
    return y
