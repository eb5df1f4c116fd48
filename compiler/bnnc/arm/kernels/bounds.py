"""What integers can reach as far as the operation that makes them tells, to choose register widths by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.integer_ops import Conv2d, Narrow, SumPool2d, Table, Threshold
from bnnc.ir.op import Array, Op, map_shape
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import Rescale
from bnnc.sim.bits import plane_offset, plane_weights


@dataclass(frozen=True)
class Bounds:
    """Every value of channel c lies in lo[c] .. hi[c]; int64 (C,)."""

    lo: Array
    hi: Array

    def hull(self) -> tuple[int, int]:
        """The smallest and the largest value of all channels."""
        return int(self.lo.min()), int(self.hi.max())


def bounds(op: Op) -> Bounds:
    """Bounds of the result (channel last); nothing is known of operands but their types."""
    channels, elem = op.type.shape[-1], op.type.elem
    match op:
        case Conv2d():
            weights = op.weights.reshape(channels, -1).astype(np.int64)
            return _products(weights, op.x.type.elem, op.pad_value if any(op.pads) else 0)
        case XnorConv2d() | BitConv2d():
            return _packed(op)
        case SparseDense():
            starts = op.rows[:-1][np.diff(op.rows) > 0]
            largest = np.zeros(channels, np.int64)
            if starts.size:
                entries = abs(op.table.astype(np.int64))[op.codes]
                largest[np.diff(op.rows) > 0] = np.add.reduceat(entries, starts)
            return _symmetric(largest * _magnitude(op.x.type.elem))
        case SumPool2d():
            taps, x = math.prod(op.kernel), op.x.type.elem
            return _uniform(min(x.lo * taps, 0), max(x.hi * taps, 0), channels)
        case Threshold():
            return Bounds(op.levels.min(axis=1), op.levels.max(axis=1))
        case Table():
            return Bounds(op.table.min(axis=1).astype(np.int64), op.table.max(axis=1).astype(np.int64))
        case Rescale():
            return _uniform(op.lo, op.hi, channels)
        case Narrow():
            inner = bounds(op.x)
            return Bounds(np.maximum(inner.lo, elem.lo), np.minimum(inner.hi, elem.hi))
        case _:
            return _uniform(elem.lo, elem.hi, channels)


def _products(weights: Array, x: Elem, pad_value: int) -> Bounds:
    """Sums of weights int64 (O, n) at their best and their worst."""
    lo, hi = min(x.lo, pad_value, 0), max(x.hi, pad_value, 0)
    smallest = np.minimum(weights * lo, weights * hi).sum(axis=1)
    return Bounds(smallest, np.maximum(weights * lo, weights * hi).sum(axis=1))


def _packed(op: XnorConv2d | BitConv2d) -> Bounds:
    """No product exceeds those of the largest codes; a word counts all of its lanes."""
    weight = B1_PM if isinstance(op, XnorConv2d) else op.weight_elem
    taps = math.prod(op.kernel) * map_shape(op.x)[2] // op.groups
    x = max(_magnitude(op.x.type.elem), abs(op.pad_value))
    return _symmetric(np.full(op.type.shape[-1], taps * x * _code_magnitude(weight), np.int64))


def _code_magnitude(elem: Elem) -> int:
    """The largest magnitude of any code of that many bits."""
    weights = plane_weights(elem)
    return abs(plane_offset(elem)) + int(abs(weights).sum())


def _magnitude(elem: Elem) -> int:
    return max(abs(elem.lo), abs(elem.hi))


def _symmetric(largest: Array) -> Bounds:
    return Bounds(-largest, largest)


def _uniform(lo: int, hi: int, channels: int) -> Bounds:
    return Bounds(np.full(channels, lo, np.int64), np.full(channels, hi, np.int64))
