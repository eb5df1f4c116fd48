"""Where values meet and part: sums of layers' results, Concat, Split, Slice, Gather, Tile, Expand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bnnc.frontends.broadcast import channel_constant
from bnnc.frontends.channels import MAX_ELEMENTS, gathered_along, joined
from bnnc.frontends.node import Node
from bnnc.frontends.nodes.shapes import reshaped
from bnnc.frontends.values import BATCH, Const, Several, Value
from bnnc.ir import source_ops as s
from bnnc.ir.op import Op


def added(node: Node, a: Op, b: Op, name: str) -> Op:
    """a + b, two layers' results of one shape."""
    floats = a.type.elem.is_float and b.type.elem.is_float
    node.require(floats, "adds the indices of an ArgMax or TopK")
    node.require(
        a.type == b.type,
        f"adds {a.type} and {b.type}",
        "give both the same shape; only constants are repeated to fit (broadcast)",
    )
    return s.AddTensors(name, a, b)


def total(node: Node) -> Value:
    """Sum of any number of operands, from left to right."""
    order = list(range(len(node.inputs)))
    if len(order) > 1 and isinstance(node.value(0), Const):
        order[:2] = [1, 0]  # both orders round alike
    x = node.feature(order[0])
    for position in order[1:]:
        x = _plus(node, x, position, node.name if position == order[-1] else node.derived("part"))
    return x


def _plus(node: Node, x: Op, position: int, name: str) -> Op:
    if isinstance(node.value(position), Const):
        constant = channel_constant(node, node.reals(position, "the constant"), x, "the constant")
        return s.Add(name, x, constant)
    return added(node, x, node.feature(position), name)


def concat(node: Node) -> Value:
    """Concat along the channels."""
    parts = [node.feature(i) for i in range(len(node.inputs))]
    first = parts[0].type
    axis = node.axis(1, 1 + len(first.shape))
    node.require(axis == 1, f"joins along axis {axis}", "only channels (axis 1) can be joined")
    for part in parts[1:]:
        fits = part.type.shape[1:] == first.shape[1:] and len(part.type.shape) == len(first.shape)
        node.require(fits, f"joins {first} and {part.type}", "all but the channels have to be alike")
    _require_small(node, sum(math.prod(part.type.shape) for part in parts))
    return joined(node.name, parts, node.derived)


