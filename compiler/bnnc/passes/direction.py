"""Whether chains rise or fall."""

from __future__ import annotations

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.op import Array
from bnnc.ir.source_ops import Elementwise
from bnnc.passes.chain import Chain, DomainValue
from bnnc.passes.reference import TRANSCENDENTAL
from bnnc.passes.steps import Monotone

_INCREASING = (
    src.Add, src.Sub, src.Relu, src.Clip, src.Tanh, src.Sigmoid, src.Exp, src.Sqrt, src.Round, src.Floor,
    src.Ceil, src.Sign, src.BipolarQuant, src.Quant, src.QuantizeLinear, src.Trunc,
)  # fmt: skip


def direction(chain: Chain, channels: int) -> Array:
    """int8 (channels,): +1 where the chain never decreases, -1 where it never increases, else 0 (unknown)."""
    sense = np.ones(channels, np.int8)
    for op in chain:
        sense = sense * np.broadcast_to(_op_direction(op), (channels,))
    return sense


def monotone(chain: Chain, channels: int) -> Monotone:
    """What is known of the chain in all channels: transcendental functions may wiggle in their last bits."""
    if not direction(chain, channels).all():
        return Monotone.NO
    wiggles = any(isinstance(op, TRANSCENDENTAL) for op in chain)
    return Monotone.NEARLY if wiggles else Monotone.EXACTLY


def _op_direction(op: Elementwise) -> Array:
    if isinstance(op, _INCREASING):
        return np.array(1, np.int8)
    match op:
        case src.Mul() | src.Div():
            return _sense(op.c)
        case src.BatchNorm():
            return _sense(op.affine[0])
        case src.SubFrom() | src.Neg():
            return np.array(-1, np.int8)
        case src.HardSigmoid():
            return _sense(np.float32(op.alpha))
        case src.PRelu():
            return (op.slope >= 0).astype(np.int8)
        case src.FixedPoint():
            return np.asarray(_sense(op.multiplier) * (op.slope >= 0), np.int8)
        case src.MultiThreshold():
            return _sense(np.float32(op.out_scale))
        case src.Select():
            rising = _sense(op.then - op.other)
            return rising if op.compare in (">=", ">") else -rising
        case DomainValue():
            return np.array(1, np.int8)
        case _:
            return np.array(0, np.int8)


def _sense(slope: Array | np.float32) -> Array:
    """+1 or -1; a slope of 0 is constant, which counts as +1."""
    return np.where(slope < 0, -1, 1).astype(np.int8)
