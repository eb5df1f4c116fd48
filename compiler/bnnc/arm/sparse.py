"""How sparse layers are computed: as is cheapest for a processor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.lookup_dense import LookupPlan, lookup_plan, sparse_weights
from bnnc.ir.elem import I8
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op, map_shape
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparse_costs import layer_of
from bnnc.schedule.stages import Stage

INT8 = np.iinfo(np.int8)


def as_computed(stage: Stage, isa: Isa) -> Stage:
    """The stage with its sparse layer as a dense one where products of bytes cost less than its entries."""
    op = stage.head
    if not isinstance(op, SparseDense) or by_lookup(isa, op):
        return stage
    layer = layer_of(op)
    pays = min(layer.products(), layer.sums()) < layer.dense(isa.products)
    return stage if pays else densely(stage, op) or stage


def densely(stage: Stage, op: SparseDense) -> Stage | None:
    """The stage with its sparse layer as a dense one; None where bytes do not hold the operands."""
    fits = op.table.min() >= INT8.min and op.table.max() <= INT8.max and op.x.type.elem.bits <= 8
    return _on(stage, _dense(op)) if fits else None


def by_lookup(isa: Isa, op: SparseDense) -> LookupPlan | None:
    """The plan by lookups where that costs the least."""
    plan, layer = lookup_plan(isa, op), layer_of(op)
    if plan is None:
        return None
    others = min(layer.products(), layer.sums(), layer.dense(isa.products))
    return plan if plan.cost < others else None


def _dense(op: SparseDense) -> Conv2d:
    weights = sparse_weights(op).astype(np.int8).reshape(-1, *map_shape(op.x))
    return Conv2d(op.name, op.x, weights, I8, scale=op.scale)  # bytes: not to be stored in fewer bits


def _on(stage: Stage, head: Op) -> Stage:
    """The same steps behind another head."""
    ops = [head]
    for old, op in zip(stage.ops, stage.ops[1:], strict=False):
        ops.append(op.with_operands(*(ops[-1] if operand is old else operand for operand in op.operands)))
    return replace(stage, ops=tuple(ops))
