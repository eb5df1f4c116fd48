"""Random operations of the value path and random sparse layers: the generator alone decides."""

from __future__ import annotations

import math

import numpy as np

from bnnc.ir.elem import Elem, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op, map_shape
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import MAX_OFFSET_BITS, MAX_SHIFT, MULTIPLIER_BITS, Rescale

ONE = np.array(1, np.float32)
INT32 = np.iinfo(np.int32)
LARGEST = 2 ** (MULTIPLIER_BITS - 1) - 1
FARTHEST = 2**MAX_OFFSET_BITS - 1


def random_rescale(
    rng: np.random.Generator, x: Op, name: str, kind: Elem, centre: Array, spread: int
) -> Rescale:
    """Lines over about `spread` around centre (C,): rising, falling, bent, broken, flat or out of range."""
    lo, hi = _bounds(rng, kind)
    if rng.random() < 0.15:
        return only_clipping(rng, x, name, lo, hi, kind)
    channels = x.type.shape[-1]
    gain = (
        (hi - lo + 1) / spread * 2 ** rng.normal(-1, 1.5, (2, channels)) * rng.choice([-1, 1], (2, channels))
    )
    if rng.random() < 0.5:
        gain[1] = gain[0]
    shift = np.clip(rng.integers(8, 17) - np.log2(abs(gain).max(axis=0)), 0, MAX_SHIFT).astype(np.int64)
    multiplier = np.clip(np.rint(gain * 2.0**shift), -LARGEST, LARGEST).astype(np.int64)
    pivot = np.clip(rng.normal(centre, spread), INT32.min, INT32.max).astype(np.int64)
    start = rng.integers(lo, hi + 1, (2, channels)) << shift
    if rng.random() < 0.7:
        start[1] = start[0]  # the lines meet at the pivot, as those of a PReLU do
    offset = start - multiplier * pivot
    for channel in np.flatnonzero(rng.random(channels) < 0.2):
        _adversarial(
            rng, pivot[channel : channel + 1], multiplier.T[channel], offset.T[channel], shift[channel:]
        )
    i32 = np.int32
    return Rescale(
        name, x, pivot.astype(i32), multiplier.astype(i32), offset, shift.astype(i32), ONE, lo, hi, kind
    )


def only_clipping(rng: np.random.Generator, x: Op, name: str, lo: int, hi: int, kind: Elem) -> Rescale:
    """y = clip(x, lo, hi), written with any shift and any offset that the shift drops."""
    channels = x.type.shape[-1]
    shift = rng.integers(0, MULTIPLIER_BITS - 1, channels)
    multiplier = np.stack([1 << shift] * 2).astype(np.int32)
    offset = rng.integers(0, 1 << shift, (2, channels))
    pivot = rng.integers(-100, 100, channels).astype(np.int32)
    op = Rescale(name, x, pivot, multiplier, offset, shift.astype(np.int32), ONE, lo, hi, kind)
    assert op.only_clips
    return op


def _bounds(rng: np.random.Generator, kind: Elem) -> tuple[int, int]:
    """The whole range of the type, its half above zero, or any part of it."""
    if rng.random() < 0.6:
        return kind.lo, kind.hi
    if rng.random() < 0.5:
        return 0, kind.hi
    lo, hi = sorted(int(n) for n in rng.integers(kind.lo, kind.hi + 1, 2))
    return lo, hi


def _adversarial(
    rng: np.random.Generator, pivot: Array, multiplier: Array, offset: Array, shift: Array
) -> None:
    """Turn a channel, given as views of its numbers, into an extreme one."""
    match rng.integers(8):
        case 0:
            multiplier[:] = 0
        case 1:
            pivot[:] = rng.choice([INT32.min, INT32.max])
        case 2:
            multiplier[:], shift[0] = rng.choice([-LARGEST, LARGEST], 2), 0
        case 3:
            multiplier[:], shift[0] = rng.choice([-LARGEST, LARGEST], 2), MAX_SHIFT
        case 4:
            offset[:] = rng.choice([-FARTHEST, FARTHEST, 0, -1], 2)
        case 5:
            multiplier[:] = -multiplier[::-1].copy()
        case 6:
            multiplier[:], offset[:], shift[0] = 1, 0, 0
        case 7:
            multiplier[:], offset[:], shift[0] = rng.choice([-1, 1], 2), -1, 1


def random_sparse(rng: np.random.Generator, x: Op, name: str, n_out: int, largest_input: int) -> SparseDense:
    """A dense layer of pruned weights over inputs of at most `largest_input`, some rows without any."""
    features, code_bits, gap_bits = math.prod(x.type.shape), int(rng.integers(1, 9)), int(rng.integers(1, 9))
    most = min(2**15 - 1, (2**31 - 1) // (features * max(1, largest_input)))
    table = _codebook(rng, 1 << code_bits, most)
    zero = int(rng.integers(len(table)))
    table[zero] = 0
    density = max(rng.choice([0.02, 0.1, 0.3] if features > 1000 else [0.02, 0.3, 1.0]), 3 / features)
    kept = rng.random((n_out, features)) < density
    kept[1:][rng.random(n_out - 1) < 0.2] = False
    codes = rng.integers(0, len(table), kept.shape)
    rows = [
        gap_coded(np.flatnonzero(keep), row[keep], gap_bits, zero)
        for keep, row in zip(kept, codes, strict=True)
    ]
    counts = np.cumsum([0, *(len(gaps) for gaps, _ in rows)]).astype(np.int32)
    gaps, stored = (np.concatenate([row[i] for row in rows]).astype(np.uint8) for i in (0, 1))
    return SparseDense(name, x, counts, gaps, stored, table, gap_bits, code_bits)


def pruned_dense(rng: np.random.Generator, x: Op, name: str, n_out: int, largest_input: int) -> Conv2d:
    """A dense layer of few distinct weights, most of them 0, that may become a sparse one."""
    most = min(127, (2**31 - 1) // (math.prod(x.type.shape) * max(1, largest_input)))
    table = _codebook(rng, int(rng.integers(2, 17)), most)
    weights = table[rng.integers(0, len(table), (n_out, *map_shape(x)))]
    weights[rng.random(weights.shape) < rng.choice([0.6, 0.95])] = 0
    return Conv2d(name, x, weights, elem("i8"))


def _codebook(rng: np.random.Generator, size: int, most: int) -> Array:
    """int16 (size,): any integers up to `most`, equal steps, or powers of two of either sign."""
    match rng.integers(3):
        case 0:
            table = rng.integers(-most, most + 1, size)
        case 1:
            table = np.clip(np.arange(size) - size // 3, -most, most)
        case _:
            powers = rng.integers(0, most.bit_length(), size)
            table = rng.choice([-1, 1], size) << powers
    return table.astype(np.int16)


def gap_coded(columns: Array, codes: Array, gap_bits: int, zero: int) -> tuple[Array, Array]:
    """(gaps, codes) of one row: entries of code `zero` bridge gaps of 2^gap_bits columns and more."""
    gaps, stored, column = [], [], -1
    for wanted, code in zip(columns.tolist(), codes.tolist(), strict=True):
        while wanted - column > 1 << gap_bits:
            gaps.append((1 << gap_bits) - 1)
            stored.append(zero)
            column += 1 << gap_bits
        gaps.append(wanted - column - 1)
        stored.append(code)
        column = wanted
    return np.array(gaps, np.int64), np.array(stored, np.int64)
