"""Accumulators to levels: thresholds by comparison or by search, and tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, local, splat
from bnnc.ir.integer_ops import NO_CUT, Table, Threshold
from bnnc.ir.op import Array

MAX_COMPARED_CUTS = 16  # more cuts are searched


@dataclass(frozen=True)
class Spot:
    """An element of the result: a pixel's number and a channel; of a vector the first one."""

    pixel: Expr
    channel: Expr


VectorStep = Callable[[Expr, Spot, int], Expr]  # (int32 values, first of them, lanes) -> int32 values
ScalarStep = Callable[[Expr, Spot], Expr]  # (int32 value, where) -> int32 value


def padded(row: Array, fill: int, capacity: int, dtype: str = "int32") -> Array:
    """One number a channel as (capacity,), filled up with `fill`."""
    result = np.full(capacity, fill, dtype)
    result[: row.size] = row
    return result


def compared(kernel: Kernel, step: Threshold, capacity: int) -> VectorStep:
    """base + sum_k jumps[k] * [values >= cuts[k]]; channels past the last are 0."""
    base = kernel.constant(padded(step.base, 0, capacity))
    cuts = [kernel.constant(padded(row, NO_CUT, capacity)) for row in step.cuts.T]
    jumps = [_jump(kernel, *rows, capacity) for rows in zip(step.jumps.T, step.cuts.T, strict=True)]

    def levels(values: Expr, spot: Spot, lanes: int) -> Expr:
        first = spot.channel
        level = base.vector(first, lanes)
        for cut, jump in zip(cuts, jumps, strict=True):
            size = splat(jump, lanes) if isinstance(jump, int) else jump.vector(first, lanes)
            level = level + tirx.Select(values >= cut.vector(first, lanes), size, splat(0, lanes))
        return level

    return levels


def _jump(kernel: Kernel, jumps: Array, cuts: Array, capacity: int) -> int | View:
    """One jump for all channels where it is the same: a cut that nothing reaches may have any."""
    real = np.unique(jumps[cuts != NO_CUT])
    if real.size <= 1:
        return int(real[0]) if real.size else 0
    return kernel.constant(padded(jumps, 0, capacity))


def searched(kernel: Kernel, step: Threshold) -> ScalarStep:
    """A binary search among 2^n - 1 cuts, then the level behind as many as were passed."""
    channels, n_cuts = step.cuts.shape
    depth = n_cuts.bit_length()
    size = 1 << depth
    cuts = np.full((channels, size), NO_CUT, np.int32)
    cuts[:, :n_cuts] = step.cuts
    cut_at = kernel.constant(cuts)
    levels = np.pad(step.levels, ((0, 0), (0, size - 1 - n_cuts)), mode="edge")
    level_at = kernel.constant(levels.astype(np.int32))

    def level(value: Expr, spot: Spot) -> Expr:
        channel = spot.channel
        passed = local("int32")
        passed.put(0, tirx.const(0, "int32"))
        for half in (1 << n for n in reversed(range(depth))):
            reached = value >= cut_at[channel * size + passed[0] + (half - 1)]
            passed.put(0, passed[0] + tirx.Select(reached, splat(half, 1), splat(0, 1)))
        return level_at[channel * size + passed[0]]

    return level


def looked_up(kernel: Kernel, step: Table) -> ScalarStep:
    """table[clip((value - first) >> shift)], in 64 bits so that the difference cannot overflow."""
    size = step.table.shape[1]
    first_at = kernel.constant(step.first.astype(np.int32))
    table = kernel.constant(step.table.astype(step.elem.dtype))

    def level(value: Expr, spot: Spot) -> Expr:
        channel = spot.channel
        offset = (cast("int64", value) - cast("int64", first_at[channel])) >> tirx.const(step.shift, "int64")
        last, zero = tirx.const(size - 1, "int64"), tirx.const(0, "int64")
        inside = tirx.max(tirx.min(offset, last), zero)
        return cast("int32", table[channel * size + cast("int32", inside)])

    return level
