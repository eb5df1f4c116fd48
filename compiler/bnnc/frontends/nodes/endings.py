"""What ends a classifier: Softmax, LogSoftmax, ArgMax, TopK."""

from __future__ import annotations

from collections.abc import Callable

from bnnc.frontends.node import Node
from bnnc.frontends.nodes.shapes import reshaped
from bnnc.frontends.values import Value
from bnnc.ir import source_ops as s
from bnnc.ir.op import Op, tensor_of


def softmax(make: Callable[[str, Op], Op]) -> Callable[[Node], Value]:
    """The converter of Softmax or LogSoftmax."""

    def convert(node: Node) -> Value:
        x = node.feature()
        shape, rank = x.type.shape, 1 + len(x.type.shape)
        if node.opset < 13:
            axis = node.axis(1, rank)
            alike = axis >= 1 and all(n == 1 for n in shape[: axis - 1])
            node.require(alike, f"axis {axis} of {x.type}: more than one distribution a sample")
            size = tensor_of(x).size
        else:
            size = _length(node, x, node.axis(-1, rank))
        return reshaped(
            node.derived("shape"), make(node.name, reshaped(node.derived("vector"), x, (size,))), shape
        )

    return convert


def _length(node: Node, x: Op, axis: int) -> int:
    """Elements along `axis`, which has to be all that a sample holds."""
    node.require(axis != 0, "works across the batch", "use the axis of the classes")
    others = [n for i, n in enumerate(x.type.shape, 1) if i != axis]
    node.require(all(n == 1 for n in others), f"axis {axis} of {x.type}: more than one vector a sample")
    return x.type.shape[axis - 1]


def arg_max(node: Node) -> Value:
    """ArgMax: index of the largest element, the lowest of equals."""
    x = node.feature()
    axis = node.axis(0, 1 + len(x.type.shape))
    node.require(node.int_attribute("select_last_index", 0) == 0, "select_last_index is not supported")
    best = _best(node, x, axis, 1)
    kept = [1 if i == axis else n for i, n in enumerate(x.type.shape, 1)]
    if not node.int_attribute("keepdims", 1):
        del kept[axis - 1]
    return reshaped(node.derived("shape"), best, tuple(kept))


def top_k(node: Node) -> Value:
    """The indices of TopK."""
    x = node.feature()
    axis = node.axis(-1, 1 + len(x.type.shape))
    k = int(node.number(1, "k")) if node.opset >= 10 else node.int_attribute("k", 0)
    node.require(
        node.int_attribute("largest", 1) == 1, "asks for the smallest elements", "largest = 1 is supported"
    )
    node.require(k == 1 or node.int_attribute("sorted", 1) == 1, "leaves the order open", "set sorted = 1")
    best = _best(node, x, axis, k)
    shape = tuple(k if i == axis else n for i, n in enumerate(x.type.shape, 1))
    return reshaped(node.derived("shape"), best, shape)


def _best(node: Node, x: Op, axis: int, k: int) -> Op:
    size = _length(node, x, axis)
    return s.ArgTopK(node.name, reshaped(node.derived("vector"), x, (size,)), k)


CONVERTERS: dict[str, Callable[[Node], Value]] = {
    "Softmax": softmax(s.Softmax),
    "LogSoftmax": softmax(s.LogSoftmax),
    "ArgMax": arg_max,
    "TopK": top_k,
}
