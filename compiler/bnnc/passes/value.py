"""What "streamline" knows of a source value: integers, and the chain that makes real numbers of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast, Input, Reshape
from bnnc.ir.geometry import output_map
from bnnc.ir.op import Array, Op
from bnnc.ir.source_ops import Elementwise
from bnnc.passes.chain import Chain, per_channel
from bnnc.passes.grid import DISCRETIZERS

Links = tuple[Elementwise | src.MaxPool, ...]


@dataclass(frozen=True)
class Value:
    """A source value: `chain` applied to the integers of `root`.

    `shape` is the source's shape. `root` is a map (H, W, C), or, while `in_source_layout`, an `Input` or
    `EncodeInput` whose elements have the source's order. Constants of the chain lie along the channel of
    `root` (axis 0 of `shape` in source layout). A `MaxPool` in the chain waits until it is known on which
    side of a threshold it is cheap. `order` is the order of the source's axes: "chw", or "hwc" after a
    Transpose; an input of order "hwc" was transposed to (C, H, W) by the source and lies in memory as (H,
    W, C).
    """

    root: Op
    chain: Links
    shape: tuple[int, ...]
    in_source_layout: bool = False
    order: str = "chw"

    @property
    def functions(self) -> Chain:
        """The chain without its pools."""
        return tuple(link for link in self.chain if not isinstance(link, src.MaxPool))

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(H, W, C) behind the waiting pools."""
        height, width, channels = self.root.type.shape
        for link in self.chain:
            if isinstance(link, src.MaxPool):
                height, width = output_map((height, width), link.kernel, link.strides, (1, 1), link.pads)
        return height, width, channels

    @property
    def is_flat(self) -> bool:
        """A vector for the source, still a map of more than one pixel here."""
        return not self.in_source_layout and len(self.shape) == 1 and self.map_shape[:2] != (1, 1)


def last_discrete(chain: Links) -> int:
    """Index of the last discretizer, pools counted; -1 when there is none."""
    return max((i for i, link in enumerate(chain) if isinstance(link, DISCRETIZERS)), default=-1)


def settle(value: Value) -> Value:
    """The value with its root as a map (H, W, C); the input has to be encoded."""
    if not value.in_source_layout:
        return value
    assert not isinstance(value.root, Input)
    root = value.root
    if len(value.shape) != 3:
        root = Reshape(root.name, root, (1, 1, value.shape[0]))
    elif value.order == "chw":
        viewed = root if root.type.shape == value.shape else Reshape(root.name, root, value.shape)
        root = ChannelsLast(root.name, viewed)
    return replace(value, root=root, in_source_layout=False, order="chw")


def reshape(value: Value, op: Reshape) -> Value:
    """The value under another shape, as far as its channels stay what they are."""
    if value.in_source_layout and value.order == "chw":
        return _reshape_source(value, op.shape)
    height, width, channels = settle(value).map_shape
    lines = [n for n in op.shape[1:] if n > 1] == [n for n in (height, width) if n > 1]
    flat = op.shape == (height * width * channels,)
    same_map = op.shape[0] == channels and lines and value.order == "chw"
    if flat or same_map:
        return replace(settle(value), shape=op.shape)
    raise op.refusal(
        f"{op.x.type} to {op.shape} splits or joins channels",
        "only flattening a map and adding or removing axes of size 1 are supported",
    )


def _reshape_source(value: Value, shape: tuple[int, ...]) -> Value:
    """The input has no channels of its own yet; per-channel constants are repeated for the finer axis 0."""
    times, rest = divmod(shape[0], value.shape[0])
    varies = any(per_channel(link, c) for link in value.functions for c in link.constants.values())
    if varies and rest:
        raise BnncError.at(
            f"input {value.root.name!r}", f"per-channel arithmetic in front of a reshape to {shape}"
        )
    chain = map_constants(value.functions, lambda constant: np.repeat(constant, max(times, 1), axis=0))
    return replace(value, shape=shape, chain=chain)


