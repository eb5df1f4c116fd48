"""Entries of sparse layers as Huffman codes, which are decoded one a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnnc.hls.codes import Code, code_of
from bnnc.hls.model.memory import BRAM, rom_cost, weights_cost
from bnnc.hls.roms import Reader, rom
from bnnc.hls.storage import Weights
from bnnc.ir.op import Array
from bnnc.storage import huffman

WORD_BITS = 16
STREAMS = 2
"""Of each list, which take turns: entries 0, 2, 4, .. and 1, 3, 5, .."""
AHEAD = 3
"""Words from that with the end of a code up to the last one that the decoder has read then."""
MAX_SYMBOLS = 1024
"""More are no table that every element should have a copy of."""
CODES = Reader("ap_uint<16>", "codes", ("pe", "word"), "pe", "word")
SYMBOL = Reader("weights_t", "symbol", ("number",), "0", "number")
END, SHIFT = (Reader("int", name, ("length",), "length", "0") for name in ("end", "shift"))


@dataclass(frozen=True)
class CodedEntries:
    """Lists of entries, uint64 (pe, steps), as codes of symbols, each with the `raw_bits` lowest bits behind.

    symbols: uint64, the other bits of entries, as `code` orders those that it has a code for. ranks (pe,
    steps): which of its alphabet the symbol of every entry is.
    """

    lists: Array
    entry_bits: int
    raw_bits: int
    symbols: Array
    code: Code
    ranks: Array

    @cached_property
    def stream_words(self) -> int:
        """Of every stream, so many as the longest one needs."""
        lengths = self.code.lengths[self.ranks].astype(np.int64) + self.raw_bits
        n_bits = max(int(lengths[:, stream::STREAMS].sum(axis=1).max()) for stream in range(STREAMS))
        return n_bits // WORD_BITS + AHEAD

    @property
    def depth(self) -> int:
        """Words of a list."""
        return STREAMS * self.stream_words

    @property
    def symbol_bits(self) -> int:
        return self.entry_bits - self.raw_bits

    @property
    def n_bytes(self) -> int:
        """Of the words, and of a table of symbols for each element."""
        table = -(-len(self.symbols) * self.symbol_bits // 8)
        return len(self.lists) * (WORD_BITS // 8 * self.depth + table)

    @property
    def bram18(self) -> float:
        """Blocks of the words; tables of symbols are none."""
        return rom_cost(self.depth, WORD_BITS, BRAM, len(self.lists)).bram18

    def words(self) -> Array:
        """uint16 (pe, depth): one stream behind the other, the first code in the highest bits."""
        numbers = huffman.canonical_codes(self.code.lengths).astype(np.int64) << self.raw_bits
        codes = numbers[self.ranks] | (self.lists & np.uint64(2**self.raw_bits - 1)).astype(np.int64)
        lengths = self.code.lengths[self.ranks] + np.uint8(self.raw_bits)
        streams = [
            [_words(row[i::STREAMS], n[i::STREAMS], self.stream_words) for i in range(STREAMS)]
            for row, n in zip(codes, lengths, strict=True)
        ]
        return np.array(streams, np.uint16).reshape(len(codes), self.depth)


def _words(codes: Array, lengths: Array, n_words: int) -> Array:
    """uint16 (n_words,): codes one after another, filled up with 0."""
    bits = huffman.joined(codes.astype(np.uint16), lengths) if len(codes) else np.zeros(0, np.uint8)
    padded = np.pad(bits, (0, n_words * WORD_BITS - len(bits)))
    return np.packbits(padded).view(">u2").astype(np.uint16)


def coded_entries(lists: Array, entry_bits: int, code_bits: int) -> CodedEntries | None:
    """The codes of uint64 (pe, steps); None where entries of `entry_bits` bits take no more block RAM.

    Entries of all elements share blocks, codes of each have their own.
    """
    (pe, steps), smallest = lists.shape, smallest_codes(lists, entry_bits, code_bits)
    plain = weights_cost(steps, entry_bits, pe, BRAM).bram18
    return smallest if smallest is not None and smallest.bram18 < plain else None


def smallest_codes(lists: Array, entry_bits: int, code_bits: int) -> CodedEntries | None:
    """Those of uint64 (pe, steps) that take least; None where there are too many symbols.

    The lowest bits of an entry are those of the weight's code. Where they are kept as they are, there are
    fewer symbols.
    """
    found = np.unique(lists, return_inverse=True, return_counts=True)
    coded = (_with_raw_bits(lists, entry_bits, raw_bits, *found) for raw_bits in range(code_bits + 1))
    return min(filter(None, coded), key=lambda c: c.n_bytes, default=None)


def _with_raw_bits(
    lists: Array, entry_bits: int, raw_bits: int, entries: Array, places: Array, counts: Array
) -> CodedEntries | None:
    """entries, places, counts: those that occur, where in `lists`, and how often."""
    symbols, ranks = np.unique(entries >> np.uint64(raw_bits), return_inverse=True)
    longest = huffman.MAX_LENGTH - raw_bits
    if len(symbols) > min(MAX_SYMBOLS, 2**longest):
        return None
    n_used = np.bincount(ranks, counts, minlength=2).astype(np.int64)
    code = code_of(n_used, longest)
    in_order = np.append(symbols, symbols[:1])[np.minimum(code.symbols, len(symbols))]
    return CodedEntries(lists, entry_bits, raw_bits, in_order, code, ranks[places].reshape(lists.shape))


def plain_bytes(n_entries: int, entry_bits: int) -> int:
    return -(-n_entries * entry_bits // 8)


def coded_weights(unit: str, coded: CodedEntries) -> Weights:
    """C++: what `coded_sparse` reads, in block RAM; the table, which all elements read at once, in tables."""
    codes = rom(unit, CODES, list(coded.words()))
    symbol = rom(unit, SYMBOL, [coded.symbols])
    lengths = ((END, coded.code.ends), (SHIFT, coded.code.shifts))
    ends, shifts = (rom(unit, reader, [np.array([v]) for v in values]) for reader, values in lengths)
    head = [f"BNNC_BRAM_ROM({name})" for name in codes.names]
    head += [f"BNNC_SHARED_ROM({name})" for name in symbol.names]
    raw = f"static const int RAW_BITS = {coded.raw_bits}, STREAM_WORDS = {coded.stream_words};"
    functions = (raw, codes.function, symbol.function, ends.function, shifts.function)
    return Weights("\n\n".join(functions), codes.arrays + symbol.arrays, tuple(head))
