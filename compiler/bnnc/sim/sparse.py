"""Dense layers whose pruned weights are codes into a table."""

from __future__ import annotations

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense


def sparse_dense(op: SparseDense, x: Array) -> Array:
    """Integers (n, H, W, C) to int32 (n, 1, 1, O); a sum beyond int32 wraps around."""
    columns, weights = op.columns, op.table[op.codes].astype(np.int32)
    features = x.reshape(len(x), -1).astype(np.int32)
    y = np.empty((len(x), len(op.rows) - 1), np.int32)
    for sample, row in zip(y, features, strict=True):
        sample[:] = _row_sums(op.rows, row[columns] * weights)
    return y[:, None, None]


def _row_sums(rows: Array, products: Array) -> Array:
    """int32 (O,): products int32 (entries,) summed from rows[o] to rows[o + 1] - 1.

    `reduceat` gives an empty row the product behind it, and knows no index at the end: hence the 0 there and
    the correction.
    """
    sums = np.add.reduceat(np.append(products, np.int32(0)), rows[:-1], dtype=np.int32)
    sums[rows[:-1] == rows[1:]] = 0
    return sums
