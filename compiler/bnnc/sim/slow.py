"""The slow definition of every operation of the core, on plain integers, one pixel and tap at a time.

It shares nothing with the simulator: packed words are taken apart bit by bit and put together again.
Tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Reshape
from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedConv, PackedMaxPool2d, Unpack, XnorConv2d
from bnnc.ir.parts import core_result
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.types import Packed
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale

Pool = MaxPool2d | SumPool2d | PackedMaxPool2d


def run(graph: Graph, codes: Array) -> Array:
    """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
    return np.stack([values(graph, sample)[core_result(graph)] for sample in codes])


def values(graph: Graph, sample: Array) -> dict[Op, Array]:
    """The value of every operation of the core for one sample: integers, or words of the packed form."""
    known: dict[Op, Array] = {}
    for op in graph.ops:
        if isinstance(op, EncodeInput):
            known[op] = sample
        elif op.operands:
            known[op] = evaluate(op, *(known[operand] for operand in op.operands))
        if op is core_result(graph):
            break
    return known


def evaluate(op: Op, *operands: Array) -> Array:
    """One operation of the core on one sample."""
    y = _on_integers(op, *(_integers(source, x) for source, x in zip(op.operands, operands, strict=True)))
    if isinstance(op.type, Packed):
        return packed_words(y, op.type.elem)
    return y.astype(op.type.elem.dtype)


def _integers(source: Op, x: Array) -> Array:
    """The value of an operand as int64."""
    if isinstance(source.type, Packed):
        return plain_integers(x, source.type.elem, source.type.shape[2])
    return x.astype(np.int64)


