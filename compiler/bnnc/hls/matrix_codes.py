"""Weights of matrices as symbols of Huffman codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bnnc.hls.codes import Code, code_of
from bnnc.ir.op import Array
from bnnc.storage import huffman

if TYPE_CHECKING:
    from bnnc.hls.matrix import Matrix

TAPS = 9


@dataclass(frozen=True)
class Symbols:
    """Symbol i holds `count` codes of row i // per_row, the first in its lowest bits.

    Number k is that of column i % per_row * step + k * stride. `form` says what they are.
    """

    form: str
    values: Array
    per_row: int
    count: int
    step: int
    stride: int


@dataclass(frozen=True)
class CodedMatrix:
    """The weights of a matrix as codes of `symbols`. encoded: as `storage.huffman` has them."""

    symbols: Symbols
    code: Code
    encoded: bytes

    @cached_property
    def stream(self) -> Array:
        """uint8: the codes alone, as the decoder reads them; it reads ahead."""
        codes = self.encoded[huffman.HEADER.size + (1 << _bits_of(self.symbols.values)) // 2 :]
        return np.frombuffer(codes + bytes(2), np.uint8)

    @property
    def n_bytes(self) -> int:
        """Codes are bytes, symbols of more than 8 bits two of them, as are ends and shifts."""
        wide = 1 + int(self.code.symbols.max() > 255)
        lengths = len(self.code.ends) + len(self.code.shifts)
        return len(self.stream) + wide * len(self.code.symbols) + 2 * lengths


def coded_matrix(m: Matrix) -> CodedMatrix | None:
    """In the form that takes least, where that is smaller than plain words."""
    forms = map(_coded, _forms(m))
    smallest = min(forms, key=lambda coded: coded.n_bytes, default=None)
    return smallest if smallest is not None and smallest.n_bytes < plain_bytes(m) else None


def plain_bytes(m: Matrix) -> int:
    return -(-m.weights.size * m.w.bits // 8)


def _forms(m: Matrix) -> Iterator[Symbols]:
    """Kernels of 9 bits, and neighbours in a row that together have at most 8."""
    rows, inputs = m.shape
    codes, bits = m.w.codes(m.weights).astype(np.int64), m.w.bits
    if bits == 1 and m.conv.kernel == (3, 3):
        channels = inputs // TAPS
        kernels = (codes.reshape(rows, TAPS, channels) << np.arange(TAPS)[:, None]).sum(axis=1)
        yield Symbols("kernels", kernels.ravel().astype(np.uint16), channels, TAPS, 1, channels)
    if bits <= 8:
        count = 8 // bits
        per_row = -(-inputs // count)
        padded = np.zeros((rows, per_row * count), np.int64)
        padded[:, :inputs] = codes
        runs = (padded.reshape(rows, per_row, count) << bits * np.arange(count)).sum(axis=2)
        yield Symbols("symbols", runs.ravel().astype(np.uint16), per_row, count, count, 1)


def _coded(symbols: Symbols) -> CodedMatrix:
    n_bits = _bits_of(symbols.values)
    code = code_of(np.bincount(symbols.values, minlength=1 << n_bits))
    return CodedMatrix(symbols, code, huffman.encode(symbols.values, n_bits))


def _bits_of(values: Array) -> int:
    return max(1, int(values.max()).bit_length())


def restored(coded: CodedMatrix, m: Matrix) -> Array:
    """uint64 (O, inputs): what the decoder puts into the memories."""
    symbols = coded.symbols
    values = huffman.decode(coded.encoded)[1].reshape(-1, symbols.per_row, 1).astype(np.uint64)
    shifts = np.arange(symbols.count, dtype=np.uint64) * np.uint64(m.w.bits)
    codes = values >> shifts & np.uint64(2**m.w.bits - 1)
    columns = np.arange(symbols.per_row)[:, None] * symbols.step + np.arange(symbols.count) * symbols.stride
    restored = np.zeros((len(codes), int(columns.max()) + 1), np.uint64)
    restored[:, columns] = codes
    return restored[:, : m.shape[1]]
