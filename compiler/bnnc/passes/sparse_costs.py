"""What sparse and dense layers cost on processors, as measured: arm in instructions, host in picoseconds.

Instructions were counted in the emulator (cortex-a72), times taken on an AVX-512 core, for layers of 32 to
128 outputs over 256 to 2048 inputs at densities of 5 to 100 %, and fitted by least squares: within 10 % from
20 % density on, within 40 % where rows have fewer entries than weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnnc.ir.op import tensor_of
from bnnc.ir.sparse_ops import SparseDense

Kind = Literal["arm", "host"]
_OUTPUTS_AT_ONCE = {"arm": 4, "host": 16}  # dense layers are computed for as many outputs side by side


@dataclass(frozen=True)
class _Costs:
    """Per entry of 8 or of more bits, and row, by products; per nonzero, weight in use and row by sums."""

    entry: float
    wide_entry: float
    row: float
    nonzero: float
    used: float
    weight: float
    dense_product: float


_COSTS: dict[Kind, _Costs] = {
    "arm": _Costs(8.0, 9.5, 21, 4.0, 18.5, 8.5, 0.595),
    "host": _Costs(800, 1080, 6500, 350, 780, 840, 45),
}


@dataclass(frozen=True)
class SparseLayer:
    """What the cost of a sparse layer depends on. `entries` count the bridging ones too.

    `n_weights` is the number of distinct nonzero weights, `entry_bits` are those of a gap and a code.
    """

    n_out: int
    n_in: int
    entries: int
    nonzeros: int
    n_weights: int
    entry_bits: int = 8

    def products(self, kind: Kind = "arm") -> float:
        """A multiplication for every entry."""
        cost = _COSTS[kind]
        each = cost.entry if self.entry_bits <= 8 else cost.wide_entry
        return each * self.entries + cost.row * self.n_out

    def sums(self, kind: Kind = "arm") -> float:
        """A sum for every weight of every row, which is then multiplied."""
        cost, weights = _COSTS[kind], self.n_out * self.n_weights
        return cost.nonzero * self.nonzeros + cost.used * min(weights, self.nonzeros) + cost.weight * weights

    def dense(self, kind: Kind = "arm") -> float:
        """A product of 8-bit integers for every input and output, zeros included."""
        at_once = _OUTPUTS_AT_ONCE[kind]
        return _COSTS[kind].dense_product * self.n_in * -(-self.n_out // at_once) * at_once


def sparse_pays(layer: SparseLayer, kind: Kind = "arm") -> tuple[bool, str]:
    """Whether a layer is cheaper sparse than dense, and why."""
    products, sums, dense = layer.products(kind), layer.sums(kind), layer.dense(kind)
    best, way = (sums, "sums") if sums < products else (products, "products")
    share = layer.nonzeros / (layer.n_out * layer.n_in)
    unit = "instructions" if kind == "arm" else "picoseconds"
    return best < dense, (
        f"{share:.1%} of {layer.n_out} x {layer.n_in} weights: about {best:,.0f} {unit} sparse (by {way}), "
        f"{dense:,.0f} dense"
    )


def layer_of(op: SparseDense) -> SparseLayer:
    """The numbers of a layer."""
    weights = op.table[op.codes]
    nonzero = weights[weights != 0]
    n_weights, bits = len(np.unique(nonzero)), op.gap_bits + op.code_bits
    return SparseLayer(len(op.rows) - 1, tensor_of(op.x).size, len(weights), len(nonzero), n_weights, bits)


def by_sums(op: SparseDense, kind: Kind = "arm") -> bool:
    """Whether inputs of equal weight are better added before they are multiplied; sums have to fit."""
    x, layer = tensor_of(op.x), layer_of(op)
    fits = x.size * max(-x.elem.lo, x.elem.hi) < 2**31
    return fits and layer.sums(kind) < layer.products(kind)
