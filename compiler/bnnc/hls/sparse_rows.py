"""Rows of a sparse matrix as lists of entries, one list for each processing element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense

MAX_BRIDGES = 0.01
"""Gaps are so wide that no more than this part of the entries only bridges others."""
MAX_UNEVEN = 1.02
"""As much longer than with rows dealt out the longest list may be before they are."""


@dataclass(frozen=True)
class Entries:
    """Row after row: int64 lengths (rows,), and of all entries gaps (as `SparseDense` has them) and codes."""

    lengths: Array
    gaps: Array
    codes: Array

    @property
    def gap_bits(self) -> int:
        return max(1, int(self.gaps.max(initial=0)).bit_length())


def entries_of(op: SparseDense, filler: int) -> Entries:
    """The weights of `op` with gaps of other bits; `filler` is the code of 0, the entry of an empty row."""
    kept = op.table[op.codes] != 0
    rows = np.repeat(np.arange(len(op.rows) - 1), np.diff(op.rows))[kept]
    columns, codes = op.columns[kept], op.codes[kept].astype(np.int64)
    is_first = np.diff(rows, prepend=-1) != 0
    gaps = np.diff(columns, prepend=-1) - 1
    gaps[is_first] = columns[is_first]
    most = (1 << _gap_bits(gaps)) - 1
    bridges = gaps >> most.bit_length()  # each leaves out `most` columns and stands for one more
    ends = np.cumsum(bridges + 1)
    all_gaps, all_codes = np.full(len(rows) + bridges.sum(), most), np.full(len(rows) + bridges.sum(), filler)
    all_gaps[ends - 1], all_codes[ends - 1] = gaps & most, codes
    return _with_empty_rows(np.repeat(rows, bridges + 1), all_gaps, all_codes, len(op.rows) - 1, filler)


def _gap_bits(gaps: Array) -> int:
    """Bits of a gap with which few entries are bridges."""
    bits = 1
    while (gaps >> bits).sum() > MAX_BRIDGES * len(gaps):
        bits += 1
    return bits


def _with_empty_rows(rows: Array, gaps: Array, codes: Array, n_rows: int, filler: int) -> Entries:
    """Each row has an entry at least."""
    empty = np.setdiff1d(np.arange(n_rows), rows)
    order = np.argsort(np.concatenate([rows, empty]), kind="stable")
    all_gaps = np.concatenate([gaps, np.zeros(len(empty), np.int64)])[order]
    all_codes = np.concatenate([codes, np.full(len(empty), filler)])[order]
    lengths = np.bincount(np.concatenate([rows, empty]), minlength=n_rows)
    return Entries(lengths.astype(np.int64), all_gaps.astype(np.int64), all_codes.astype(np.int64))


@dataclass(frozen=True)
class Deal:
    """Which element computes which row: of rows fold * PE .. fold * PE + PE - 1 each has one.

    places (folds, PE): the element of row fold * PE + lane. ends (folds,): the step behind the one with
    which all of a fold's rows are done.
    """

    places: Array
    ends: Array

    @property
    def is_natural(self) -> bool:
        """Whether every row is computed by the element of its lane."""
        return bool((self.places == np.arange(self.places.shape[1])).all())

    @property
    def steps(self) -> int:
        """Until the last row is done, and one more."""
        return int(self.ends[-1]) + 1


def deal_of(lengths: Array, pe: int) -> Deal:
    """Rows in their order, or dealt out where that evens out the lists: which costs multiplexers."""
    folded = lengths.reshape(-1, pe)
    natural = _deal(folded, np.tile(np.arange(pe), (len(folded), 1)))
    even = _deal(folded, _dealt(folded))
    return natural if natural.steps <= MAX_UNEVEN * even.steps else even


def _dealt(lengths: Array) -> Array:
    """places: the longest row of a fold to the element with the shortest list so far."""
    busy, places = np.zeros(lengths.shape[1], np.int64), np.empty_like(lengths)
    for fold, row in enumerate(lengths):
        longest, idle = np.argsort(-row, kind="stable"), np.argsort(busy, kind="stable")
        places[fold, longest] = idle
        busy[idle] += row[longest]
    return places


def _deal(lengths: Array, places: Array) -> Deal:
    """Lists run on their own; a fold is done with the slowest of them, those of later folds later."""
    by_element = np.empty_like(lengths)
    np.put_along_axis(by_element, places, lengths, axis=1)
    return Deal(places, np.cumsum(by_element, axis=0).max(axis=1))
