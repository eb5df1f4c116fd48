"""The value path: rescales, and sums of two branches."""

from __future__ import annotations

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.value_ops import AddMaps, Rescale


def rescale(op: Rescale, x: Array) -> Array:
    """Integers (n, ..., C) to `op.elem.dtype`, by a product of 64 bits."""
    y = x.astype(np.int64)
    if op.is_linear:
        y *= op.multiplier[0]
        y += op.offset[0]
    else:
        is_above = x >= op.pivot
        y *= np.where(is_above, op.multiplier[1], op.multiplier[0])
        y += np.where(is_above, op.offset[1], op.offset[0])
    y >>= op.shift
    return np.clip(y, op.lo, op.hi, out=y).astype(op.elem.dtype)


def add_maps(op: AddMaps, a: Array, b: Array) -> Array:
    """Integers (n, ..., C) to `op.elem.dtype`; a sum that this does not hold wraps around."""
    y: Array = np.add(a, b, dtype=op.elem.dtype, casting="unsafe")
    return y
