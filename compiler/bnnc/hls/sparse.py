"""Dense layers of few weights: only these are stored and multiplied, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.cpp import amount, struct, word_type
from bnnc.hls.folding import Fold
from bnnc.hls.lanes import MAX_WORD_BITS, Wire, divisors, signed_bits
from bnnc.hls.legends import entries_legend
from bnnc.hls.matrix import in_32_bits
from bnnc.hls.model.compute import sparse_cost
from bnnc.hls.model.functions import function_of
from bnnc.hls.model.resources import Resources
from bnnc.hls.model.trace import READ, Trace, steps, write_at
from bnnc.hls.roms import Reader, rom
from bnnc.hls.sparse_codes import CodedEntries, coded_entries, coded_weights
from bnnc.hls.sparse_rows import Deal, Entries, deal_of, entries_of
from bnnc.hls.storage import Storage, default_storage, stored_weights
from bnnc.hls.units import Unit
from bnnc.ir.geometry import Pair
from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense

WEIGHT = Reader("weight_t", "weight", ("code",), "code", "0")
COMPLETES = Reader("uint64_t", "completes", ("word",), "0", "word")
PLACE = Reader("int", "place", ("lane", "fold"), "lane", "fold")


@dataclass(frozen=True)
class Sparse:
    """A sparse layer over the vector on `x`, whose codes are indices into `table`; sums lie in lo..hi.

    Code `filler` stands for a weight of 0: the table's own, or one more behind the others.
    """

    op: SparseDense
    x: Wire
    table: Array
    filler: int
    lo: int
    hi: int

    @property
    def outputs(self) -> int:
        return len(self.op.rows) - 1

    @property
    def code_bits(self) -> int:
        return (len(self.table) - 1).bit_length()

    @property
    def entry_bits(self) -> int:
        """A code, a gap, and whether the entry is the last one of its row."""
        return self.code_bits + self.entries.gap_bits + 1

    def in_lanes(self, simd: int) -> int:
        """Of the stream in front of the unit."""
        return simd

    @cached_property
    def entries(self) -> Entries:
        return entries_of(self.op, self.filler)

    @cached_property
    def _deals(self) -> dict[int, Deal]:
        return {}

    def deal(self, pe: int) -> Deal:
        """The rows of each of `pe` elements."""
        if pe not in self._deals:
            self._deals[pe] = deal_of(self.entries.lengths, pe)
        return self._deals[pe]

    @cached_property
    def _coded(self) -> dict[int, CodedEntries | None]:
        return {}

    def coded(self, pe: int) -> CodedEntries | None:
        """The lists of `pe` elements as Huffman codes, where these take fewer blocks."""
        if pe not in self._coded:
            self._coded[pe] = coded_entries(entry_words(self, pe), self.entry_bits, self.code_bits)
        return self._coded[pe]

    def cycles(self, y_bits: int) -> dict[Fold, int]:
        """Every folding, and the cycles of a sample: the vector arrives, `simd` elements at a time, then the
        entries are read, one for each processing element at a time.
        """
        pes = [pe for pe in divisors(self.outputs) if pe == 1 or pe * y_bits <= MAX_WORD_BITS]
        simds = [simd for simd in divisors(self.x.size) if simd == 1 or self._fits(simd)]
        return {Fold(pe, simd): self.x.size // simd + self.deal(pe).steps for pe in pes for simd in simds}

    def _fits(self, simd: int) -> bool:
        """A column's word and lane are bits of its number."""
        return simd.bit_count() == 1 and simd * self.x.lane.bits <= MAX_WORD_BITS


def sparse_of(op: SparseDense, x: Wire) -> Sparse:
    """The layer over the elements on `x`."""
    zeros = np.flatnonzero(op.table == 0)
    filler = int(zeros[0]) if len(zeros) else len(op.table)
    table = op.table if len(zeros) else np.append(op.table, 0)
    return Sparse(op, x, table.astype(np.int64), filler, *_sums(op, x))


def _sums(op: SparseDense, x: Wire) -> Pair:
    """Bounds of the sum of any part of a row."""
    weights = op.table[op.codes].astype(np.int64)
    rows = np.repeat(np.arange(len(op.rows) - 1), np.diff(op.rows))
    ends = np.stack([weights * x.lo, weights * x.hi, 0 * weights])
    smallest, largest = (np.bincount(rows, part, len(op.rows) - 1) for part in (ends.min(0), ends.max(0)))
    return in_32_bits(int(smallest.min()), int(largest.max()))