def split(node: Node) -> Value:
    """Split along the channels: equal parts, or parts of given sizes."""
    x = node.feature()
    axis = _channel_axis(node, x, node.int_attribute("axis", 0))
    size = x.type.shape[axis]
    sizes = _part_sizes(node, size)
    node.require(
        sum(sizes) == size and min(sizes) > 0, f"sizes {sizes} of {size} elements along axis {axis + 1}"
    )
    ends = np.cumsum(sizes)
    parts = [np.arange(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    return Several(tuple(gathered_along(node.derived("part"), x, axis, i, node.derived) for i in parts))


def _part_sizes(node: Node, size: int) -> list[int]:
    """Sizes: an attribute before opset 13, an input since; without them equal parts."""
    if node.opset < 13:
        given = node.ints_attribute("split")
    else:
        given = node.integers(1, "the sizes") if node.has(1) else None
    if given is not None:
        n_outputs = len(node.proto.output)
        node.require(len(given) == n_outputs, f"{len(given)} sizes for {n_outputs} outputs")
        return given
    count = node.int_attribute("num_outputs", len(node.proto.output))
    node.require(0 < count <= size, f"{count} parts of {size} elements")
    step = -(-size // count)
    return [min(step, size - at) for at in range(0, size, step)]


def slice_of(node: Node) -> Value:
    """Slice: channels, or every n-th row and column of a map."""
    x = node.feature()
    for axis, bounds in _slices(node, 1 + len(x.type.shape)):
        if axis == 0:
            whole = bounds.step in (None, 1) and bounds.start == 0 and bounds.stop >= (node.batch or BATCH)
            node.require(whole, "takes samples of the batch", "slice channels only")
        else:
            x = _sliced(node, x, axis - 1, bounds)
    return x


def _sliced(node: Node, x: Op, axis: int, bounds: slice) -> Op:
    size = x.type.shape[axis]
    taken = range(size)[bounds]
    node.require(len(taken) > 0, f"takes nothing of the {size} elements of axis {axis + 1}")
    if taken == range(size):
        return x
    if axis > 0 and len(x.type.shape) == 3:
        return _every(node, x, axis, taken)
    return gathered_along(node.derived("slice"), x, axis, np.array(taken), node.derived)


def _every(node: Node, x: Op, axis: int, taken: range) -> Op:
    """Every n-th row or column from the first on: the maximum of one element."""
    every = taken.step > 0 and taken == range(0, x.type.shape[axis], taken.step)
    node.require(every, f"crops axis {axis + 1} of {x.type}", "slice channels, or take every n-th row")
    strides = (taken.step, 1) if axis == 1 else (1, taken.step)
    return s.MaxPool(node.derived("stride"), x, (1, 1), strides, (0, 0, 0, 0))


def _slices(node: Node, rank: int) -> list[tuple[int, slice]]:
    """(axis, bounds): attributes before opset 10, inputs since."""
    if node.opset < 10:
        starts, ends, axes = (node.ints_attribute(name) for name in ("starts", "ends", "axes"))
        steps: list[int] | None = None
    else:
        starts, ends = node.integers(1, "the starts"), node.integers(2, "the ends")
        axes = node.integers(3, "the axes") if node.has(3) else None
        steps = node.integers(4, "the steps") if node.has(4) else None
    starts, ends = starts or [], ends or []
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    alike = len(starts) == len(ends) == len(axes) == len(steps)
    node.require(alike and all(steps), f"starts {starts}, ends {ends}, axes {axes}, steps {steps}")
    counted = [node.counted_axis(axis, rank) for axis in axes]
    return [(axis, slice(*at)) for axis, *at in zip(counted, starts, ends, steps, strict=True)]


def gather(node: Node) -> Value:
    """Gather of channels; one index drops their axis."""
    x, array = node.feature(), node.const(1, "the index").array
    axis = _channel_axis(node, x, node.int_attribute("axis", 0))
    size = x.type.shape[axis]
    node.require(
        array.dtype.kind == "i" and array.ndim <= 1 and array.size > 0, "its index is no list of integers"
    )
    inside = bool(((array >= -size) & (array < size)).all())
    node.require(
        inside, f"takes elements {array.ravel().tolist()} of {size} along axis {axis + 1} of {x.type}"
    )
    index = array.reshape(-1).astype(np.int64) % size
    if array.ndim == 1:
        return gathered_along(node.name, x, axis, index, node.derived)
    taken = gathered_along(node.derived("taken"), x, axis, index, node.derived)
    return reshaped(node.name, taken, x.type.shape[:axis] + x.type.shape[axis + 1 :])


def tile(node: Node) -> Value:
    """Tile: the whole axis again and again."""
    x, repeats = node.feature(), node.integers(1, "the repeats")
    node.require(
        len(repeats) == 1 + len(x.type.shape) and repeats[0] == 1,
        f"repeats {repeats} of {x.type} and its batch",
    )
    node.require(min(repeats) > 0, f"repeats {repeats}")
    return _repeated(node, x, repeats[1:])


def expand(node: Node) -> Value:
    """Expand: axes of one element become longer."""
    x, dims = node.feature(), node.integers(1, "the shape")
    source = (BATCH, *x.type.shape)
    node.require(len(dims) <= len(source), f"shape {dims} raises the rank of {x.type}", "use Unsqueeze")
    batch, *wanted = [1] * (len(source) - len(dims)) + dims
    node.require(batch in (1, BATCH, node.batch), f"shape {dims} repeats the batch")
    fits = all(n == m or 1 in (n, m) for n, m in zip(x.type.shape, wanted, strict=True))
    node.require(fits and min(wanted, default=1) > 0, f"shape {dims} does not fit {x.type} and its batch")
    return _repeated(node, x, [m if n == 1 else 1 for n, m in zip(x.type.shape, wanted, strict=True)])


def _repeated(node: Node, x: Op, times: list[int]) -> Op:
    _require_small(node, math.prod(times) * math.prod(x.type.shape))
    for axis, n in enumerate(times):
        enlarges = n > 1 and axis > 0 and len(x.type.shape) == 3
        node.require(not enlarges, f"repeats axis {axis + 1} of {x.type}", "only channels can be repeated")
        if n > 1:
            index = np.tile(np.arange(x.type.shape[axis]), n)
            x = gathered_along(node.derived("repeated"), x, axis, index, node.derived)
    return x


def _require_small(node: Node, size: int) -> None:
    """Guards what makes larger results than its operands are."""
    node.require(size <= MAX_ELEMENTS, f"makes {size} elements of a sample")


def _channel_axis(node: Node, x: Op, axis: int) -> int:
    """The axis of one sample; rows and columns of a map are not taken apart."""
    counted = node.counted_axis(axis, 1 + len(x.type.shape))
    node.require(counted > 0, "takes samples of the batch", "the batch stays whole")
    in_map = counted > 1 and len(x.type.shape) == 3
    node.require(not in_map, f"takes axis {counted} of {x.type} apart", "only channels (axis 1) can be")
    return counted - 1


CONVERTERS: dict[str, Callable[[Node], Value]] = {
    "Sum": total,
    "Concat": concat,
    "Split": split,
    "Slice": slice_of,
    "Gather": gather,
    "Tile": tile,
    "Expand": expand,
}
