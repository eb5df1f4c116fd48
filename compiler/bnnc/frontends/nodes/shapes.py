"""Operations that only move or rename elements. The batch stays the first axis and is left out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bnnc.frontends.channels import rearranged
from bnnc.frontends.node import Node
from bnnc.frontends.values import BATCH, Const, Value
from bnnc.ir import source_ops as s
from bnnc.ir.edge_ops import Reshape
from bnnc.ir.op import Op

_MIXES = "would mix the samples of a batch"
_REMEDY = "keep the batch as axis 0: use 0 or -1 for it"


def reshaped(name: str, x: Op, shape: tuple[int, ...]) -> Op:
    """`x` in another shape; `x` itself where that is its shape already, a Gather behind a channel shuffle."""
    return x if x.type.shape == shape else rearranged(name, x, shape) or Reshape(name, x, shape)


def identity(node: Node) -> Value:
    """Identity, and Dropout outside training."""
    if node.has(2):
        training = node.const(2, "the training mode").array
        node.require(not training.any(), "is in training mode", "export the model in eval mode")
    return node.value(0)


def shape_of(node: Node) -> Value:
    """Shape of a layer's result, BATCH in front."""
    shape = np.array([BATCH, *node.feature().type.shape], np.int64)
    start, end = node.int_attribute("start", 0), node.int_attribute("end", len(shape))
    return Const(shape[start:end], from_shape=True)


def reshape(node: Node) -> Value:
    """Reshape(x, shape), the shape constant or computed from shapes."""
    x, dims = node.feature(), node.integers(1, "the shape")
    node.require(len(dims) > 0, _MIXES, _REMEDY)
    if not node.int_attribute("allowzero", 0):
        source = (BATCH, *x.type.shape)
        dims = [source[i] if n == 0 and i < len(source) else n for i, n in enumerate(dims)]
    batch, rest = dims[0], _resolved(node, x, dims)
    stays = batch in (BATCH, -1) or (node.batch is not None and batch == node.batch)
    node.require(
        stays and math.prod(rest) == math.prod(x.type.shape), f"shape {_shown(dims)} {_MIXES}", _REMEDY
    )
    return reshaped(node.name, x, rest)


def _resolved(node: Node, x: Op, dims: list[int]) -> tuple[int, ...]:
    """The dimensions of one sample, -1 among them replaced by what is left."""
    rest = dims[1:]
    node.require(BATCH not in rest, f"shape {_shown(dims)} {_MIXES}", _REMEDY)
    unknown = [i for i, n in enumerate(rest) if n == -1]
    node.require(dims.count(-1) <= 1 and min(rest, default=1) >= -1, f"invalid shape {_shown(dims)}")
    if unknown:
        known = math.prod(n for n in rest if n != -1)
        node.require(known > 0, f"invalid shape {_shown(dims)}")
        rest[unknown[0]] = math.prod(x.type.shape) // known
    return tuple(rest)


def _shown(dims: list[int]) -> str:
    return f"[{', '.join('batch' if n == BATCH else str(n) for n in dims)}]"


def flatten(node: Node) -> Value:
    """Flatten behind the batch."""
    x = node.feature()
    shape = x.type.shape
    axis = node.int_attribute("axis", 1)
    axis += 1 + len(shape) if axis < 0 else 0
    node.require(
        axis >= 1 and math.prod(shape[: axis - 1]) == 1, f"axis {axis} {_MIXES}", "flatten from axis 1 on"
    )
    return reshaped(node.name, x, (math.prod(shape),))


def squeeze(node: Node) -> Value:
    """Squeeze with axes."""
    x, axes = node.feature(), _axes(node)
    node.require(axes is not None, f"without axes it {_MIXES}", "name the axes")
    rank = 1 + len(x.type.shape)
    dropped = {node.counted_axis(axis, rank) for axis in axes or []}
    node.require(0 not in dropped, f"drops the batch: {_MIXES}", _REMEDY)
    kept = [n for axis, n in enumerate(x.type.shape, 1) if axis not in dropped]
    node.require(
        all(x.type.shape[axis - 1] == 1 for axis in dropped), f"axes {sorted(dropped)} of {x.type} are not 1"
    )
    return reshaped(node.name, x, tuple(kept))


def unsqueeze(node: Node) -> Value:
    """Unsqueeze."""
    x, axes = node.feature(), _axes(node) or []
    rank = 1 + len(x.type.shape) + len(axes)
    new = {node.counted_axis(axis, rank) for axis in axes}
    node.require(0 not in new and len(new) == len(axes), f"axes {axes}: {_MIXES}", _REMEDY)
    old = iter(x.type.shape)
    return reshaped(node.name, x, tuple(1 if axis in new else next(old) for axis in range(1, rank)))


def _axes(node: Node) -> list[int] | None:
    """Axes: an attribute before opset 13, an input since."""
    if node.opset >= 13:
        return node.integers(1, "the axes") if node.has(1) else None
    return node.ints_attribute("axes")


def transpose(node: Node) -> Value:
    """Transpose within a sample."""
    x = node.feature()
    rank = 1 + len(x.type.shape)
    perm = node.ints_attribute("perm")
    perm = list(reversed(range(rank))) if perm is None else perm
    node.require(sorted(perm) == list(range(rank)), f"permutation {perm} of rank {rank}")
    node.require(perm[0] == 0, f"permutation {perm} moves the batch", "keep the batch as axis 0")
    order = tuple(axis - 1 for axis in perm[1:])
    return x if order == tuple(range(rank - 1)) else s.Transpose(node.name, x, order)


CONVERTERS: dict[str, Callable[[Node], Value]] = {
    "Identity": identity,
    "Dropout": identity,
    "Shape": shape_of,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
}
