"""The float tail of a lowered graph: from the integers of the last layer to what the source outputs."""

from __future__ import annotations

from dataclasses import replace

from bnnc.ir.edge_ops import ChannelsFirst, Reshape, ToFloat
from bnnc.ir.op import Op
from bnnc.passes.chain import DomainValue
from bnnc.passes.grid import last_discretizer
from bnnc.passes.materialize import Materializer, first_pool, scaling
from bnnc.passes.value import Value, settle


def finish(value: Value, made: Materializer, name: str) -> Op:
    """The source's own numbers: integers, then what the source applies behind its last layer."""
    value = settle(made.encoded(value))
    while first_pool(value.chain) is not None and last_discretizer(value.functions) < 0:
        value = made.pool_root(value)
    last = last_discretizer(value.functions)
    if first_pool(value.chain) is not None or (last < 0 and _begins_with_domain(value)):
        value, read = made.integers(value, name)
        value = replace(value, root=read.op, chain=scaling(read.scale, name))
    elif last >= 0:
        behind = value.chain[last + 1 :]
        value, read = made.integers(replace(value, chain=value.chain[: last + 1]), name)
        value = replace(value, root=read.op, chain=(*scaling(read.scale, name), *behind))
    return _layout_and_chain(value)


def _begins_with_domain(value: Value) -> bool:
    return bool(value.functions) and isinstance(value.functions[0], DomainValue)


def _layout_and_chain(value: Value) -> Op:
    """Integers into the source's layout, then float32, then the chain."""
    op, shape = value.root, value.root.type.shape
    channels_last = value.order == "hwc"
    if shape[:2] == (1, 1):
        op = Reshape(op.name, op, value.shape)
    elif not channels_last:
        op = ChannelsFirst(op.name, op)
    op = ToFloat(op.name, op)
    for link in value.functions:
        op = replace(link, x=op)
    return op if op.type.shape == value.shape else Reshape(op.name, op, value.shape)
