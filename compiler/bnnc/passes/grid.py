"""The grids that results of chains lie on: what makes integers of real numbers."""

from __future__ import annotations

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.op import Array, Op, one
from bnnc.passes.chain import Chain, DomainValue

DISCRETIZERS = (
    src.BipolarQuant, src.Quant, src.QuantizeLinear, src.MultiThreshold, src.Trunc,
    src.Sign, src.Select, src.Round, src.Floor, src.Ceil, src.FixedPoint,
)  # fmt: skip


def domain_affine(chain: Chain) -> tuple[float, Array] | None:
    """(scale, shift) of a chain that is x = (q + shift) * scale in real arithmetic; shift float64 (1 or C,).

    None unless it is a domain of one scale, followed by arithmetic with single numbers.
    """
    if not chain or not isinstance(chain[0], DomainValue):
        return None
    scale, offset = chain[0].scale, chain[0].offset
    for op in chain[1:]:
        match op:
            case src.Mul() if op.c.ndim == 0:
                scale, offset = scale * op.c, offset * op.c
            case src.Div() if op.c.ndim == 0:
                scale, offset = scale / op.c, offset / op.c
            case src.Add() if op.c.ndim == 0:
                offset = offset + op.c
            case src.Sub() if op.c.ndim == 0:
                offset = offset - op.c
            case _:
                return None
    if (scale != scale[0]).any() or scale[0] <= 0:
        return None
    shift = offset / scale[0]
    # The domain's numbers are exact fractions: a shift this close to an integer was one before float64.
    shift = np.where(abs(shift - np.rint(shift)) < 1e-9, np.rint(shift), shift)
    return float(scale[0]), shift[:1] if (shift == shift[0]).all() else shift


def last_discretizer(chain: Chain) -> int:
    """Index of the last operation whose results are steps; -1 when the chain is real-valued."""
    return max((i for i, op in enumerate(chain) if isinstance(op, DISCRETIZERS)), default=-1)


def unit(chain: Chain) -> Array | None:
    """The grid that a chain's results lie on, float32 () or (C,), or None if they lie on no grid we know.

    The last discretizer sets it, or the integers that the chain begins with; behind that multiplications
    scale it, and clamps and shifts keep it.
    """
    last = last_discretizer(chain)
    if last < 0 and chain and isinstance(chain[0], DomainValue):
        return None
    grid: Array | None = _grid(chain[last]) if last >= 0 else one()
    for op in chain[last + 1 :]:
        if grid is None:
            return None
        match op:
            case src.Mul():
                grid = grid * np.abs(op.c)
            case src.Div():
                grid = grid / np.abs(op.c)
            case src.Neg() | src.Clip() | src.Relu() | src.Abs() | src.Add() | src.Sub() | src.SubFrom():
                pass
            case _:
                return None
    return grid


def _grid(op: Op) -> Array | None:
    match op:
        case src.BipolarQuant() | src.Quant() | src.QuantizeLinear() | src.Trunc():
            return op.scale
        case src.MultiThreshold():
            return _common_step(np.float32(op.out_scale), np.float32(op.out_bias))
        case src.Select():
            return _select_grid(op)
        case _:
            return np.ones((), np.float32)


def _select_grid(op: src.Select) -> Array | None:
    then, other = np.broadcast_arrays(op.then, op.other)
    steps = [_common_step(a, b) for a, b in zip(then.ravel(), other.ravel(), strict=True)]
    if any(step is None for step in steps):
        return None
    return np.array(steps, np.float32).reshape(then.shape)


def _common_step(a: np.float32, b: np.float32) -> Array | None:
    """A step that both numbers are multiples of: one of them, half the smaller one, or 1; else None."""
    big, small = max(abs(a), abs(b)), min(abs(a), abs(b))
    if big == 0:
        return np.array(1, np.float32)
    if small == 0:
        return np.array(big, np.float32)
    for step in (small, small / 2):
        if big % step == 0:
            return np.array(step, np.float32)
    return np.array(1, np.float32) if a == int(a) and b == int(b) else None