def sparse_unit(
    s: Sparse,
    act: Activation,
    x: Wire,
    name: str,
    fold: Fold,
    storage: Storage | None = None,
    coded: CodedEntries | None = None,
) -> Unit:
    """The unit behind a stream of `fold.simd` lanes; its entries lie in `storage`, or are read as codes."""
    deal, storage = s.deal(fold.pe), storage or default_storage(s.deal(fold.pe).steps)
    out = activation_text(act, name, fold.pe, s.lo, s.hi)
    if coded is None:
        entries = stored_weights(name, entry_words(s, fold.pe), s.entry_bits, storage)
        legend = entries_legend(fold.pe, s.code_bits, s.entries.gap_bits, deal.steps, storage)
        entries = replace(entries, arrays=legend + entries.arrays if entries.arrays else "")
    else:
        entries = coded_weights(name, coded)
    engine, *others = _engines(storage, coded is not None)
    roms = [
        rom(name, WEIGHT, [np.array([weight]) for weight in s.table]),
        rom(name, COMPLETES, [_bits_at(deal.ends)], hexadecimal=True),
        rom(name, PLACE, list(deal.places.T)),
    ]
    functions = [entries.function, *(r.function for r in roms)]
    matrix = struct(f"{name}_matrix", "\n".join(_fields(s, x, fold.pe)), *functions)
    wire = Wire(act.lane, fold.pe, s.outputs, act.lo, act.hi)
    return Unit(
        name=name,
        comment=_description(s, act, fold) + (", entries as Huffman codes" if coded else ""),
        engines=(engine, *others, out.engine),
        call=f"bnnc::{engine}<{name}_matrix, {out.type}>",
        wire=wire,
        in_bits=(x.bits,),
        words=wire.words,
        cycles=x.words + deal.steps,
        trace=sparse_trace(x.words, deal.ends),
        resources=sparse_resources(s, act, fold, storage, coded),
        parameters=f"{matrix}\n{out.struct}",
        rom=entries.arrays + "".join(r.arrays for r in roms) + out.arrays,
        head=(*entries.head, *out.head),
        memory=entries.memory,
    )


def _engines(storage: Storage, is_coded: bool) -> tuple[str, ...]:
    """The unit's own one, and those that it needs."""
    if is_coded:
        return ("coded_sparse", "sparse")
    return ("sparse", "fill") if storage is Storage.URAM else ("sparse",)


def sparse_storages(s: Sparse, fold: Fold) -> tuple[Storage, ...]:
    """Where the entries may lie, the default first."""
    inside = (Storage.LUT, Storage.BRAM, Storage.URAM)
    return tuple(dict.fromkeys([default_storage(s.deal(fold.pe).steps), *inside]))


def sparse_resources(
    s: Sparse,
    act: Activation,
    fold: Fold,
    storage: Storage | None = None,
    coded: CodedEntries | None = None,
) -> Resources:
    """Of the unit, with the entries in `storage`, None for the default, or as codes."""
    deal = s.deal(fold.pe)
    return sparse_cost(
        pe=fold.pe,
        size=s.x.size,
        lanes=fold.simd,
        steps=deal.steps,
        folds=len(deal.ends),
        x_bits=s.x.lane.bits,
        w_bits=signed_bits(int(s.table.min()), int(s.table.max())),
        entry_bits=s.entry_bits,
        code_bits=s.code_bits,
        sum_bits=signed_bits(s.lo, s.hi),
        deals=not deal.is_natural,
        storage=storage,
        codes=(coded.depth, len(coded.symbols), coded.symbol_bits) if coded else None,
        function=function_of(act, s.lo, s.hi),
    )


def sparse_trace(words: int, ends: Array) -> Trace:
    """The vector comes, then entries are read; where a fold is done, its outputs leave."""
    flags = np.concatenate([steps(READ, words), write_at(ends, int(ends[-1]) + 1)])
    return Trace(flags, 1, latency=8, second=words)


def _description(s: Sparse, act: Activation, fold: Fold) -> str:
    nonzeros = int(np.count_nonzero(s.op.table[s.op.codes]))
    size = f"{s.outputs} x {s.x.size} matrix of {amount(nonzeros, 'weight')}"
    return f"{size} to {amount(act.lane.bits, 'bit')}, PE {fold.pe}, SIMD {fold.simd}"


def _fields(s: Sparse, x: Wire, pe: int) -> list[str]:
    deal = s.deal(pe)
    weight_bits = signed_bits(int(s.table.min()), int(s.table.max()))
    return [
        f"typedef {x.lane.cpp} X;",
        f"typedef {word_type(x.bits)} in_t;",
        f"typedef ap_uint<{s.entry_bits}> weights_t;",
        f"typedef ap_uint<{s.code_bits}> code_t;",
        f"typedef ap_uint<{s.entries.gap_bits}> gap_t;",
        f"typedef ap_int<{weight_bits}> weight_t;",
        f"typedef ap_int<{signed_bits(-1, x.size + deal.steps)}> column_t;",
        f"typedef ap_int<{signed_bits(s.lo, s.hi)}> sum_t;",
        f"static const int SIZE = {x.size}, LANES = {x.lanes}, STEPS = {deal.steps};",
        f"static const int PE = {pe}, FOLDS = {len(deal.ends)};",
        f"static const int CODE_BITS = {s.code_bits}, GAP_BITS = {s.entries.gap_bits};",
    ]


def _bits_at(places: Array) -> Array:
    """uint64: 64 bits a word, of which those at `places` are 1."""
    bits = np.zeros((int(places[-1]) // 64 + 1, 64), np.uint8)
    bits.ravel()[places] = 1
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel()


def entry_words(s: Sparse, pe: int) -> Array:
    """uint64 (pe, steps): last << .. | gap << code_bits | code. Behind its rows a list has fillers."""
    entries, deal = s.entries, s.deal(pe)
    ends = np.cumsum(entries.lengths)
    is_last = np.zeros(len(entries.codes), np.int64)
    is_last[ends - 1] = 1
    words = (is_last << entries.gap_bits | entries.gaps) << s.code_bits | entries.codes
    lists = np.full((pe, deal.steps), s.filler, np.uint64)
    for element in range(pe):
        rows = np.flatnonzero((deal.places == element).ravel())
        own = np.concatenate([words[ends[row] - entries.lengths[row] : ends[row]] for row in rows])
        lists[element, : len(own)] = own
    return lists
