"""Chains as lines: the two straight lines and the clamp that a chain of arithmetic is, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.op import Array
from bnnc.ir.source_ops import Elementwise
from bnnc.passes.chain import Chain


@dataclass(frozen=True)
class Lines:
    """y = clip(x * gain[p, c] + bias[p, c], lo[c], hi[c]), p = 1 where x >= corner[c], else 0; float64.

    gain and bias (2, C), the others (C,). The lines meet at the corner.
    """

    corner: Array
    gain: Array
    bias: Array
    lo: Array
    hi: Array

    @staticmethod
    def identity(channels: int) -> Lines:
        """y = x."""
        ones, infinite = np.ones((2, channels)), np.full(channels, np.inf)
        return Lines(np.zeros(channels), ones, np.zeros((2, channels)), -infinite, infinite)

    def times(self, factor: Array | float) -> Lines:
        """y * factor."""
        factor = np.broadcast_to(np.asarray(factor, np.float64), self.lo.shape)
        with np.errstate(invalid="ignore"):
            ends = np.sort(np.stack([self.lo * factor, self.hi * factor]), axis=0)
        lo, hi = np.where(factor == 0, [[-np.inf], [np.inf]], ends)
        return Lines(self.corner, self.gain * factor, self.bias * factor, lo, hi)

    def plus(self, offset: Array | float) -> Lines:
        """y + offset."""
        offset = np.broadcast_to(np.asarray(offset, np.float64), self.lo.shape)
        return Lines(self.corner, self.gain, self.bias + offset, self.lo + offset, self.hi + offset)

    def clipped(self, lo: float, hi: float) -> Lines:
        """min(max(y, lo), hi)"""
        return Lines(self.corner, self.gain, self.bias, np.clip(self.lo, lo, hi), np.clip(self.hi, lo, hi))

    def leaky(self, slope: Array | float) -> Lines | None:
        """y < 0 ? slope * y : y; None where that takes more than two lines and a clamp."""
        slope = np.broadcast_to(np.asarray(slope, np.float64), self.lo.shape)
        acts = (slope != 1) & (self.lo < 0)
        bent = (self.gain[0] != self.gain[1]) | (self.bias[0] != self.bias[1])
        falls = (slope < 0) & (np.isfinite(self.lo) | np.isfinite(self.hi))
        if (acts & (bent | falls)).any():
            return None
        gain, bias = self.gain[1], self.bias[1]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            corner = np.where(gain != 0, -bias / gain, 0)
        below = np.stack([gain > 0, gain < 0]) | ((gain == 0) & (bias < 0))
        factor = np.where(below & acts, slope, 1)
        with np.errstate(invalid="ignore"):
            lo, hi = (
                np.where(acts & np.isfinite(end) & (end < 0), end * slope, end) for end in (self.lo, self.hi)
            )
        corner = np.where(acts, corner, self.corner)
        return Lines(corner, self.gain * factor, self.bias * factor, lo, hi)


def lines_of(chain: Chain, channels: int) -> Lines | None:
    """The chain in real numbers, its roundings left out; None where it is more than two lines and a clamp."""
    lines: Lines | None = Lines.identity(channels)
    for op in chain:
        if lines is None:
            return None
        lines = _behind(op, lines)
    return lines


def _behind(op: Elementwise, lines: Lines) -> Lines | None:
    match op:
        case src.Mul():
            return lines.times(op.c)
        case src.Div():
            return lines.times(1 / op.c.astype(np.float64)) if op.c.all() else None
        case src.Add():
            return lines.plus(op.c)
        case src.Sub():
            return lines.plus(-op.c)
        case src.SubFrom():
            return lines.times(-1.0).plus(op.c)
        case src.Neg():
            return lines.times(-1.0)
        case src.BatchNorm():
            gain, offset = op.affine
            return lines.times(gain).plus(offset)
        case src.Relu():
            return lines.clipped(0, np.inf)
        case src.Clip():
            return lines.clipped(op.lo, op.hi)
        case src.PRelu():
            return lines.leaky(op.slope)
        case src.FixedPoint():
            bent = lines.times(op.multiplier).plus(op.before).leaky(op.slope)
            return bent.plus(op.after).clipped(op.lo, op.hi) if bent else None
        case src.Quant() if not op.zero_point.any():
            return lines.times(1 / op.scale.astype(np.float64)).clipped(*op.code_range)
        case _:
            return None
