"""The operators `bnnc::..` as QONNX nodes, on signals and on weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from bnnc.exporter.call import Call, Known, Signal, as_array
from bnnc.exporter.writer import QONNX_DOMAIN, Array


def sign(call: Call) -> Signal:
    """x >= 0: BipolarQuant."""
    return call.done(_bipolar(call, call.signal().name, "sign"))


def step(call: Call) -> Signal:
    """x > 0: one unsigned bit, rounded up."""
    one = np.ones((), np.float32)
    return call.done(_quant(call, call.signal().name, one, (1, False, False, "CEIL"), "step"))


def strict_sign(call: Call) -> Signal:
    """x > 0 on a signal: compare and choose."""
    zero, one = (call.constant(np.asarray(n, np.float32), "constant") for n in (0, 1))
    minus = call.constant(np.asarray(-1, np.float32), "constant")
    positive = call.emit("Greater", call.signal().name, zero)
    return call.done(call.emit("Where", positive, one, minus, suffix="sign"))


def quant(call: Call) -> Signal:
    """Quant, its scale broadcast as in torch."""
    bits, signed, narrow, rounding = call.args[2:6]
    scale = call.needed(1, "scale")
    return call.done(_quant(call, call.signal().name, scale, (bits, signed, narrow, rounding), "quant"))


def fixed_point(call: Call) -> Signal:
    """Float64 from the first Cast to the last; neutral operations are left out."""
    y = call.emit("Cast", call.signal().name, suffix="double", to=TensorProto.DOUBLE)
    y = call.emit("Mul", y, _double(call, 1, "multiplier"))
    if _counts(call, 2, 0):
        y = call.emit("Add", y, _double(call, 2, "before"), suffix="shift")
    if _counts(call, 3, 1):
        y = call.emit("PRelu", y, _double(call, 3, "slope"))
    if _counts(call, 4, 0):
        y = call.emit("Add", y, _double(call, 4, "after"), suffix="add")
    y = call.emit("Floor", y)
    bounds = (call.constant(np.asarray(call.args[i], np.float64), "bound") for i in (5, 6))
    y = call.emit("Clip", y, *bounds)
    y = call.emit("Cast", y, suffix="code", to=TensorProto.FLOAT)
    scale = call.needed(7, "scale")
    return call.done(y if scale == 1 else call.emit("Mul", y, call.constant(scale, "step"), suffix="value"))


def _double(call: Call, index: int, what: str) -> str:
    """A float64 constant that broadcasts along the channels."""
    array = call.needed(index, what).astype(np.float64)
    rank = len(call.signal().shape)
    shaped = array.reshape(-1, *[1] * (rank - 2)) if array.ndim or what == "slope" else array
    return call.constant(shaped, what)


def _counts(call: Call, index: int, neutral: float) -> bool:
    """Whether operand `index` is given and changes anything."""
    array = call.array(index, "constant")
    return array is not None and bool((array != neutral).any())


def _bipolar(call: Call, x: str, suffix: str) -> str:
    one = call.constant(np.ones((), np.float32), "scale")
    return call.emit("BipolarQuant", x, one, suffix=suffix, domain=QONNX_DOMAIN)


def _quant(call: Call, x: str, scale: Array, grid: tuple[int, bool, bool, str], suffix: str) -> str:
    bits, signed, narrow, rounding = grid
    scale = scale.reshape(()) if scale.size == 1 else scale
    numbers = (scale, np.zeros((), np.float32), np.asarray(bits, np.float32))
    names = ("scale", "zero_point", "bits")
    operands = [call.constant(n.astype(np.float32), name) for n, name in zip(numbers, names, strict=True)]
    attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": rounding}
    return call.emit("Quant", x, *operands, suffix=suffix, domain=QONNX_DOMAIN, **attributes)


def weights(call: Call, index: int) -> str:
    """The constant operand `index`, behind the quantizer that made it."""
    known = call.args[index]
    call.require(isinstance(known, Known), "its weights are computed at run time", "they have to be constant")
    array = as_array(known.value).astype(np.float32)
    stored = call.constant(array, "weight")
    match known.made_by:
        case (name, _) if name in (
            "bnnc.weight_sign",
            "bnnc.hybrid_sign",
            "bnnc.projected_sign",
            "bnnc.sign",
        ):
            return _bipolar(call, stored, "weight_sign")
        case ("bnnc.quant", (_, scale, bits, signed, narrow, rounding)):
            grid = (bits, signed, narrow, rounding)
            return _quant(call, stored, as_array(scale), grid, "weight_quant")
    return stored


CONVERTERS: dict[str, Callable[[Call], Signal]] = {
    "bnnc.sign": sign,
    "bnnc.step": step,
    "bnnc.weight_sign": strict_sign,
    "bnnc.hybrid_sign": strict_sign,
    "bnnc.projected_sign": strict_sign,
    "bnnc.quant": quant,
    "bnnc.fixed_point": fixed_point,
}
