"""Packed level: dense layers whose pruned weights are codes into a table, row by row (TAC; EIE's layout)."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from bnnc.ir.elem import I32
from bnnc.ir.op import Array, Op, map_shape, one, operation, tensor_of
from bnnc.ir.types import Tensor

MAX_GAP_BITS = 8
MAX_CODE_BITS = 8


@operation
class SparseDense(Op):
    """y[o] = sum_k table[codes[k]] * x[column[k]] over k = rows[o]..rows[o+1]-1, x flattened in C order.

    column[k] = -1 + the sum of gaps[j] + 1 over j = rows[o]..k: a gap counts the columns that are left out
    in front of an entry. Gaps that need more than `gap_bits` are bridged by entries of weight 0. rows int32
    (O+1,), gaps and codes uint8 (entries,), table int16 (2^code_bits,). int32 result (1, 1, O). `scale`
    float32 (() or (O,)) is what one unit of y stands for in the source's numbers: metadata that no executor
    multiplies by.
    """

    x: Op
    rows: Array
    gaps: Array
    codes: Array
    table: Array
    gap_bits: int
    code_bits: int
    scale: Array = field(default_factory=one)

    @property
    def columns(self) -> Array:
        """int64 (entries,): the column of every entry."""
        steps = self.gaps.astype(np.int64) + 1
        ends = np.cumsum(steps)
        starts = np.concatenate([[0], ends])[self.rows[:-1].astype(np.int64)]
        counts = np.array(np.diff(self.rows), np.int64)
        columns: Array = ends - np.repeat(starts, counts) - 1
        return columns

    def infer(self) -> Tensor:
        x = tensor_of(self.x)
        map_shape(self.x)
        self.require(not x.elem.is_float and x.elem.bits <= 16, f"reads integers of at most 16 bits, not {x}")
        self.require(1 <= self.gap_bits <= MAX_GAP_BITS, f"gaps of {self.gap_bits} bits")
        self.require(1 <= self.code_bits <= MAX_CODE_BITS, f"codes of {self.code_bits} bits")
        dtypes = tuple(array.dtype.name for array in (self.rows, self.gaps, self.codes, self.table))
        self.require(dtypes == ("int32", "uint8", "uint8", "int16"), f"rows, gaps, codes, table of {dtypes}")
        ordered = self.rows.ndim == 1 and len(self.rows) > 1 and self.rows[0] == 0
        ordered = ordered and bool((np.diff(self.rows) >= 0).all()) and self.rows[-1] == len(self.gaps)
        self.require(ordered, "the row pointers do not ascend from 0 to the number of entries")
        self.require(self.gaps.shape == self.codes.shape, "as many gaps as codes are needed")
        self.require(self.table.shape == (1 << self.code_bits,), f"a table of {self.table.shape} weights")
        self.require(bool((self.gaps < 1 << self.gap_bits).all()), "a gap of more bits than declared")
        self.require(bool((self.codes < 1 << self.code_bits).all()), "a code of more bits than declared")
        self.require(bool((self.columns < x.size).all()), f"a column that {x} does not have")
        return Tensor(I32, (1, 1, len(self.rows) - 1))
