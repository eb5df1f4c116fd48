"""aten's elementwise operators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from onnx import TensorProto

from bnnc.exporter.call import Call, Signal
from bnnc.exporter.writer import Array

Converter = Callable[[Call], Signal]


def unary(op_type: str) -> Converter:
    """The converter of a function of one operand."""
    return lambda call: call.done(call.emit(op_type, call.signal().name))


def binary(op_type: str, swapped: bool = False) -> Converter:
    """The converter of a function of two operands, of which one may be constant."""

    def convert(call: Call) -> Signal:
        call.require(call.arg(2, "alpha", 1) == 1, "its alpha is not 1", "multiply the operand")
        names = [_operand(call, index) for index in (0, 1)]
        return call.done(call.emit(op_type, *(reversed(names) if swapped else names)))

    return convert


def _operand(call: Call, index: int) -> str:
    """Operand `index`: a signal, or a constant in float32."""
    value = call.args[index]
    if isinstance(value, Signal):
        return value.name
    array = call.needed(index, f"operand {index}")
    return call.constant(array.astype(np.float32), "constant")


def prelu(call: Call) -> Signal:
    """x < 0 ? slope * x : x, one slope or one a channel."""
    x, slope = call.signal(), call.needed(1, "slope")
    return call.done(call.emit("PRelu", x.name, call.constant(per_channel(slope, len(x.shape)), "slope")))


def leaky_relu(call: Call) -> Signal:
    """A PRelu with one slope."""
    alpha = float(call.arg(1, "negative_slope", 0.01))
    return call.done(call.emit("LeakyRelu", call.signal().name, alpha=alpha))


def per_channel(array: Array, rank: int) -> Array:
    """One number, or (C,), so that ONNX broadcasts it along axis 1 of a tensor of `rank`."""
    return array.reshape(1) if array.size == 1 else array.reshape(-1, *[1] * (rank - 2))


def clamp(call: Call) -> Signal:
    """Between two bounds, either of which may be missing."""
    return _clip(call, call.array(1, "min"), call.array(2, "max"))


def hardtanh(call: Call) -> Signal:
    """Between two bounds, -1 and 1 where they are not given."""
    return _clip(call, np.float32(call.arg(1, "min_val", -1)), np.float32(call.arg(2, "max_val", 1)))


def relu6(call: Call) -> Signal:
    """Between 0 and 6."""
    return _clip(call, np.float32(0), np.float32(6))


def _clip(call: Call, lo: Array | np.float32 | None, hi: Array | np.float32 | None) -> Signal:
    bounds = ["" if b is None else call.constant(np.asarray(b, np.float32), "bound") for b in (lo, hi)]
    if not bounds[1]:
        bounds.pop()
    return call.done(call.emit("Clip", call.signal().name, *bounds))


def hardsigmoid(call: Call) -> Signal:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return call.done(call.emit("HardSigmoid", call.signal().name, alpha=1 / 6, beta=0.5))


def where(call: Call) -> Signal:
    """A comparison chooses between two operands."""
    names = [call.signal(0).name, _operand(call, 1), _operand(call, 2)]
    return call.done(call.emit("Where", *names))


def to_dtype(call: Call) -> Signal:
    """float32 stays as it is; the truth of a comparison becomes 0 and 1."""
    x, target = call.signal(), call.result.dtype
    if x.dtype == target:
        return call.done(x.name)
    call.require(target == torch.float32, f"converts to {target}", "compute in float32")
    return call.done(call.emit("Cast", x.name, to=TensorProto.FLOAT))


def same(call: Call) -> Signal:
    """What changes nothing in eval mode."""
    return call.done(call.signal().name)


_COMPARISONS = {"ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "lt": "Less"}
_UNARY = {
    **{name: name.capitalize() for name in ("relu", "sigmoid", "tanh", "abs", "neg", "sqrt", "exp", "sign")},
    **{name: name.capitalize() for name in ("round", "floor", "ceil", "reciprocal")},
    "logical_not": "Not",
}
_SAME = ("clone", "detach", "alias", "dropout", "native_dropout", "contiguous", "lift_fresh_copy")

CONVERTERS: dict[str, Converter] = {
    **{f"aten.{name}": unary(op_type) for name, op_type in _UNARY.items()},
    **{f"aten.{name}": binary(op_type) for name, op_type in _COMPARISONS.items()},
    **{f"aten.{name}": same for name in _SAME},
    "aten.add": binary("Add"),
    "aten.sub": binary("Sub"),
    "aten.rsub": binary("Sub", swapped=True),
    "aten.mul": binary("Mul"),
    "aten.div": binary("Div"),
    "aten.pow": binary("Pow"),
    "aten.prelu": prelu,
    "aten._prelu_kernel": prelu,
    "aten.leaky_relu": leaky_relu,
    "aten.clamp": clamp,
    "aten.hardtanh": hardtanh,
    "aten.relu6": relu6,
    "aten.hardsigmoid": hardsigmoid,
    "aten.where": where,
    "aten._to_copy": to_dtype,
    "aten.to": to_dtype,
}
