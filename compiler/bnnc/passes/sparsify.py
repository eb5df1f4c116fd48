"""Pass "sparsify": pruned dense layers of few distinct weights become rows of their nonzeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op, map_shape
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparse_costs import layer_of, sparse_pays
from bnnc.storage.sparse import encode


@dataclass(frozen=True)
class SparsifyDense:
    """Before: `Conv2d` that covers its whole map. After: `SparseDense` where that costs less.

    Applies where half of the weights or more are 0 and the others have few enough values for a table
    (TAC: pruned and quantized to 2..8 bits), and the measured cost of their products or sums is less than
    that of the dense layer.
    """

    name: str = "sparsify"

    def run(self, graph: Graph) -> Graph:
        """The graph with sparse layers; packed graphs stay what they are."""
        return graph if graph.level != Level.INTEGER else graph.rewrite(_cheaper)


def _cheaper(op: Op) -> Op:
    sparse = sparse_form(op) if isinstance(op, Conv2d) else None
    return sparse if sparse is not None and sparse_pays(layer_of(sparse))[0] else op


def sparse_form(op: Conv2d) -> SparseDense | None:
    """A dense layer of many zeros and few weights as a sparse one, whatever that costs; else None."""
    if not _is_dense(op) or 2 * np.count_nonzero(op.weights) > op.weights.size:
        return None
    try:
        sparse = encode(op.weights.reshape(len(op.weights), -1))
    except ValueError:  # more distinct weights than codes of 8 bits
        return None
    fields = (sparse.rows, sparse.gaps, sparse.codes, sparse.table, sparse.gap_bits, sparse.code_bits)
    return SparseDense(op.name, op.x, *fields, op.scale)


def _is_dense(op: Conv2d) -> bool:
    return map_shape(op)[:2] == (1, 1) and op.kernel == map_shape(op.x)[:2] and op.groups == 1
