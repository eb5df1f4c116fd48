"""Elementwise operations of the tail as C expressions of `v`; `sim.elementwise` defines their roundings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnc.edge.numbers import float_literal
from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.op import Array

Constant = str
TableRow = Callable[[str, Array], Constant]  # (name, float32 (C,)) -> C expression of the channel's number

_ARITHMETIC = {
    src.Mul: "v * {c}",
    src.Add: "v + {c}",
    src.Sub: "v - {c}",
    src.SubFrom: "{c} - v",
    src.Div: "v / {c}",
    src.DivInto: "{c} / v",
}
_UNARY = {
    src.Relu: "v < 0 ? 0.0f : v",
    src.Abs: "fabsf(v)",
    src.Neg: "-v",
    src.Sqrt: "sqrtf(v)",
    src.Round: "rintf(v)",
    src.Floor: "floorf(v)",
    src.Ceil: "ceilf(v)",
    src.Sign: "bnnc_sign(v)",
    src.Exp: "bnnc_exp(v)",
    src.Tanh: "bnnc_tanh(v)",
    src.Sigmoid: "bnnc_sigmoid(v)",
}


def expression(op: src.Elementwise, table_row: TableRow) -> tuple[str, ...]:
    """The values that `v` takes one after another; BnncError for an operation that no output needs."""

    def constant(name: str, array: Array) -> Constant:
        number = array.astype(np.float32)
        return table_row(name, number) if number.ndim else float_literal(float(number))

    match op:
        case src.Mul() | src.Add() | src.Sub() | src.SubFrom() | src.Div() | src.DivInto():
            return (_ARITHMETIC[type(op)].format(c=constant("c", op.c)),)
        case src.BatchNorm():
            g, h = op.affine
            return f"v * {constant('g', g)}", f"v + {constant('h', h)}"
        case src.PRelu():
            return (f"v < 0 ? {constant('slope', op.slope)} * v : v",)
        case src.BipolarQuant():
            return (f"v >= 0 ? {constant('scale', op.scale)} : {constant('negative', -op.scale)}",)
        case src.Select():
            then, other = constant("then", op.then), constant("other", op.other)
            return (f"v {op.compare} {constant('cut', op.cut)} ? {then} : {other}",)
        case src.Clip():
            return (f"bnnc_clip(v, {float_literal(op.lo)}, {float_literal(op.hi)})",)
        case src.HardSigmoid():
            return (f"bnnc_hard_sigmoid(v, {float_literal(op.alpha)}, {float_literal(op.beta)})",)
        case src.Pow():
            return (_power(op),)
        case _ if type(op) in _UNARY:
            return (_UNARY[type(op)],)
        case _:
            raise _unsupported(op)


def _power(op: src.Pow) -> str:
    exponent = float(op.c) if op.c.shape == () else 0.0
    if exponent not in (2.0, 3.0):
        raise _unsupported(op)
    return "v * v" if exponent == 2.0 else "v * v * v"


def _unsupported(op: src.Elementwise) -> BnncError:
    what = "cannot stand behind the last integer layer of a CPU program"
    return op.refusal(what, "end the network in front of it")
