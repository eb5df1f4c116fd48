"""Functions of one integer: thresholds and tables."""

from __future__ import annotations

import numpy as np

from bnnc.ir.integer_ops import Table, Threshold
from bnnc.ir.op import Array

MAX_COMPARED = 16  # with more steps a binary search is faster than comparing with each


def threshold(op: Threshold, x: Array) -> Array:
    """Integers (n, ..., C) to `op.elem.dtype`."""
    return _search(op, x) if op.cuts.shape[1] > MAX_COMPARED else _compare(op, x)


def table(op: Table, x: Array) -> Array:
    """Integers (n, ..., C) to `op.elem.dtype`."""
    index = np.clip((x.astype(np.int64) - op.first) >> op.shift, 0, op.table.shape[1] - 1)
    y: Array = op.table.astype(op.elem.dtype)[np.arange(x.shape[-1]), index]
    return y


def _compare(op: Threshold, x: Array) -> Array:
    """Sums wrap around in the narrow type: a jump may leave its range, every level is inside."""
    dtype = op.elem.dtype
    y = np.broadcast_to(op.base.astype(dtype), x.shape).copy()
    for cuts, jumps in zip(op.cuts.T, op.jumps.T.astype(dtype), strict=True):
        y += (x >= cuts) * jumps
    return y


def _search(op: Threshold, x: Array) -> Array:
    levels = op.levels.astype(op.elem.dtype)
    y = np.empty(x.shape, op.elem.dtype)
    for channel, cuts in enumerate(op.cuts):
        y[..., channel] = levels[channel][np.searchsorted(cuts, x[..., channel], side="right")]
    return y
