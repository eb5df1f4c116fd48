"""Attributes of sliding windows: strides, dilations, pads, auto_pad. Lines (C, L) become maps (C, 1, L)."""

from __future__ import annotations

from dataclasses import dataclass

from bnnc.frontends.node import Node
from bnnc.ir.edge_ops import Reshape
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.op import Op


@dataclass(frozen=True)
class Window:
    """How a kernel slides over a map."""

    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: Pads


def as_map(node: Node, x: Op) -> Op:
    """`x` as (C, H, W); (C, L) becomes (C, 1, L)."""
    shape = x.type.shape
    node.require(len(shape) in (2, 3), f"{x.type} where (C, H, W) or (C, L) is needed")
    return x if len(shape) == 3 else Reshape(node.derived("map"), x, (shape[0], 1, shape[1]))


def unmapped(node: Node, y: Op, like: Op) -> Op:
    """The map `y` with as many axes as `like` has."""
    shape = y.type.shape
    return y if len(like.type.shape) == 3 else Reshape(node.derived("line"), y, (shape[0], shape[2]))


def read_window(node: Node, x: Op, kernel: list[int]) -> Window:
    """The window of `kernel` over the map `x` that the attributes of the node describe."""
    n = len(kernel)
    node.require(
        n in (1, 2) and min(kernel) > 0, f"kernel {kernel}", "kernels of one or two dimensions are supported"
    )
    strides, dilations = _pair(node, "strides", n), _pair(node, "dilations", n)
    taps = (1, kernel[0]) if n == 1 else (kernel[0], kernel[1])
    pads = _pads(node, n, _size(x), taps, strides, dilations)
    return Window(taps, strides, dilations, pads)


def _size(x: Op) -> Pair:
    return x.type.shape[1], x.type.shape[2]


def _pair(node: Node, name: str, n: int) -> Pair:
    values = node.ints_attribute(name) or [1] * n
    node.require(len(values) == n and min(values) > 0, f"{name} {values} for {n} dimensions")
    return (1, values[0]) if n == 1 else (values[0], values[1])


def _pads(node: Node, n: int, size: Pair, kernel: Pair, strides: Pair, dilations: Pair) -> Pads:
    auto = node.text_attribute("auto_pad", "NOTSET")
    node.require(auto in ("NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"), f"unknown auto_pad {auto!r}")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        node.require(dilations == (1, 1), f"auto_pad {auto} with dilations {dilations}", "write the pads out")
        spans = [_same(size[i], kernel[i], strides[i], auto == "SAME_LOWER") for i in (0, 1)]
        return spans[0][0], spans[1][0], spans[0][1], spans[1][1]
    pads = node.ints_attribute("pads") or [0] * (2 * n)
    if auto == "VALID":
        pads = [0] * (2 * n)
    node.require(len(pads) == 2 * n and min(pads) >= 0, f"pads {pads}", "pads of 0 or more, two a dimension")
    return (0, pads[0], 0, pads[1]) if n == 1 else (pads[0], pads[1], pads[2], pads[3])


def _same(size: int, kernel: int, stride: int, lower: bool) -> Pair:
    """Pads before and behind so that there are ceil(size / stride) windows."""
    windows = -(-size // stride)
    total = max(0, (windows - 1) * stride + kernel - size)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)
