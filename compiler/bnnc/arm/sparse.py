"""Sparse layers that are cheaper to compute densely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnnc.arm.kernels.isa import Isa
from bnnc.ir.elem import I8
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op, map_shape, tensor_of
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparse_costs import DENSE_PRODUCT, layer_of, sparse_pays
from bnnc.schedule.stages import Stage
from bnnc.storage.sparse import SparseWeights, decode

INT8 = np.iinfo(np.int8)


def as_computed(stage: Stage, isa: Isa) -> Stage:
    """The stage with its sparse layer as a dense one where products of bytes cost less than its entries."""
    op = stage.head
    if not isinstance(op, SparseDense) or isa.products not in DENSE_PRODUCT:
        return stage
    pays, _ = sparse_pays(layer_of(op), isa.products)
    fits = op.table.min() >= INT8.min and op.table.max() <= INT8.max and op.x.type.elem.bits <= 8
    return stage if pays or not fits else _on(stage, _dense(op))


def _dense(op: SparseDense) -> Conv2d:
    return Conv2d(op.name, op.x, _weights(op), I8, scale=op.scale)  # bytes: not to be stored in fewer bits


def _weights(op: SparseDense) -> Array:
    """int8 (O, H, W, C)."""
    sparse = SparseWeights(op.rows, op.gaps, op.codes, op.table, op.gap_bits, op.code_bits)
    flat = decode(sparse, tensor_of(op.x).size)
    return flat.astype(np.int8).reshape(-1, *map_shape(op.x))


def _on(stage: Stage, head: Op) -> Stage:
    """The same steps behind another head."""
    ops = [head]
    for old, op in zip(stage.ops, stage.ops[1:], strict=False):
        ops.append(op.with_operands(*(ops[-1] if operand is old else operand for operand in op.operands)))
    return replace(stage, ops=tuple(ops))
