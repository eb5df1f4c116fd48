"""Rearranged channels: what splits, shuffles and duplications come to is one Gather."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bnnc.ir import source_ops as s
from bnnc.ir.edge_ops import Reshape
from bnnc.ir.op import Array, Op

MAX_ELEMENTS = 2**28  # of one sample that indices are computed for

Move = Reshape | s.Transpose | s.Gather


def gathered(name: str, x: Op, index: Array) -> Op:
    """The channels `index` int64 (C') of `x`; `x` itself where they are all of them in their order."""
    if isinstance(x, s.Gather):
        index, x = x.index[index], x.x
    return x if np.array_equal(index, np.arange(x.type.shape[0])) else s.Gather(name, x, index)


def joined(name: str, parts: Sequence[Op], derived: Callable[[str], str]) -> Op:
    """The channels of all parts behind each other; parts of one value are one Gather."""
    bases = [part.x if isinstance(part, s.Gather) else part for part in parts]
    if all(base is bases[0] for base in bases):
        return gathered(name, bases[0], np.concatenate([_index(part) for part in parts]))
    whole, *rest = parts
    for part in rest[:-1]:
        whole = s.Concat(derived("part"), whole, part)
    return s.Concat(name, whole, rest[-1])


def _index(part: Op) -> Array:
    """The channels that a part takes of its value."""
    return part.index if isinstance(part, s.Gather) else np.arange(part.type.shape[0])


def rearranged(name: str, x: Op, shape: tuple[int, ...]) -> Op | None:
    """`x` in `shape` as a Gather of an earlier value, if moves since then have done no more than that.

    A channel shuffle is written as Reshape, Transpose, Reshape; a repetition as Reshape, Expand, Reshape.
    """
    moves: list[Move] = []
    base = x
    while isinstance(base, Move):
        moves.append(base)
        base = base.x
        if base.type.shape[1:] == shape[1:] and not all(isinstance(move, Reshape) for move in moves):
            index = _channels(moves, base, shape)
            return None if index is None else gathered(name, base, index)
    return None


def _channels(moves: Iterable[Move], base: Op, shape: tuple[int, ...]) -> Array | None:
    """Which channel of `base` each channel of the result is; None where elements moved within channels."""
    size = math.prod(base.type.shape)
    if size > MAX_ELEMENTS:
        return None
    elements = np.arange(size).reshape(base.type.shape)
    for move in reversed(list(moves)):
        match move:
            case Reshape():
                elements = elements.reshape(move.shape)
            case s.Transpose():
                elements = elements.transpose(move.perm)
            case s.Gather():
                elements = elements[move.index]
    rows = elements.reshape(shape[0], -1)
    pixels = rows.shape[1]
    index = rows[:, 0] // pixels
    return index if np.array_equal(rows, index[:, None] * pixels + np.arange(pixels)) else None


def gathered_along(name: str, x: Op, axis: int, index: Array, derived: Callable[[str], str]) -> Op:
    """The positions `index` of `axis` (0: the channels; the batch does not count)."""
    if axis == 0:
        return gathered(name, x, index)
    order = (axis, *(i for i in range(len(x.type.shape)) if i != axis))
    front = s.Transpose(derived("front"), x, order)
    taken = s.Gather(derived("taken"), front, index)
    return s.Transpose(name, taken, tuple(int(i) for i in np.argsort(order)))
