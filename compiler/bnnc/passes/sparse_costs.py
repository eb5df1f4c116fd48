"""What sparse and dense layers cost on arm: instructions, counted in the emulator, fitted by least squares.

Layers of 32 to 128 outputs over 256 to 2048 inputs at densities of 1 to 100 %: within 10 % from 20 % density
on, within 40 % where rows have fewer entries than weights. Weights that no cache holds cost their way from
memory besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import tensor_of
from bnnc.ir.sparse_ops import SparseDense

_ENTRY, _WIDE_ENTRY, _ROW = 8.0, 9.5, 21.0  # by products: an entry of up to 8 bits, of more, a row
_NONZERO, _USED = 4.0, 18.5  # by sums: a nonzero, a weight that its row uses
_WEIGHT = 8.5  # by sums: any weight of a row
DENSE_PRODUCT = {"sdot": 0.082, "smlal": 0.218, "vnni": 0.035, "": 0.595}  # of bytes, by `Isa.products`
CACHE_BYTES = 1 << 20
# Instructions while a byte comes from memory: at 4 GB/s, 1.8 GHz and one a cycle; on x86 as measured.
_BYTE, _X86_BYTE = 0.5, 0.08


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

    def products(self) -> float:
        """A multiplication for every entry."""
        each = _ENTRY if self.entry_bits <= 8 else _WIDE_ENTRY
        return each * self.entries + _ROW * self.n_out + from_memory(self.entries * -(-self.entry_bits // 8))

    def sums(self) -> float:
        """A sum for every weight of every row, which is then multiplied."""
        weights = self.n_out * self.n_weights
        used = min(weights, self.nonzeros)
        return _NONZERO * self.nonzeros + _USED * used + _WEIGHT * weights + from_memory(2 * self.nonzeros)

    def dense(self, products: str) -> float:
        """A product of 8-bit integers for every input and output, zeros included."""
        count = self.n_in * self.n_out
        return DENSE_PRODUCT[products] * count + from_memory(count, products)


def from_memory(n_bytes: int, products: str = "") -> float:
    """What it costs to read so many bytes of weights, if no cache holds them."""
    each = _X86_BYTE if products == "vnni" else _BYTE
    return each * n_bytes if n_bytes > CACHE_BYTES else 0.0


def sparse_pays(layer: SparseLayer, products: str) -> tuple[bool, str]:
    """Whether a layer is cheaper entry by entry than dense with kernels that multiply by `products`, and why.

    Kernels that look entries up cost what `arm.kernels.lookup_dense` counts, for each layer anew.
    """
    by_products, by_sums, dense = layer.products(), layer.sums(), layer.dense(products)
    best, way = (by_sums, "sums") if by_sums < by_products else (by_products, "products")
    share = layer.nonzeros / (layer.n_out * layer.n_in)
    return best < dense, (
        f"{share:.1%} of {layer.n_out} x {layer.n_in} weights: about {best:,.0f} instructions entry by "
        f"entry (by {way}), {dense:,.0f} dense"
    )


def layer_of(op: SparseDense) -> SparseLayer:
    """The numbers of a layer."""
    weights = op.table[op.codes]
    nonzero = weights[weights != 0]
    n_weights, bits = len(np.unique(nonzero)), op.gap_bits + op.code_bits
    return SparseLayer(len(op.rows) - 1, tensor_of(op.x).size, len(weights), len(nonzero), n_weights, bits)


def by_sums(op: SparseDense) -> bool:
    """Whether inputs of equal weight are better added before they are multiplied; sums have to fit."""
    x, layer = tensor_of(op.x), layer_of(op)
    fits = x.size * max(-x.elem.lo, x.elem.hi) < 2**31
    return fits and layer.sums() < layer.products()
