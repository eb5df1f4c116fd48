"""Taps of a window that slides over a map: which outputs a tap serves, and from which inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnnc.ir.geometry import Pads, Pair, output_map
from bnnc.ir.op import Array


@dataclass(frozen=True)
class Geometry:
    """A window over maps of `size` (H, W)."""

    size: Pair
    kernel: Pair
    strides: Pair
    pads: Pads
    dilations: Pair = (1, 1)

    @property
    def output(self) -> Pair:
        """(OH, OW)."""
        return output_map(self.size, self.kernel, self.strides, self.dilations, self.pads)


@dataclass(frozen=True)
class Tap:
    """Tap (u, v) of a window: it lies inside the map at the positions `outputs`, and reads `inputs` there."""

    u: int
    v: int
    outputs: tuple[slice, slice]
    inputs: tuple[slice, slice]

    def write(self, y: Array) -> Array:
        """The part of y (n, OH, OW, ...) that this tap adds to, a view."""
        return y[:, self.outputs[0], self.outputs[1]]

    def read(self, x: Array) -> Array:
        """What this tap reads of x (n, H, W, ...), a view shaped like `write`."""
        return x[:, self.inputs[0], self.inputs[1]]


def taps(window: Geometry) -> Iterator[Tap]:
    """Every tap that lies inside the map for some output."""
    height, width = window.output
    for u in range(window.kernel[0]):
        row = u * window.dilations[0] - window.pads[0]
        rows = _span(window.size[0], height, window.strides[0], row)
        for v in range(window.kernel[1]):
            column = v * window.dilations[1] - window.pads[1]
            columns = _span(window.size[1], width, window.strides[1], column)
            if rows and columns:
                yield Tap(u, v, (rows[0], columns[0]), (rows[1], columns[1]))


def sum_inside(window: Geometry, per_tap: Array) -> Array:
    """int32 (OH, OW, O): per_tap (O, kh, kw) summed over the taps that lie inside the map."""
    total = np.zeros((*window.output, per_tap.shape[0]), np.int32)
    for tap in taps(window):
        total[tap.outputs] += per_tap[:, tap.u, tap.v]
    return total


def _span(size: int, n_out: int, stride: int, offset: int) -> tuple[slice, slice] | None:
    """Outputs i < n_out with 0 <= i * stride + offset < size, and those inputs; None if there are none."""
    first = max(0, -(offset // stride))
    last = min(n_out - 1, (size - 1 - offset) // stride)
    if last < first:
        return None
    start = first * stride + offset
    return slice(first, last + 1), slice(start, last * stride + offset + 1, stride)