def transpose(value: Value, op: src.Transpose) -> Value:
    """A map's axes between (C, H, W) and (H, W, C): no data moves, only the source's view of it changes."""
    if op.perm == tuple(range(len(op.perm))):
        return value
    varies = any(per_channel(link, c) for link in value.functions for c in link.constants.values())
    if value.in_source_layout and value.order == "chw" and op.perm == (2, 0, 1) and not varies:
        return replace(value, shape=op.type.shape, order="hwc")
    moves: dict[tuple[str, tuple[int, ...]], str] = {("chw", (1, 2, 0)): "hwc", ("hwc", (2, 0, 1)): "chw"}
    target = moves.get((value.order, op.perm))
    if target is None or value.in_source_layout:
        raise op.refusal(
            f"permutation {op.perm} moves data between channels and pixels",
            "transpose only between channels-first and channels-last",
        )
    return replace(value, shape=op.type.shape, order=target)


def map_constants(chain: Links, change: Callable[[Array], Array]) -> Links:
    """The chain with `change` applied to every constant that has a row a channel."""
    return tuple(_with_constants(link, change) for link in chain)


def _with_constants(
    link: Elementwise | src.MaxPool, change: Callable[[Array], Array]
) -> Elementwise | src.MaxPool:
    if isinstance(link, src.MaxPool):
        return link
    varying: dict[str, Any] = {name: change(c) for name, c in link.constants.items() if per_channel(link, c)}
    if not varying:
        return link
    channels = len(next(iter(varying.values())))
    return replace(link, x=Input("", (channels,)), **varying)


def append(value: Value, op: Elementwise) -> Value:
    """`op` at the end of the chain, its constants brought to the channels of the root."""
    if not value.is_flat:
        return _append_checked(value, op)
    height, width, channels = value.map_shape
    per_map = _per_map_channel(op, (channels, height * width), value.order)
    if per_map is not None:
        return replace(value, chain=(*value.chain, per_map))
    return append(_unroll(value), op)


def differs_by_pixel(value: Value, op: Elementwise) -> bool:
    """Whether `op` on a flattened map has constants that differ between the pixels of a channel."""
    if not value.is_flat:
        return False
    height, width, channels = value.map_shape
    return _per_map_channel(op, (channels, height * width), value.order) is None


def _append_checked(value: Value, op: Elementwise) -> Value:
    varies = any(per_channel(op, c) for c in op.constants.values())
    if varies and value.order == "hwc":
        raise op.refusal("per-channel arithmetic on a channels-last map", "transpose it first")
    return replace(value, chain=(*value.chain, op))


def _per_map_channel(op: Elementwise, shape: tuple[int, int], order: str) -> Elementwise | None:
    """`op` on a flattened map with constants (C,), if they are equal over a channel; else None."""
    varying = [c for c in op.constants.values() if per_channel(op, c)]
    channels, pixels = shape
    grid = (channels, pixels) if order == "chw" else (pixels, channels)

    def split(constant: Array) -> Array:
        table = constant.reshape(*grid, *constant.shape[1:])
        return table if order == "chw" else np.swapaxes(table, 0, 1)

    if any((split(c) != split(c)[:, :1]).any() for c in varying):
        return None
    (link,) = map_constants((op,), lambda c: split(c)[:, 0])
    assert isinstance(link, Elementwise)
    return link


def _unroll(value: Value) -> Value:
    """A flattened map as a vector (1, 1, F) in the source's order: every element is a channel of its own."""
    if any(isinstance(link, src.MaxPool) for link in value.chain):
        what = "max pooling in front of arithmetic that differs from pixel to pixel"
        raise value.chain[-1].refusal(what, "use one constant for all pixels of a channel")
    height, width, channels = value.map_shape
    pixels = height * width
    if value.order == "chw":
        ordered: Op = ChannelsFirst(value.root.name, value.root)
        chain = map_constants(value.chain, lambda c: np.repeat(c, pixels, axis=0))
    else:
        ordered = value.root
        chain = map_constants(value.chain, lambda c: np.tile(c, (pixels, *[1] * (c.ndim - 1))))
    root = Reshape(value.root.name, ordered, (1, 1, pixels * channels))
    return Value(root, chain, value.shape)
