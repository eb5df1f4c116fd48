"""Sparse layers of few distinct weights (TAC): rows of nonzeros as gaps and codes into a table.

Row o is entries rows[o] .. rows[o + 1]. Entry e is weight table[codes[e]] at the column that lies gaps[e] + 1
behind that of the entry before it, the first at column gaps[e]: position = cumsum(gap + 1) - 1 in the row.
A distance that gap_bits cannot hold is bridged by fillers, entries of the largest gap and code 0 of value 0.
(EIE, arXiv 1602.01528, and the files of Deep Compression, arXiv 1510.00149, do the same.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array

MIN_CODE_BITS, MAX_CODES, MAX_GAP_BITS = 2, 256, 8


@dataclass(frozen=True)
class SparseWeights:
    """rows int32 (O + 1,), gaps uint8 (n,), codes uint8 (n,), table int16 (2**code_bits,)."""

    rows: Array
    gaps: Array
    codes: Array
    table: Array
    gap_bits: int
    code_bits: int

    @property
    def packed_bits(self) -> int:
        """The size with every field as wide as it has to be."""
        return 32 * len(self.rows) + 16 * len(self.table) + len(self.gaps) * (self.gap_bits + self.code_bits)


def encode(weights: Array, gap_bits: int | None = None) -> SparseWeights:
    """Integers (O, F) of int16 and at most 255 distinct nonzero values, 256 where no filler is needed.

    Without `gap_bits` (1 to 8) the width is that of the smallest result, the narrowest of those. ValueError
    when there are too many values.
    """
    assert weights.ndim == 2 and np.array_equal(weights, weights.astype(np.int16))
    widths = range(1, MAX_GAP_BITS + 1) if gap_bits is None else (gap_bits,)
    nonzeros = _nonzeros(weights.astype(np.int16))
    levels = np.unique(nonzeros.values)
    made = [
        _encode(nonzeros, levels, width) for width in widths if _n_codes(nonzeros, levels, width) <= MAX_CODES
    ]
    if not made:
        raise ValueError(f"{len(levels)} distinct weights and 0 where codes of 8 bits tell 256 apart")
    return min(made, key=lambda sparse: sparse.packed_bits)


def decode(sparse: SparseWeights, features: int) -> Array:
    """int16 (O, features): the weights of which `sparse` is made."""
    weights = np.zeros((len(sparse.rows) - 1, features), np.int16)
    columns = positions(sparse)
    for row, first, end in zip(weights, sparse.rows[:-1], sparse.rows[1:], strict=True):
        row[columns[first:end]] = sparse.table[sparse.codes[first:end]]
    return weights


def positions(sparse: SparseWeights) -> Array:
    """int64 (n,): the column of every entry, fillers included."""
    ends = np.concatenate([[0], np.cumsum(sparse.gaps.astype(np.int64) + 1)])
    before = np.repeat(ends[sparse.rows[:-1]], np.diff(sparse.rows))
    columns: Array = ends[1:] - before - 1
    return columns


@dataclass(frozen=True)
class _Nonzeros:
    """The nonzeros of a matrix of `n_rows`, row by row: the zeros in front of each, and its value."""

    n_rows: int
    rows: Array
    distances: Array
    values: Array


def _nonzeros(weights: Array) -> _Nonzeros:
    rows, columns = np.nonzero(weights)
    before = np.concatenate([[-1], columns[:-1]])
    before[np.diff(rows, prepend=-1) > 0] = -1
    return _Nonzeros(len(weights), rows, columns - before - 1, weights[rows, columns])


def _n_codes(nonzeros: _Nonzeros, levels: Array, gap_bits: int) -> int:
    """How many values need a code: 0 does for fillers."""
    return len(levels) + int((nonzeros.distances >> gap_bits).any())


def _encode(nonzeros: _Nonzeros, levels: Array, gap_bits: int) -> SparseWeights:
    """Every nonzero behind the fillers that it needs, each of which covers 2**gap_bits columns."""
    reach = 1 << gap_bits
    needed = nonzeros.distances // reach + 1
    ends = np.cumsum(needed)
    n_entries = int(ends[-1]) if len(ends) else 0
    n_codes = _n_codes(nonzeros, levels, gap_bits)
    first, code_bits = n_codes - len(levels), max(MIN_CODE_BITS, (n_codes - 1).bit_length())
    gaps, codes = np.full(n_entries, reach - 1, np.uint8), np.zeros(n_entries, np.uint8)
    gaps[ends - 1] = nonzeros.distances % reach
    codes[ends - 1] = np.searchsorted(levels, nonzeros.values) + first
    table = np.zeros(1 << code_bits, np.int16)
    table[first:n_codes] = levels
    entries = np.bincount(nonzeros.rows, needed, nonzeros.n_rows)
    rows = np.concatenate([[0], np.cumsum(entries)]).astype(np.int32)
    return SparseWeights(rows, gaps, codes, table, gap_bits, code_bits)