def packed_words(x: Array, elem: Elem) -> Array:
    """Integers (H, W, C) to uint32 (H, W, bits, words), bit by bit."""
    height, width, channels = x.shape
    words = np.zeros((height, width, elem.bits, -(-channels // 32)), np.uint32)
    for c, plane in np.ndindex(channels, elem.bits):
        code = (x[:, :, c] > 0).astype(np.int64) if elem == B1_PM else x[:, :, c].astype(np.int64)
        words[:, :, plane, c // 32] |= ((code >> plane & 1) << c % 32).astype(np.uint32)
    return words


def plain_integers(words: Array, elem: Elem, channels: int) -> Array:
    """uint32 (..., bits, words) to int64 (..., channels), bit by bit."""
    codes = np.zeros((*words.shape[:-2], channels), np.int64)
    for c, plane in np.ndindex(channels, elem.bits):
        codes[..., c] |= (words[..., plane, c // 32].astype(np.int64) >> c % 32 & 1) << plane
    if elem == B1_PM:
        return np.where(codes == 1, 1, -1)
    is_negative = (elem.lo < 0) & (codes >= 2 ** (elem.bits - 1))
    return np.where(is_negative, codes - 2**elem.bits, codes)


def _on_integers(op: Op, *operands: Array) -> Array:
    match op:
        case AddMaps():
            a, b = operands
            return np.array([u + v for u, v in zip(a.flat, b.flat, strict=True)]).reshape(a.shape)
        case ConcatChannels():
            a, b = operands
            return np.array(
                [[[*u, *v] for u, v in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)]
            )
        case _:
            return _on_one(op, *operands)


def _on_one(op: Op, x: Array) -> Array:
    match op:
        case Conv2d():
            return _conv(op, x, op.weights.astype(np.int64), op.groups)
        case XnorConv2d():
            depth = x.shape[2] // op.groups
            return _conv(op, x, plain_integers(op.weights[:, :, :, None, :], B1_PM, depth), op.groups)
        case BitConv2d():
            depth = x.shape[2] // op.groups
            return _conv(op, x, plain_integers(op.weights, op.weight_elem, depth), op.groups)
        case SparseDense():
            return np.array([[list(_sparse_rows(op, x.ravel().tolist()))]])
        case MaxPool2d() | PackedMaxPool2d():
            return np.array([[np.max(window, axis=0) for window in row] for row in _windows(op, x)])
        case SumPool2d():
            return np.array([[np.sum(window, axis=0) for window in row] for row in _windows(op, x)])
        case Threshold():
            return _each_element(x, lambda c, value: _threshold(op, c, value))
        case Table():
            return _each_element(x, lambda c, value: _table(op, c, value))
        case Rescale():
            return _each_element(x, lambda c, value: _rescale(op, c, value))
        case TopK():
            row = x[0, 0].tolist()
            return np.array([[sorted(range(len(row)), key=lambda i: (-row[i], i))[: op.k]]])
        case _:
            return _moved(op, x)


def _moved(op: Op, x: Array) -> Array:
    match op:
        case Pack() | Unpack() | Cast() | Narrow():
            return x
        case GatherChannels():
            return np.array([[[pixel[c] for c in op.index] for pixel in row] for row in x])
        case Reshape():
            return np.array(x.ravel().tolist()).reshape(op.shape)
        case ChannelsLast():
            channels, height, width = x.shape
            y = [[[x[c, i, j] for c in range(channels)] for j in range(width)] for i in range(height)]
            return np.array(y)
        case ChannelsFirst():
            height, width, channels = x.shape
            y = [[[x[i, j, c] for j in range(width)] for i in range(height)] for c in range(channels)]
            return np.array(y)
        case _:
            raise AssertionError(f"{op.mnemonic()} is no operation of the core")


def _conv(op: Conv2d | PackedConv, x: Array, weights: Array, groups: int) -> Array:
    """The formula of `Conv2d`: every tap outside the map is `pad_value`."""
    height, width, depth = op.type.shape
    y = np.zeros((height, width, depth), np.int64)
    outside = np.full(x.shape[2], op.pad_value)
    weights = weights.reshape(groups, depth // groups, *weights.shape[1:])
    for i, j, u, v in np.ndindex(height, width, *op.kernel):
        row = i * op.strides[0] + u * op.dilations[0] - op.pads[0]
        column = j * op.strides[1] + v * op.dilations[1] - op.pads[1]
        inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1]
        pixel = x[row, column] if inside else outside
        y[i, j] += (weights[:, :, u, v] @ pixel.reshape(groups, -1, 1)).ravel()
    return y


def _windows(op: Pool, x: Array) -> Iterator[Iterator[list[Array]]]:
    """For every output row and column: the pixels of its window that lie inside the map."""
    height, width, _ = op.type.shape
    for i in range(height):
        yield (_window(op, x, i, j) for j in range(width))


def _window(op: Pool, x: Array, i: int, j: int) -> list[Array]:
    rows = [i * op.strides[0] + u - op.pads[0] for u in range(op.kernel[0])]
    columns = [j * op.strides[1] + v - op.pads[1] for v in range(op.kernel[1])]
    return [x[r, c] for r in rows for c in columns if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]]


def _each_element(x: Array, function: Callable[[int, int], int]) -> Array:
    """`function(channel, value)` of every element."""
    y = np.zeros(x.shape, np.int64)
    for place in np.ndindex(*x.shape):
        y[place] = function(place[-1], int(x[place]))
    return y


def _threshold(op: Threshold, c: int, value: int) -> int:
    level = int(op.base[c])
    for cut, jump in zip(op.cuts[c].tolist(), op.jumps[c].tolist(), strict=True):
        level += jump if value >= cut else 0
    return level


def _table(op: Table, c: int, value: int) -> int:
    index = (value - int(op.first[c])) >> op.shift
    return int(op.table[c, min(max(index, 0), op.table.shape[1] - 1)])


def _rescale(op: Rescale, c: int, value: int) -> int:
    """On integers of any size, so that nothing can overflow."""
    piece = 1 if value >= int(op.pivot[c]) else 0
    line = value * int(op.multiplier[piece, c]) + int(op.offset[piece, c])
    return min(max(line >> int(op.shift[c]), op.lo), op.hi)


def _sparse_rows(op: SparseDense, x: list[int]) -> Iterator[int]:
    """Every output, by a walk over the gaps of its row."""
    for first, last in zip(op.rows.tolist(), op.rows.tolist()[1:], strict=False):
        total, column = 0, -1
        for gap, code in zip(op.gaps[first:last].tolist(), op.codes[first:last].tolist(), strict=True):
            column += gap + 1
            total += int(op.table[code]) * x[column]
        yield total
