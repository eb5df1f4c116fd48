"""Pass "sparsify": pruned dense layers of few distinct weights become rows of their nonzeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op, map_shape
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.pack import MAX_PLANE_PAIRS
from bnnc.storage.sparse import encode

MAX_DENSITY = 1 / 4


@dataclass(frozen=True)
class SparsifyDense:
    """Before: `Conv2d` that covers its whole map. After: `SparseDense`, which holds the same weights in less.

    Applies where a quarter of the weights or fewer are not 0 and have few enough values for a table (TAC:
    pruned and quantized to 2..8 bits), unless bit planes serve the layer. How a device computes it, entry
    by entry or densely, is the schedule's choice.
    """

    name: str = "sparsify"

    def run(self, graph: Graph) -> Graph:
        """The graph with sparse layers; packed graphs stay what they are."""
        return graph if graph.level != Level.INTEGER else graph.rewrite(_smaller)


def _smaller(op: Op) -> Op:
    return sparse_form(op) or op if isinstance(op, Conv2d) else op


def sparse_form(op: Conv2d) -> SparseDense | None:
    """A dense layer of many zeros and few weights as a sparse one; None where it is none, or not smaller."""
    by_planes = op.x.type.elem.bits * op.weight_elem.bits <= MAX_PLANE_PAIRS
    if by_planes or not _is_dense(op) or np.count_nonzero(op.weights) > MAX_DENSITY * op.weights.size:
        return None
    try:
        sparse = encode(op.weights.reshape(len(op.weights), -1))
    except ValueError:  # more distinct weights than codes of 8 bits
        return None
    if sparse.packed_bits >= op.weight_elem.bits * op.weights.size:
        return None
    fields = (sparse.rows, sparse.gaps, sparse.codes, sparse.table, sparse.gap_bits, sparse.code_bits)
    return SparseDense(op.name, op.x, *fields, op.scale)


def _is_dense(op: Conv2d) -> bool:
    return map_shape(op)[:2] == (1, 1) and op.kernel == map_shape(op.x)[:2] and op.groups == 1
