"""Constants of convolutions: weights in panels, and what a window adds whatever its map holds."""

from __future__ import annotations

import numpy as np

from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array


def panels(weights: Array, tiling: Tiling) -> Array:
    """(O, ...) to (panels, ..., width): the output channels of a panel side by side, filled up with 0."""
    padded = np.zeros((tiling.capacity, *weights.shape[1:]), weights.dtype)
    padded[: weights.shape[0]] = weights
    return np.moveaxis(padded.reshape(tiling.panels, tiling.width, *weights.shape[1:]), 1, -1)


def window_bias(window: Window, inside: Array | None, outside: Array, capacity: int) -> Array:
    """int32 (border classes, capacity): the sum of `inside` over taps in the map and `outside` over others.

    Both are integers (O, kh, kw), what a tap adds; None is nothing.
    """
    total = outside.sum(axis=(1, 2), dtype=np.int64)
    gain = (0 if inside is None else inside.astype(np.int64)) - outside
    bias = np.zeros((len(window.classes), capacity), np.int32)
    for row, (rows, columns) in zip(bias, window.classes, strict=True):
        taps = gain[:, rows.start : rows.stop, columns.start : columns.stop]
        row[: total.size] = total + taps.sum(axis=(1, 2))
    return bias
