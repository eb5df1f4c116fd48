"""Convolutions: popcounts of packed words, and matrix products of plain integers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape, packed_of
from bnnc.ir.packed_ops import BitConv2d, PackedConv, XnorConv2d
from bnnc.ir.types import WORD_BITS
from bnnc.sim.bits import plane_offset, plane_weights, weight_values
from bnnc.sim.windows import Geometry, sum_inside, taps

CACHED_PRODUCTS = 1 << 15  # words of one tap's products: they and their counts stay in the L2 cache


def xnor_conv2d(op: XnorConv2d, x: Array) -> Array:
    """uint32 (n, H, W, 1, words) to int32 (n, OH, OW, O)."""
    window, channels = geometry(op), map_shape(op.x)[2] // op.groups
    n_taps = sum_inside(window, np.full((1, *op.kernel), channels))
    differing = _counts(np.bitwise_xor, window, x[:, :, :, 0], op.weights, op.groups)
    return n_taps - 2 * differing.astype(np.int32) + _padding(op, window)


def bit_conv2d(op: BitConv2d, x: Array) -> Array:
    """uint32 (n, H, W, bits, words) to int32 (n, OH, OW, O), by the formula of `BitConv2d`."""
    window, channels, elem = geometry(op), map_shape(op.x)[2] // op.groups, packed_of(op.x).elem
    ca, cw = plane_weights(elem), plane_weights(op.weight_elem)
    a0, w0 = plane_offset(elem), plane_offset(op.weight_elem)
    weight_ones = np.bitwise_count(op.weights).sum(axis=-1, dtype=np.int32)
    constant = channels * a0 * w0 + a0 * (weight_ones @ cw)
    y = np.zeros((len(x), *op.type.shape), np.int32) + sum_inside(window, constant)
    for p in range(elem.bits):
        plane = x[:, :, :, p]
        if w0:
            y += w0 * ca[p] * _ones(window, plane, op)
        for q in range(op.weight_elem.bits):
            products = _counts(np.bitwise_and, window, plane, op.weights[:, :, :, q], op.groups)
            y += ca[p] * cw[q] * products.astype(np.int32)
    return y + _padding(op, window)


def conv2d(op: Conv2d, x: Array) -> Array:
    """Integers (n, H, W, C) to int32 (n, OH, OW, O), exactly; a sum beyond int32 wraps around."""
    exact, (n_out, *taps_and_depth) = _exact_dtype(op, x), op.weights.shape
    windows = _windows(op, x.astype(exact))
    _, n, oh, ow = windows.shape[:4]
    columns = windows.reshape(op.groups, n * oh * ow, math.prod(taps_and_depth))
    weights = op.weights.astype(exact).reshape(op.groups, n_out // op.groups, -1)
    y = columns @ weights.swapaxes(1, 2)
    y = y.swapaxes(0, 1).reshape(n, oh, ow, n_out)
    return (y if exact == np.float32 else y.astype(np.int64)).astype(np.int32)


def geometry(op: Conv2d | PackedConv) -> Geometry:
    """The window of a convolution."""
    height, width, _ = map_shape(op.x)
    return Geometry((height, width), op.kernel, op.strides, op.pads, op.dilations)


def _counts(combine: np.ufunc, window: Geometry, x: Array, weights: Array, groups: int) -> Array:
    """popcount(combine(x, w)) summed over the words of the taps inside: unsigned (n, OH, OW, O).

    x uint32 (n, H, W, words of all groups), weights uint32 (O, kh, kw, words of a group).
    """
    n_out, *kernel, words = weights.shape
    x = _widened(x.reshape(*x.shape[:3], groups, words))
    weights = _widened(weights.reshape(groups, n_out // groups, *kernel, words))
    n_bits = math.prod(kernel) * words * WORD_BITS
    dtype = np.uint16 if n_bits < 2**16 else np.uint32
    total = np.zeros((len(x), *window.output, groups, n_out // groups), dtype)
    for part in _cached_parts(len(x), math.prod(total.shape[1:])):
        _add_counts(combine, window, x[part], weights, total[part])
    return total.reshape(*total.shape[:3], n_out)


def _add_counts(combine: np.ufunc, window: Geometry, x: Array, weights: Array, total: Array) -> None:
    """x (n, H, W, groups, words), weights (groups, O/groups, kh, kw, words) onto total (n, OH, OW, ..)."""
    products, counts = np.empty(total.shape, x.dtype), np.empty(total.shape, np.uint8)
    for tap in taps(window):
        pixels, added = tap.read(x), tap.write(total)
        rows, columns = added.shape[1:3]
        product, count = products[:, :rows, :columns], counts[:, :rows, :columns]
        for j in range(x.shape[4]):
            combine(pixels[..., j, None], weights[:, :, tap.u, tap.v, j], out=product)
            np.bitwise_count(product, out=count)
            np.add(added, count, out=added)


def _ones(window: Geometry, plane: Array, op: BitConv2d) -> Array:
    """int32 (n, OH, OW, O): the set bits of one plane (n, H, W, words) under the taps inside, by group."""
    by_group = plane.reshape(*plane.shape[:3], op.groups, -1)
    ones = np.bitwise_count(by_group).sum(axis=-1, dtype=np.int32)
    total = np.zeros((len(plane), *window.output, op.groups), np.int32)
    for tap in taps(window):
        added = tap.write(total)
        added += tap.read(ones)
    return np.repeat(total, len(op.weights) // op.groups, axis=-1)


def _padding(op: PackedConv, window: Geometry) -> Array:
    """int32: what the taps outside the map add, pad_value times their weights."""
    if op.pad_value == 0 or not any(op.pads):
        return np.zeros((), np.int32)
    per_tap = weight_values(op).sum(axis=3, dtype=np.int32)
    outside: Array = per_tap.sum(axis=(1, 2), dtype=np.int32) - sum_inside(window, per_tap)
    outside *= op.pad_value
    return outside


def _widened(words: Array) -> Array:
    """Pairs of words as uint64 where they pair up; popcounts do not mind which."""
    return np.ascontiguousarray(words).view(np.uint64 if words.shape[-1] % 2 == 0 else np.uint32)


def _cached_parts(n: int, products: int) -> Iterator[slice]:
    """Slices of a batch of n whose products stay in the cache."""
    step = max(1, CACHED_PRODUCTS // products)
    return (slice(start, start + step) for start in range(0, n, step))


def _windows(op: Conv2d, x: Array) -> Array:
    """The padded x as a view (groups, n, OH, OW, kh, kw, C/groups)."""
    top, left, bottom, right = op.pads
    if any(op.pads):
        around = ((0, 0), (top, bottom), (left, right), (0, 0))
        x = np.pad(x, around, constant_values=op.pad_value)
    (kh, kw), (dy, dx) = op.kernel, op.dilations
    spread = sliding_window_view(x, (dy * (kh - 1) + 1, dx * (kw - 1) + 1), axis=(1, 2))
    windows = spread[:, :: op.strides[0], :: op.strides[1], :, ::dy, ::dx]
    n, oh, ow = windows.shape[:3]
    return windows.reshape(n, oh, ow, op.groups, -1, kh, kw).transpose(3, 0, 1, 2, 5, 6, 4)


def _exact_dtype(op: Conv2d, x: Array) -> type[np.generic]:
    """The type in which no sum of the products rounds: floats hold every integer up to 2**24 or 2**53."""
    largest = max(abs(int(x.min())), abs(int(x.max())), abs(op.pad_value))
    bound = largest * int(np.abs(op.weights.astype(np.int64)).sum(axis=(1, 2, 3)).max())
    if bound <= 2**24:
        return np.float32
    return np.float64 if bound <= 2**53 else np.int64
