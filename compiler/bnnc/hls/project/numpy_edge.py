"""The tail of a network as lines of NumPy, the same to the last bit as `sim.edge` on any machine."""

from __future__ import annotations

import textwrap

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Cast, ChannelsFirst, Reshape, ToFloat
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import tail

_ARITHMETIC = {
    src.Mul: "y * {c}",
    src.Add: "y + {c}",
    src.Sub: "y - {c}",
    src.SubFrom: "{c} - y",
    src.Div: "y / {c}",
    src.DivInto: "{c} / y",
}
_UNARY = {
    src.Relu: "np.where(y < 0, np.float32(0), y)",
    src.Abs: "np.abs(y)",
    src.Neg: "np.negative(y)",
    src.Sqrt: "np.sqrt(y)",
    src.Round: "np.rint(y)",
    src.Floor: "np.floor(y)",
    src.Ceil: "np.ceil(y)",
    src.Sign: "np.sign(y)",
    src.Exp: "transcendental.exp(y)",
    src.Tanh: "transcendental.tanh(y)",
    src.Sigmoid: "transcendental.sigmoid(y)",
}


def decoder_lines(graph: Graph) -> list[str]:
    """Statements on `y` (N, *shape of the core's result). BnncError for a tail that has no such form."""
    return [line for op in tail(graph) for line in _lines(op)]


def order_lines(graph: Graph) -> list[str]:
    """Those that move elements, and no other."""
    return [line for op in tail(graph) if isinstance(op, Reshape | ChannelsFirst) for line in _lines(op)]


def numbers(array: Array) -> str:
    """An array as nested lists of the shortest decimals that mean exactly its numbers, in lines."""
    shortest = np.array([float(str(number)) for number in array.ravel()]).reshape(array.shape)
    assert np.array_equal(shortest.astype(array.dtype), array, equal_nan=True)
    text = repr(shortest.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
    return textwrap.fill(text, 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _lines(op: Op) -> list[str]:
    match op:
        case Reshape():
            return [f"y = y.reshape(len(y), *{op.shape})"]
        case ChannelsFirst():
            return ["y = y.transpose(0, 3, 1, 2)"]
        case Cast():
            return [f"y = y.astype(np.{op.elem.dtype.name})"]
        case ToFloat():
            return ["y = y.astype(np.float32)"]
        case src.Softmax():
            return ["y = transcendental.softmax(y)"]
        case src.LogSoftmax():
            return ["y = transcendental.log_softmax(y)"]
        case src.Elementwise():
            values = [f"y = np.asarray({value}, np.float32)" for value in _values(op)]
            return ["y = np.moveaxis(y, 1, -1)", *values, "y = np.moveaxis(y, -1, 1)"]
        case _:
            raise AssertionError(f"{op.mnemonic()} is no operation of a tail")


def _values(op: src.Elementwise) -> tuple[str, ...]:
    """What becomes of y, one step after another, with the channel as the last axis."""
    match op:
        case src.Mul() | src.Add() | src.Sub() | src.SubFrom() | src.Div() | src.DivInto():
            return (_ARITHMETIC[type(op)].format(c=_constant(op.c)),)
        case src.BatchNorm():
            g, h = op.affine
            return f"y * {_constant(g)}", f"y + {_constant(h)}"
        case src.PRelu():
            return (f"np.where(y < 0, {_constant(op.slope)} * y, y)",)
        case src.BipolarQuant():
            return (f"np.where(y >= 0, {_constant(op.scale)}, {_constant(-op.scale)})",)
        case src.Select():
            then, other = _constant(op.then), _constant(op.other)
            return (f"np.where(y {op.compare} {_constant(op.cut)}, {then}, {other})",)
        case src.Clip():
            return _clip(op.lo, op.hi)
        case src.HardSigmoid():
            scaled = f"np.float32({op.alpha!r}) * y + np.float32({op.beta!r})"
            return (scaled, *_clip(0.0, 1.0))
        case src.Pow() if op.c.shape == () and op.c in (2, 3):
            return ("y * y" if op.c == 2 else "y * y * y",)
        case _ if type(op) in _UNARY:
            return (_UNARY[type(op)],)
        case _:
            raise BnncError.at(op.where, "a driver cannot compute this behind the accelerator")


def _clip(lo: float, hi: float) -> tuple[str, ...]:
    """What equals a bound stays as it is: -0 at a bound of 0."""
    low, high = (f"np.float32({bound!r})".replace("inf", "np.inf") for bound in (lo, hi))
    return f"np.where(y < {low}, {low}, y)", f"np.where(y > {high}, {high}, y)"


def _constant(array: Array) -> str:
    return f"np.array({numbers(array.astype(np.float32))}, np.float32)"
