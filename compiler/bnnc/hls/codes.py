"""Canonical Huffman codes as decoders in hardware read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.storage import huffman


@dataclass(frozen=True)
class Code:
    """Codes of a length are successive numbers: symbol i of all by (length, symbol) has number i + shift.

    lengths: uint8 (alphabet,). symbols: int64, those that have a code, in that order. ends, shifts: int64
    (16,) by length; codes of a length end below its end when they stand at the top of 15 bits.
    """

    lengths: Array
    symbols: Array
    ends: Array
    shifts: Array


def code_of(counts: Array, longest: int = huffman.MAX_LENGTH) -> Code:
    """An optimal code of symbols that occur so often; int64 (alphabet,), of two symbols at least."""
    lengths = huffman.code_lengths(counts, longest)
    order = np.lexsort((np.arange(len(lengths)), lengths))
    first, ends, shifts = 0, [0], [0]
    for length in range(1, huffman.MAX_LENGTH + 1):
        code = ends[-1] >> (huffman.MAX_LENGTH - length)
        shifts.append(code - first)
        count = int((lengths == length).sum())
        first += count
        ends.append((code + count) << (huffman.MAX_LENGTH - length))
    return Code(lengths, order[lengths[order] > 0], np.array(ends), np.array(shifts))
