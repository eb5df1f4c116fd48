"""Reachable values: bounds per channel of every integer operation."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.elem import B1_PM
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale


@dataclass(frozen=True)
class Range:
    """Channel c takes only values lo[c], lo[c] + step, .., hi[c]; int64 (C,) each."""

    lo: Array
    hi: Array
    step: int = 1

    @property
    def n_values(self) -> int:
        """The most values that any channel takes."""
        return int(((self.hi - self.lo) // self.step).max()) + 1

    def hull(self) -> tuple[int, int]:
        """The smallest and the largest value of all channels."""
        return int(self.lo.min()), int(self.hi.max())


_KNOWN: WeakKeyDictionary[Op, Range] = WeakKeyDictionary()  # branches would ask again and again


def reachable(op: Op) -> Range:
    """Values that the result of `op` (channel last) can take, whatever the input."""
    if op not in _KNOWN:
        _KNOWN[op] = _reachable(op)
    return _KNOWN[op]


def _reachable(op: Op) -> Range:
    channels = op.type.shape[-1]
    match op:
        case EncodeInput():
            return _uniform(op.first, op.last, channels)
        case Threshold():
            return Range(op.levels.min(axis=1), op.levels.max(axis=1))
        case Table():
            return Range(op.table.min(axis=1).astype(np.int64), op.table.max(axis=1).astype(np.int64))
        case Conv2d():
            return _conv(op)
        case SparseDense():
            return _sparse(op)
        case Rescale():
            return _rescale(op)
        case AddMaps():
            return _sum(reachable(op.a), reachable(op.b))
        case ConcatChannels():
            a, b = reachable(op.a), reachable(op.b)
            step = a.step if a.step == b.step else 1
            return Range(np.concatenate([a.lo, b.lo]), np.concatenate([a.hi, b.hi]), step)
        case GatherChannels():
            x = reachable(op.x)
            return Range(x.lo[op.index], x.hi[op.index], x.step)
        case MaxPool2d() | Narrow():
            return reachable(op.x)
        case SumPool2d():
            return _sum_pool(op)
        case Reshape() | ChannelsLast() | ChannelsFirst():
            return _uniform(*reachable(op.x).hull(), channels)
        case _:
            elem = op.type.elem
            return _uniform(elem.lo, elem.hi, channels)


def _uniform(lo: int, hi: int, channels: int) -> Range:
    return Range(np.full(channels, lo, np.int64), np.full(channels, hi, np.int64))


def _conv(op: Conv2d) -> Range:
    """Sums of each weight at its best and its worst, taps in the padding included.

    With b1_pm activations every term has the parity of its weight, so sums move in steps of 2, unless a
    tap may be 0.
    """
    lo, hi = _per_input(op)
    if any(op.pads):
        lo, hi = np.minimum(lo, op.pad_value), np.maximum(hi, op.pad_value)
    weights = op.weights.astype(np.int64)
    smallest = np.minimum(weights * lo, weights * hi).sum(axis=(1, 2, 3))
    largest = np.maximum(weights * lo, weights * hi).sum(axis=(1, 2, 3))
    odd = op.x.type.elem == B1_PM and (op.pad_value in (-1, 1) or not any(op.pads))
    return Range(smallest, largest, 2 if odd else 1)


def _per_input(op: Conv2d) -> tuple[Array, Array]:
    """Bounds of the input as they meet weights (O, kh, kw, C/groups)."""
    x = reachable(op.x)
    if op.groups > 1:
        low, high = x.hull()
        return np.array(low), np.array(high)
    return x.lo, x.hi


def _sum_pool(op: SumPool2d) -> Range:
    x, taps = reachable(op.x), op.kernel[0] * op.kernel[1]
    lo, hi = x.lo * taps, x.hi * taps
    if any(op.pads):
        return Range(np.minimum(lo, 0), np.maximum(hi, 0))
    return Range(lo, hi, 1)


def _sparse(op: SparseDense) -> Range:
    """Sums of each entry at its best and its worst."""
    x = reachable(op.x)
    channel = op.columns % len(x.lo)
    weights = op.table[op.codes].astype(np.int64)
    ends = np.sort(np.stack([weights * x.lo[channel], weights * x.hi[channel]]), axis=0)
    before = np.concatenate([np.zeros((2, 1), np.int64), np.cumsum(ends, axis=1)], axis=1)
    lo, hi = before[:, op.rows[1:]] - before[:, op.rows[:-1]]
    return Range(lo, hi)


def _sum(a: Range, b: Range) -> Range:
    return Range(a.lo + b.lo, a.hi + b.hi, a.step if a.step == b.step else 1)


def _rescale(op: Rescale) -> Range:
    """Either line is monotone, so that values at the ends of both bound all."""
    x = reachable(op.x)
    corner = op.pivot.astype(np.int64)
    ends = [x.lo, x.hi, np.clip(corner - 1, x.lo, x.hi), np.clip(corner, x.lo, x.hi)]
    values = np.stack([rescale(op, end) for end in ends])
    return Range(values.min(axis=0), values.max(axis=0))


def rescale(op: Rescale, x: Array, channel: Array | None = None) -> Array:
    """int64: what `op` makes of integers x (.., C), or of x (M,) in `channel` (M,)."""
    taken = slice(None) if channel is None else channel
    wide, upper = x.astype(np.int64), x >= op.pivot[taken]
    multiplier = np.where(upper, op.multiplier[1][taken], op.multiplier[0][taken]).astype(np.int64)
    offset = np.where(upper, op.offset[1][taken], op.offset[0][taken])
    y: Array = np.clip((wide * multiplier + offset) >> op.shift[taken].astype(np.int64), op.lo, op.hi)
    return y
