"""Dense layers of few weights: their entries row by row, a row for each processing element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.cpp import amount, struct
from bnnc.hls.folding import Fold
from bnnc.hls.lanes import MAX_WORD_BITS, Wire, divisors, signed_bits
from bnnc.hls.matrix import in_32_bits
from bnnc.hls.model.compute import sparse_cost
from bnnc.hls.model.functions import function_of
from bnnc.hls.model.resources import Resources
from bnnc.hls.model.trace import READ, Trace, steps, write_at
from bnnc.hls.pace import Pace
from bnnc.hls.roms import Reader, rom
from bnnc.hls.units import Unit
from bnnc.ir.geometry import Pair
from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense

ENTRY = Reader("entry_t", "entry", ("pe", "step"), "pe", "step")
WEIGHT = Reader("weight_t", "weight", ("code",), "0", "code")
LENGTH = Reader("int", "length", ("fold",), "0", "fold")


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

    def in_lanes(self, simd: int) -> int:
        """Of the stream in front of the unit."""
        return simd

    def lengths(self, pe: int) -> Array:
        """Steps of each fold: the entries of the longest of its `pe` rows, but one at least."""
        longest: Array = np.diff(self.op.rows).reshape(-1, pe).max(axis=1)
        return np.maximum(1, longest)

    def cycles(self, y_bits: int) -> dict[Fold, int]:
        """Every folding, and the cycles of a sample: the vector arrives, then the entries are read."""
        choices = [pe for pe in divisors(self.outputs) if pe == 1 or pe * y_bits <= MAX_WORD_BITS]
        return {Fold(pe, 1): self.x.size + int(self.lengths(pe).sum()) for pe in choices}


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


def sparse_unit(s: Sparse, act: Activation, x: Wire, name: str, fold: Fold) -> Unit:
    """The unit behind a stream of single elements."""
    out = activation_text(act, name, fold.pe, s.lo, s.hi)
    roms = [
        rom(name, ENTRY, list(_entries(s, fold.pe)), hexadecimal=True),
        rom(name, LENGTH, [s.lengths(fold.pe)]),
        rom(name, WEIGHT, [s.table]),
    ]
    matrix = struct(f"{name}_matrix", "\n".join(_fields(s, x, fold.pe)), *(r.function for r in roms))
    wire = Wire(act.lane, fold.pe, s.outputs, act.lo, act.hi)
    n_entries = len(s.op.codes)
    return Unit(
        name=name,
        comment=f"{s.outputs} x {x.size} matrix of {n_entries} entries to {amount(act.lane.bits, 'bit')}, "
        f"PE {fold.pe}",
        engines=("sparse", out.engine),
        call=f"bnnc::sparse<{name}_matrix, {out.type}>",
        wire=wire,
        in_bits=(x.bits,),
        words=wire.words,
        cycles=s.cycles(act.lane.bits)[fold],
        pace=Pace.blocks(1),
        trace=sparse_trace(x.words, s.lengths(fold.pe)),
        resources=sparse_resources(s, act, fold.pe),
        parameters=f"{matrix}\n{out.struct}",
        rom="".join(r.arrays for r in roms) + out.arrays,
        fifo=max(2, x.words),
    )


def sparse_resources(s: Sparse, act: Activation, pe: int) -> Resources:
    """Of the unit."""
    lengths = s.lengths(pe)
    return sparse_cost(
        pe=pe,
        size=s.x.size,
        steps=int(lengths.sum()),
        folds=len(lengths),
        x_bits=s.x.lane.bits,
        w_bits=signed_bits(int(s.table.min()), int(s.table.max())),
        gap_bits=s.op.gap_bits,
        code_bits=s.code_bits,
        sum_bits=signed_bits(s.lo, s.hi),
        function=function_of(act, s.lo, s.hi),
    )


def sparse_trace(words: int, lengths: Array) -> Trace:
    """The vector comes, then each fold has `lengths` steps, of which the last one writes."""
    ends = np.cumsum(lengths)
    flags = np.concatenate([steps(READ, words), write_at(ends - 1, int(ends[-1]))])
    return Trace(flags, 1, latency=8)


def _fields(s: Sparse, x: Wire, pe: int) -> list[str]:
    lengths = s.lengths(pe)
    weight_bits = signed_bits(int(s.table.min()), int(s.table.max()))
    return [
        f"typedef {x.lane.cpp} X;",
        f"typedef ap_uint<{s.op.gap_bits + s.code_bits}> entry_t;",
        f"typedef ap_uint<{s.code_bits}> code_t;",
        f"typedef ap_int<{weight_bits}> weight_t;",
        f"typedef ap_int<{signed_bits(-1, x.size + int(lengths.max()))}> column_t;",
        f"typedef ap_int<{signed_bits(s.lo, s.hi)}> sum_t;",
        f"static const int SIZE = {x.size}, STEPS = {lengths.sum()}, PE = {pe};",
        f"static const int CODE_BITS = {s.code_bits};",
    ]


def _entries(s: Sparse, pe: int) -> Array:
    """int64 (pe, steps): gap << code_bits | code. Rows of a fold begin together: fillers even them out."""
    lengths, counts = s.lengths(pe), np.diff(s.op.rows)
    rows = np.repeat(np.arange(s.outputs), counts)
    place = np.arange(len(rows)) - np.repeat(s.op.rows[:-1], counts)
    entries = np.full((pe, lengths.sum()), s.filler, np.int64)
    starts = np.cumsum(lengths) - lengths
    entries[rows % pe, starts[rows // pe] + place] = s.op.gaps.astype(np.int64) << s.code_bits | s.op.codes
    return entries
