"""aten's operators that move, join, split or reduce; the batch stays axis 0."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from bnnc.exporter.call import Call, Known, Signal, sizes
from bnnc.exporter.elementwise import Converter

_REMEDY = "keep the batch as axis 0"


def reshape(call: Call) -> Signal:
    """view, reshape, flatten, squeeze, unsqueeze: to the shape of the result."""
    x, shape = call.signal(), call.shape
    call.require(shape[:1] == x.shape[:1], f"{x.shape} to {shape} changes the batch", _REMEDY)
    if shape == x.shape:
        return call.done(x.name)
    if len(shape) == 2 and len(x.shape) > 2:
        return call.done(call.emit("Flatten", x.name, axis=1))
    target = call.writer.constant(np.array([0, *shape[1:]], np.int64), call.label("shape"))
    return call.done(call.emit("Reshape", x.name, target))


def permute(call: Call) -> Signal:
    """Axes in another order."""
    rank = len(call.signal().shape)
    return _transposed(call, [int(axis) % rank for axis in call.args[1]])


def transpose(call: Call) -> Signal:
    """Two axes swapped."""
    rank = len(call.signal().shape)
    a, b = (int(axis) % rank for axis in call.args[1:3])
    order = list(range(rank))
    order[a], order[b] = b, a
    return _transposed(call, order)


def _transposed(call: Call, order: list[int]) -> Signal:
    call.require(order[0] == 0, f"permutation {order} moves the batch", _REMEDY)
    return call.done(call.emit("Transpose", call.signal().name, perm=order))


def concat(call: Call) -> Signal:
    """Tensors joined along an axis."""
    parts = list(call.args[0])
    call.require(all(isinstance(p, Signal) for p in parts), "joins constants to a layer's result")
    axis = _axis(call, call.arg(1, "dim", 0))
    return call.done(call.emit("Concat", *(part.name for part in parts), axis=axis))


def split(call: Call) -> list[Signal]:
    """split(x, size or sizes, dim); all parts."""
    x, results = call.signal(), call.node.meta["val"]
    axis = _axis(call, call.arg(2, "dim", 0))
    shapes = [sizes(part) for part in results]
    widths = _integers(call, [shape[axis] for shape in shapes], "sizes")
    names = call.writer.node("Split", [x.name, widths], call.label("split"), outputs=len(shapes), axis=axis)
    return [Signal(name, shape) for name, shape in zip(names, shapes, strict=True)]


def narrow(call: Call) -> Signal:
    """slice(x, dim, start, end, step): a part of the channels or the map."""
    x = call.signal()
    axis = int(call.arg(1, "dim", 0)) % len(x.shape)
    start, end, stride = call.arg(2, "start"), call.arg(3, "end"), int(call.arg(4, "step", 1))
    first, last = int(start or 0), sys.maxsize if end is None else int(end)
    if (first, stride) == (0, 1) and last >= x.shape[axis]:
        return call.done(x.name)
    call.require(axis > 0, "slices the batch", _REMEDY)
    bounds = (first, min(last, x.shape[axis]), axis, stride)
    names = ("start", "end", "axis", "step")
    operands = [_integers(call, [n], name) for n, name in zip(bounds, names, strict=True)]
    return call.done(call.emit("Slice", x.name, operands[0], operands[1], operands[2], operands[3]))


def index_select(call: Call) -> Signal:
    """index_select(x, dim, index) with a constant index."""
    return _gathered(call, int(call.args[1]), call.args[2])


def index(call: Call) -> Signal:
    """x[:, index]: one constant vector of integers along one axis."""
    given = [(axis, part) for axis, part in enumerate(call.args[1]) if part is not None]
    call.require(len(given) == 1, "indexes several axes", "index the channels only")
    return _gathered(call, *given[0])


def _gathered(call: Call, axis: int, chosen: Any) -> Signal:
    x = call.signal()
    call.require(isinstance(chosen, Known) and chosen.value.dim() == 1, "its index is not a constant vector")
    axis %= len(x.shape)
    call.require(axis > 0, "indexes the batch", _REMEDY)
    wanted = [int(n) % x.shape[axis] for n in chosen.value]
    return call.done(call.emit("Gather", x.name, _integers(call, wanted, "index"), axis=axis))


def repeat(call: Call) -> Signal:
    """repeat(x, times): channels several times over."""
    x, times = call.signal(), [int(n) for n in call.args[1]]
    only_channels = len(times) == len(x.shape) and all(n == 1 for i, n in enumerate(times) if i != 1)
    call.require(only_channels, f"repeats by {times}", "only channels may be repeated")
    return call.done(call.emit("Concat", *[x.name] * times[1], axis=1))


def pad(call: Call) -> Signal:
    """constant_pad_nd(x, pads from the last axis on, value)."""
    x, given = call.signal(), [int(n) for n in call.args[1]]
    rank = len(x.shape)
    starts, ends = [0] * rank, [0] * rank
    for i in range(len(given) // 2):
        starts[rank - 1 - i], ends[rank - 1 - i] = given[2 * i : 2 * i + 2]
    value = call.constant(np.asarray(call.arg(2, "value", 0.0), np.float32), "value")
    return call.done(call.emit("Pad", x.name, _integers(call, [*starts, *ends], "pads"), value))


def any_pad(call: Call) -> Signal:
    """pad(x, pads, mode, value)."""
    call.require(call.arg(2, "mode", "constant") == "constant", "pads by reflection or repetition")
    value = call.arg(3, "value", 0.0)
    return pad(Call(call.node, call.module, (*call.args[:2], value or 0.0), {}, call.writer))


def reduction(op_type: str) -> Converter:
    """The converter of a mean or sum over axes."""

    def convert(call: Call) -> Signal:
        x = call.signal()
        axes = sorted(int(axis) % len(x.shape) for axis in call.args[1] or range(len(x.shape)))
        call.require(0 not in axes, "reduces over the batch", _REMEDY)
        keep = int(call.arg(2, "keepdim", False))
        if op_type == "ReduceSum":  # whose axes are an operand since opset 13
            y = call.emit(op_type, x.name, _integers(call, axes, "axes"), keepdims=keep)
        else:
            y = call.emit(op_type, x.name, axes=axes, keepdims=keep)
        return call.done(y)

    return convert


def softmax(op_type: str) -> Converter:
    """The converter of Softmax or LogSoftmax."""
    return lambda call: call.done(call.emit(op_type, call.signal().name, axis=_axis(call, call.args[1])))


def argmax(call: Call) -> Signal:
    """argmax(x, dim, keepdim): the lowest index of equals."""
    axis = _axis(call, call.arg(1, "dim"))
    return call.done(
        call.emit("ArgMax", call.signal().name, axis=axis, keepdims=int(call.arg(2, "keepdim", False)))
    )


def _axis(call: Call, axis: Any) -> int:
    value = call.args[0]
    rank = len(value.shape if isinstance(value, Signal) else value[0].shape)
    call.require(axis is not None, "no axis is given", "name the axis")
    resolved = int(axis) % rank
    call.require(resolved > 0, "works along the batch", _REMEDY)
    return resolved


def _integers(call: Call, numbers: list[int], name: str) -> str:
    return call.writer.constant(np.array(numbers, np.int64), call.label(name))


_RESHAPES = ("view", "_unsafe_view", "reshape", "flatten", "squeeze", "unsqueeze", "view_copy")

CONVERTERS: dict[str, Any] = {
    **{f"aten.{name}": reshape for name in _RESHAPES},
    "aten.permute": permute,
    "aten.transpose": transpose,
    "aten.cat": concat,
    "aten.split": split,
    "aten.split_with_sizes": split,
    "aten.chunk": split,
    "aten.slice": narrow,
    "aten.index_select": index_select,
    "aten.index": index,
    "aten.repeat": repeat,
    "aten.constant_pad_nd": pad,
    "aten.pad": any_pad,
    "aten.mean": reduction("ReduceMean"),
    "aten.sum": reduction("ReduceSum"),
    "aten.softmax": softmax("Softmax"),
    "aten._softmax": softmax("Softmax"),
    "aten.log_softmax": softmax("LogSoftmax"),
    "aten._log_softmax": softmax("LogSoftmax"),
    "aten.argmax": argmax,
}
