"""Constants of elementwise operations: one number, or one a channel."""

from __future__ import annotations

from bnnc.frontends.node import Node
from bnnc.frontends.values import drop_uniform_axes
from bnnc.ir.op import Array, Op


def channel_constant(node: Node, array: Array, x: Op, what: str) -> Array:
    """`array`, as ONNX broadcasts it against (batch, *x.type.shape), as () or (C,)."""
    shape = (node.batch, *x.type.shape)
    node.require(array.ndim <= len(shape), f"{what} of shape {array.shape} raises the rank of {x.type}")
    full = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
    fits = all(n in (1, m) for n, m in zip(full.shape, shape, strict=True))
    node.require(fits, f"{what} of shape {array.shape} does not fit {x.type} and its batch")
    full = drop_uniform_axes(full)
    varying = [axis for axis, n in enumerate(full.shape) if n > 1]
    node.require(
        varying in ([], [1]),
        f"{what} of shape {array.shape} varies inside a channel of {x.type}",
        "only one value, or one value a channel, can be represented",
    )
    return full.reshape(full.shape[1:2] if varying else ())
