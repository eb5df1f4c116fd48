"""Entries of sparse layers as programs hold them, stored as two streams: of gaps and of codes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.storage import huffman
from bnnc.storage.sparse import SparseWeights, positions

SKIP = 255  # a gap of a sorted layer: so many columns further there is no entry yet
_JOINED, _SORTED = struct.Struct("<BBHI"), struct.Struct("<IIHBBII")


@dataclass(frozen=True)
class Joined:
    """Gap and code side by side: element gaps[e] | codes[e] << gap_bits of 1 or 2 bytes."""

    gaps: Array
    codes: Array
    gap_bits: int
    element: int

    def memory(self) -> bytes:
        """The elements."""
        entries: Array = self.gaps | self.codes.astype(np.uint16) << self.gap_bits
        return entries.astype(f"<u{self.element}").tobytes()

    def payload(self) -> bytes:
        """u8 gap_bits, u8 element, u16 0, u32 bytes of the first stream; the streams of gaps and of codes."""
        gaps, codes = _stream(self.gaps), _stream(self.codes)
        return _JOINED.pack(self.gap_bits, self.element, 0, len(gaps)) + gaps + codes


@dataclass(frozen=True)
class Sorted:
    """Columns sorted by (row, code), and where each of these segments ends.

    Memory: int32 (n_rows * n_codes + 1,), 0 and the ends of the segments; from `columns_at` on, columns of
    `element` bytes, 2 or 4. `positions` int64 (n,) are row * features + column, ascending, `codes` theirs.
    """

    positions: Array
    codes: Array
    n_rows: int
    features: int
    n_codes: int
    columns_at: int
    element: int

    def memory(self) -> bytes:
        """Ends and columns; what is between them is 0."""
        row, column = np.divmod(self.positions, self.features)
        segment = row * self.n_codes + self.codes
        ends = np.cumsum(np.bincount(segment, minlength=self.n_rows * self.n_codes), dtype=np.int64)
        columns = column[np.argsort(segment, kind="stable")].astype(f"<u{self.element}").tobytes()
        return np.append(0, ends).astype("<i4").tobytes().ljust(self.columns_at, b"\0") + columns

    def payload(self) -> bytes:
        """u32 rows, features, u16 codes, u8 element, u8 0, u32 columns_at, bytes of gaps; gaps and codes."""
        distances = np.diff(self.positions, prepend=-1) - 1
        skips = distances // SKIP
        gaps = np.full(len(distances) + int(skips.sum()), SKIP, np.uint8)
        gaps[np.cumsum(skips + 1) - 1] = distances % SKIP
        streams = _stream(gaps), _stream(self.codes)
        sizes = (self.n_rows, self.features, self.n_codes, self.element, 0, self.columns_at)
        return _SORTED.pack(*sizes, len(streams[0])) + b"".join(streams)


def joined(sparse: SparseWeights) -> Joined:
    """The entries of a layer that multiplies one after another, in as few bytes as hold them."""
    element = 1 if sparse.gap_bits + sparse.code_bits <= 8 else 2
    return Joined(sparse.gaps, sparse.codes, sparse.gap_bits, element)


def sorted_by_code(sparse: SparseWeights, features: int, columns_at: int, element: int) -> Sorted:
    """The nonzeros of a layer that sums the inputs of a weight; codes count the weights in use."""
    kept = sparse.table[sparse.codes] != 0
    used, codes = np.unique(sparse.codes[kept], return_inverse=True)
    n_rows = len(sparse.rows) - 1
    flat = np.repeat(np.arange(n_rows), np.diff(sparse.rows)) * features + positions(sparse)
    return Sorted(flat[kept], codes.astype(np.uint8), n_rows, features, len(used), columns_at, element)


def find_sorted(sparse: SparseWeights, features: int, memory: bytes) -> Sorted | None:
    """How the nonzeros lie in `memory`, if they lie there sorted by code."""
    kept = int(np.count_nonzero(sparse.table[sparse.codes]))
    for element in (2, 4):
        columns_at = len(memory) - element * kept
        if columns_at > 0:
            nonzeros = sorted_by_code(sparse, features, columns_at, element)
            if nonzeros.memory() == memory:
                return nonzeros
    return None


def read_joined(payload: bytes) -> bytes:
    """What a payload of `Joined` decodes to; ValueError when it is damaged."""
    _require(len(payload) >= _JOINED.size)
    gap_bits, element, zero, first = _JOINED.unpack_from(payload)
    (gap_symbols, gaps), (code_symbols, codes) = _streams(payload[_JOINED.size :], first)
    _require(1 <= gap_bits <= 8 and element in (1, 2) and zero == 0 and len(gaps) == len(codes))
    _require(gap_symbols <= gap_bits and gap_bits + code_symbols <= 8 * element)
    return Joined(gaps, codes, gap_bits, element).memory()


def read_sorted(payload: bytes, n_bytes: int) -> bytes:
    """What a payload of `Sorted` decodes to; ValueError when it is damaged."""
    _require(len(payload) >= _SORTED.size)
    n_rows, features, n_codes, element, zero, columns_at, first = _SORTED.unpack_from(payload)
    (gap_symbols, gaps), (code_symbols, codes) = _streams(payload[_SORTED.size :], first)
    _require(gap_symbols <= 8 and code_symbols <= 8 and element in (2, 4) and zero == 0)
    _require(4 * (n_rows * n_codes + 1) <= columns_at and columns_at + element * len(codes) == n_bytes)
    _require(features <= 1 << (8 * element))
    ends = gaps != SKIP
    _require(int(ends.sum()) == len(codes) and (len(gaps) == 0 or bool(ends[-1])))
    flat = (np.cumsum(np.where(ends, gaps.astype(np.int64) + 1, SKIP)) - 1)[ends]
    _require(len(flat) == 0 or (int(flat[-1]) < n_rows * features and int(codes.max()) < n_codes))
    return Sorted(flat, codes, n_rows, max(features, 1), n_codes, columns_at, element).memory()


def _stream(symbols: Array) -> bytes:
    return huffman.encode(symbols, max(1, int(symbols.max(initial=0)).bit_length()))


def _streams(payload: bytes, first: int) -> tuple[tuple[int, Array], tuple[int, Array]]:
    _require(first <= len(payload))
    return huffman.decode(payload[:first]), huffman.decode(payload[first:])


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not a blob of weights: impossible entries")
