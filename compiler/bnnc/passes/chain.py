"""Elementwise chains: functions of one number, the same for a channel, evaluated as the source does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import F32
from bnnc.ir.op import Array, Op, operation
from bnnc.ir.source_ops import Elementwise
from bnnc.ir.types import Tensor
from bnnc.passes.domain import InputDomain
from bnnc.passes.reference import TRANSCENDENTAL, apply_reference
from bnnc.passes.steps import Monotone
from bnnc.sim.elementwise import apply

DISCRETIZERS = (
    src.BipolarQuant, src.Quant, src.QuantizeLinear, src.MultiThreshold, src.Trunc,
    src.Sign, src.Select, src.Round, src.Floor, src.Ceil,
)  # fmt: skip
_INCREASING = (
    src.Add, src.Sub, src.Relu, src.Clip, src.Tanh, src.Sigmoid, src.Exp, src.Sqrt, src.Round, src.Floor,
    src.Ceil, src.Sign, src.BipolarQuant, src.Quant, src.QuantizeLinear, src.Trunc,
)  # fmt: skip

Chain = tuple[Elementwise, ...]


@operation
class DomainValue(Elementwise):
    """The real number of an input code: values[c, q - first] = q * scale[c] + offset[c], rounded once to
    float32.

    Stands at the front of a chain on a declared domain; float64 scale and offset (1,) or (C,).
    """

    values: Array
    scale: Array
    offset: Array
    first: int

    def infer(self) -> Tensor:
        return Tensor(F32, self.x.type.shape)

    @staticmethod
    def of(x: Op, codes: EncodeInput, domain: InputDomain) -> DomainValue:
        """The meaning of the codes of a declared domain."""
        scale, offset = (np.array([float(n) for n in numbers]) for numbers in (domain.scale, domain.offset))
        rows = (domain.channels,)
        scale, offset = np.broadcast_to(scale, rows), np.broadcast_to(offset, rows)
        return DomainValue(x.name, x, codes.values, scale, offset, codes.first)


def evaluate(chain: Chain, x: Array) -> Array:
    """float32 like x: the chain on numbers x (..., C) whose last axis is the channel."""
    y = x.astype(np.float32) if not (chain and isinstance(chain[0], DomainValue)) else x
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for op in chain:
            y = _evaluate_link(op, y)
    _refuse_nan(chain, x, y)
    return y


def _evaluate_link(op: Elementwise, x: Array) -> Array:
    match op:
        case DomainValue():
            return _domain_value(op, x)
        case src.Tanh() | src.Sigmoid() | src.Exp():
            return apply_reference(op, x)
        case _:
            return apply(op, x)


def evaluate_pairs(chain: Chain, x: Array, channel: Array) -> Array:
    """float32 (M,): the chain on x[m] in channel[m]."""
    return evaluate(tuple(_gather(op, channel) for op in chain), x)


def per_channel(op: Elementwise, constant: Array) -> bool:
    """Whether `constant`, a field of `op`, has a row for every channel (rather than one for all)."""
    if isinstance(op, src.MultiThreshold | DomainValue):
        return len(constant) > 1
    return constant.ndim > 0


def _gather(op: Elementwise, channel: Array) -> Elementwise:
    taken: dict[str, Any] = {
        name: constant[channel] if per_channel(op, constant) else constant
        for name, constant in op.constants.items()
    }
    return replace(op, x=Input("", channel.shape), **taken)


def _domain_value(op: DomainValue, codes: Array) -> Array:
    index = codes.astype(np.int64) - op.first
    channel = np.zeros_like(index) if len(op.values) == 1 else np.arange(len(op.values))
    looked_up: Array = op.values[channel, index]
    return looked_up


def _refuse_nan(chain: Chain, x: Array, y: Array) -> None:
    if np.isnan(y).any():
        at = np.unravel_index(np.isnan(y).argmax(), y.shape)
        where = f"node {chain[-1].name!r}"
        raise BnncError.at(where, f"not a number for the reachable value {x[at]} (channel {at[-1]})")


def direction(chain: Chain, channels: int) -> Array:
    """int8 (channels,): +1 where the chain never decreases, -1 where it never increases, 0 where neither is
    known.
    """
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


def domain_affine(chain: Chain) -> tuple[float, Array] | None:
    """(scale, shift) of a chain that is x = (q + shift) * scale in real arithmetic; shift float64 (1,) or
    (C,).

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
    return float(scale[0]), offset / scale[0]


def last_discretizer(chain: Chain) -> int:
    """Index of the last operation whose results are steps; -1 when the chain is real-valued."""
    return max((i for i, op in enumerate(chain) if isinstance(op, DISCRETIZERS)), default=-1)


def unit(chain: Chain) -> Array | None:
    """The grid that a chain's results lie on, float32 () or (C,), or None if they lie on no grid we know.

    The last discretizer sets it; behind it multiplications scale it and clamps and shifts keep it.
    """
    last = last_discretizer(chain)
    if last < 0:
        return None
    grid: Array | None = _grid(chain[last])
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
            return np.float32(1) * np.ones((), np.float32)


def _select_grid(op: src.Select) -> Array | None:
    then, other = np.broadcast_arrays(op.then, op.other)
    steps = [_common_step(a, b) for a, b in zip(then.ravel(), other.ravel(), strict=True)]
    if any(step is None for step in steps):
        return None
    return np.array(steps, np.float32).reshape(then.shape)


def _common_step(a: np.float32, b: np.float32) -> Array | None:
    """The larger of two numbers' shared step: one divides the other, or their halves do, or both are
    integers.
    """
    big, small = max(abs(a), abs(b)), min(abs(a), abs(b))
    if big == 0:
        return np.array(1, np.float32)
    if small == 0:
        return np.array(big, np.float32)
    for step in (small, small / 2):
        if big % step == 0:
            return np.array(step, np.float32)
    return np.array(1, np.float32) if a == int(a) and b == int(b) else None
