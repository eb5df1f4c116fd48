"""Pools and padding of maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bnnc.frontends.node import Node
from bnnc.frontends.nodes.shapes import reshaped
from bnnc.frontends.values import Value
from bnnc.frontends.window import Window, as_map, read_window, unmapped
from bnnc.ir import source_ops as s
from bnnc.ir.geometry import Pads
from bnnc.ir.op import Op


def max_pool(node: Node) -> Value:
    """MaxPool."""
    x = node.feature()
    source = as_map(node, x)
    window = _pool_window(node, source)
    pads = _ceiled(source, window) if node.int_attribute("ceil_mode", 0) else window.pads
    return unmapped(node, s.MaxPool(node.name, source, window.kernel, window.strides, pads), x)


def average_pool(node: Node) -> Value:
    """AveragePool, padding counted."""
    x = node.feature()
    source = as_map(node, x)
    window = _pool_window(node, source)
    counted = node.int_attribute("count_include_pad", 0) == 1
    node.require(
        counted or not any(window.pads), "averages leave out the padding", "set count_include_pad = 1"
    )
    if node.int_attribute("ceil_mode", 0):
        partial = _ceiled(source, window) != window.pads
        node.require(
            not partial, "ceil_mode makes windows of different sizes", "choose sizes that divide evenly"
        )
    return unmapped(node, s.AveragePool(node.name, source, window.kernel, window.strides, window.pads), x)


def _pool_window(node: Node, source: Op) -> Window:
    kernel = node.ints_attribute("kernel_shape")
    node.require(bool(kernel), "attribute kernel_shape is missing")
    node.require(node.int_attribute("storage_order", 0) == 0, "storage_order 1 is not supported")
    window = read_window(node, source, kernel or [])
    node.require(window.dilations == (1, 1), f"dilations {window.dilations} are not supported in a pool")
    return window


def _ceiled(x: Op, window: Window) -> Pads:
    """Pads enlarged at the bottom and right so that the last, partial window fits (ceil_mode).

    A window that would begin in the padding behind the map does not count, as in PyTorch and onnxruntime.
    """
    top, left, bottom, right = window.pads
    ends = []
    for size, kernel, stride, before, behind in zip(
        x.type.shape[1:], window.kernel, window.strides, (top, left), (bottom, right), strict=True
    ):
        windows = -(-(size + before + behind - kernel) // stride) + 1
        if (windows - 1) * stride >= size + before:
            windows -= 1
        ends.append(max(behind, (windows - 1) * stride + kernel - size - before))
    return top, left, ends[0], ends[1]


def global_pool(make: Callable[..., Op]) -> Callable[[Node], Value]:
    """The converter of a pool over the whole map."""

    def convert(node: Node) -> Value:
        x = node.feature()
        return unmapped(node, _whole_map(node, as_map(node, x), make), x)

    return convert


def _whole_map(node: Node, x: Op, make: Callable[..., Op]) -> Op:
    _, height, width = x.type.shape
    return make(node.name, x, (height, width), (1, 1), (0, 0, 0, 0))


def reduction(make: Callable[..., Op], axes_input_since: int) -> Callable[[Node], Value]:
    """The converter of a sum, mean or maximum over H, W or both."""

    def convert(node: Node) -> Value:
        x = node.feature()
        shape, rank = x.type.shape, 1 + len(x.type.shape)
        axes = sorted({node.counted_axis(axis, rank) for axis in _axes(node, axes_input_since)})
        in_map = rank > 2 and len(axes) > 0 and axes[0] >= 2
        node.require(in_map, f"reduces axes {axes} of {x.type}", "reduce rows and columns of maps only")
        kernel = tuple(n if axis in axes else 1 for axis, n in enumerate(shape[1:], 2))
        height, width = kernel if len(kernel) == 2 else (1, *kernel)
        pooled = make(node.name, as_map(node, x), (height, width), (1, 1), (0, 0, 0, 0))
        if node.int_attribute("keepdims", 1):
            return unmapped(node, pooled, x)
        kept = tuple(n for axis, n in enumerate(shape, 1) if axis not in axes)
        return reshaped(node.derived("shape"), pooled, kept)

    return convert


def _axes(node: Node, input_since: int) -> Sequence[int]:
    if node.opset >= input_since:
        return node.integers(1, "the axes") if node.has(1) else ()
    return node.ints_attribute("axes") or ()


def pad(node: Node) -> Value:
    """Pad of a map's height and width with one number."""
    x = node.feature()
    mode = node.text_attribute("mode", "constant")
    node.require(mode == "constant", f"pads by {mode!r}", "only constant padding is supported")
    rank = 1 + len(x.type.shape)
    starts, ends = _pads_per_axis(node, rank)
    inner = [*starts[:2], *ends[:2]]
    node.require(
        rank in (3, 4) and not any(inner), "pads the batch or the channels", "pad height and width only"
    )
    node.require(min(*starts, *ends) >= 0, f"pads {starts + ends} crop the map", "pads have to be 0 or more")
    top, bottom = (0, 0) if rank == 3 else (starts[2], ends[2])
    padded = s.Pad(node.name, as_map(node, x), (top, starts[-1], bottom, ends[-1]), _pad_value(node))
    return unmapped(node, padded, x)


def _pads_per_axis(node: Node, rank: int) -> tuple[list[int], list[int]]:
    """Pads before and behind every axis."""
    pads = (node.ints_attribute("pads") or []) if node.opset < 11 else node.integers(1, "the pads")
    axes = node.integers(3, "the axes") if node.has(3) else list(range(rank))
    node.require(len(pads) == 2 * len(axes), f"{len(pads)} pads for {len(axes)} axes")
    starts, ends = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        starts[node.counted_axis(axis, rank)] = pads[i]
        ends[node.counted_axis(axis, rank)] = pads[i + len(axes)]
    return starts, ends


def _pad_value(node: Node) -> float:
    if node.opset < 11:
        return node.float_attribute("value", 0.0)
    if not node.has(2):
        return 0.0
    node.reals(2, "the padding value")
    return node.number(2, "the padding value")


CONVERTERS: dict[str, Callable[[Node], Value]] = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_pool(s.AveragePool),
    "GlobalMaxPool": global_pool(s.MaxPool),
    "ReduceMean": reduction(s.AveragePool, 18),
    "ReduceSum": reduction(s.SumPool, 13),
    "ReduceMax": reduction(s.MaxPool, 18),
    "Pad": pad,
}
