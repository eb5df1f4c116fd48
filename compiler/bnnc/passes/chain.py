"""Elementwise chains: functions of one number, the same for a channel, evaluated as the source does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import F32
from bnnc.ir.op import Array, Op, operation
from bnnc.ir.source_ops import Elementwise
from bnnc.ir.types import Tensor
from bnnc.passes.domain import InputDomain
from bnnc.passes.reference import apply_reference
from bnnc.sim.elementwise import apply

Chain = tuple[Elementwise, ...]


@operation
class DomainValue(Elementwise):
    """The real number of an input code: values[c, q - first] = q * scale[c] + offset[c].

    Rounded once to float32. Stands at the front of a chain on a declared domain. float64 scale and offset,
    (1,) or (C,).
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
        what = f"not a number for the reachable value {x[at]} (channel {at[-1]})"
        raise chain[-1].refusal(what, "clip what it reads to where it is defined")
