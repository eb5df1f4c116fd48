"""The edges of a graph: real inputs to integer codes, raw integers to what the source network answers."""

from __future__ import annotations

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import Cast, ChannelsFirst, EncodeInput, Reshape, ToFloat
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input, tail
from bnnc.ir.source_ops import Elementwise, LogSoftmax, Softmax
from bnnc.sim import elementwise, transcendental

VALUE_TOLERANCE = 1e-3  # of a step: what a few float32 roundings of q * scale + offset may be off by


def encode(graph: Graph, x: Array) -> Array:
    """The codes (n, *core_input.type.shape) of a batch of inputs, in the encoder's element type.

    x is float (n, *input shape), rounded to float32 first. Integers are codes and only checked, where
    the codes are a declared domain. BnncError names the sample and the element that has no code.
    """
    encoder = core_input(graph)
    shape = encoder.type.shape
    if x.shape[1:] != shape or x.ndim != len(shape) + 1:
        wanted = " x ".join(map(str, shape))
        raise BnncError.at(
            "input", f"has the shape {x.shape}", f"give a batch of samples {wanted}, batch first"
        )
    if x.dtype.kind in "iu":
        return _checked_codes(encoder, x)
    if x.dtype.kind != "f":
        raise BnncError.at("input", f"holds {x.dtype}", "give float32 numbers, or integer codes")
    with np.errstate(over="ignore"):
        return encode_floats(encoder, x.astype(np.float32))


def encode_floats(encoder: EncodeInput, x: Array) -> Array:
    """`EncodeInput` on float32 (n, *shape)."""
    _refuse(x, np.isnan(x), "which is no number")
    if encoder.reject.size:
        low, high = _along_channels(encoder.reject[:, 0], x), _along_channels(encoder.reject[:, 1], x)
        _refuse(x, (x >= low) & (x < high), "which the network's first quantizer maps to none of its codes")
    steps = _steps_reached(encoder.cuts, x)
    if encoder.values.size:
        _check_values(encoder, x, steps)
    return (encoder.first + encoder.unit * steps).astype(encoder.elem.dtype)


def decode(graph: Graph, raw: Array) -> Array:
    """What the source network outputs, batch first, for raw integers (n, *core_result.type.shape)."""
    y = raw
    for op in tail(graph):
        y = _decode_op(op, y)
    return np.ascontiguousarray(y)


def decode_integers(graph: Graph, raw: Array) -> Array:
    """The raw integers in the layout of the source network's output: shapes and order only."""
    y = raw
    for op in tail(graph):
        if isinstance(op, Reshape | ChannelsFirst):
            y = _decode_op(op, y)
    return np.ascontiguousarray(y)


def _decode_op(op: Op, y: Array) -> Array:
    match op:
        case Reshape():
            return y.reshape(len(y), *op.shape)
        case ChannelsFirst():
            return y.transpose(0, 3, 1, 2)
        case Cast():
            return y.astype(op.elem.dtype)
        case ToFloat():
            return y.astype(np.float32)
        case Softmax():
            return transcendental.softmax(y)
        case LogSoftmax():
            return transcendental.log_softmax(y)
        case Elementwise():
            return np.moveaxis(elementwise.apply(op, np.moveaxis(y, 1, -1)), -1, 1)
        case _:
            raise AssertionError(f"{op.mnemonic()} is no operation of a tail")


def _checked_codes(encoder: EncodeInput, x: Array) -> Array:
    if not encoder.is_domain:
        remedy = "give float32 numbers, or declare the integers with --input-domain"
        raise BnncError.at("input", f"holds {x.dtype}, but the network has no integer input domain", remedy)
    bad = (x < encoder.first) | (x > encoder.last)
    if encoder.elem == B1_PM:
        bad |= x == 0
    _refuse(x, bad, f"which is no {encoder.elem} code from {encoder.first} to {encoder.last}")
    return x.astype(encoder.elem.dtype)


def value_tolerance(encoder: EncodeInput) -> Array:
    """float64 (1 or C,): how far x may lie from the value of its code, a share of the smallest step."""
    values = encoder.values.astype(np.float64)
    gaps: Array = np.diff(values, axis=1).min(axis=1) if values.shape[1] > 1 else np.ones(len(values))
    return VALUE_TOLERANCE * gaps


def _check_values(encoder: EncodeInput, x: Array, steps: Array) -> None:
    """Refuse what is not a value of the declared domain (rows of `values` ascend)."""
    values = encoder.values
    row = _along_channels(np.arange(len(values)), x)
    bad = np.abs(x - values.astype(np.float64)[row, steps]) > value_tolerance(encoder)[row]
    if bad.any():
        index = tuple(np.argwhere(bad)[0])
        known = values[np.broadcast_to(row, x.shape)[index]]
        nearest = known[np.abs(known - np.clip(x[index], known[0], known[-1])).argmin()]
        _refuse(x, bad, f"not a value of the declared input domain; the nearest is {nearest!s}")


def _steps_reached(cuts: Array, x: Array) -> Array:
    """How many cuts (1 or C, K) of its channel each x (n, C, ...) has reached."""
    if len(cuts) == 1:
        return np.searchsorted(cuts[0], x, side="right")
    steps = np.empty(x.shape, np.intp)
    for channel, row in enumerate(cuts):
        steps[:, channel] = np.searchsorted(row, x[:, channel], side="right")
    return steps


def _along_channels(per_channel: Array, x: Array) -> Array:
    """(1 or C,) shaped to broadcast over axis 1 of x."""
    return per_channel.reshape(-1, *[1] * (x.ndim - 2))


def _refuse(x: Array, bad: Array, why: str) -> None:
    """An error that names the first element of the batch where `bad` holds."""
    if bad.any():
        sample, *element = (int(i) for i in np.argwhere(bad)[0])
        raise BnncError.at("input", f"sample {sample}, element {element} is {x[sample, *element]!s}, {why}")
