"""Dense layers whose pruned weights are codes into a table: row by row over the entries.

By products the entries lie as they are stored, gap and code side by side, and each is multiplied. By sums
they lie as plain columns, sorted by code within their row: inputs of equal weight are added, then multiplied
once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, local, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue
from bnnc.arm.kernels.levels import Spot
from bnnc.arm.kernels.pixelwise import result_strip
from bnnc.ir.op import Array, Op, tensor_of
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparse_costs import by_sums


def write_sparse_dense(kernel: Kernel, op: SparseDense, rest: tuple[Op, ...]) -> None:
    """Emit the layer and the operations behind it."""
    x = kernel.x(tensor_of(op.x).elem.dtype.name)
    strip, width = result_strip(kernel, rest[-1] if rest else op)
    epilogue = Epilogue(kernel, op, rest, width, width)
    write = _write_sums if by_sums(op) else _write_products
    write(kernel, op, x, strip)
    epilogue.emit_row(strip, strip, Spot(0, 0))


def _write_products(kernel: Kernel, op: SparseDense, x: View, strip: View) -> None:
    """One entry after another: the column moves on by the gap."""
    step_of = _steps(kernel, op)  # the table comes first: it is addressed without an addition
    rows, entries = kernel.constant(op.rows.astype(np.int32)), kernel.constant(_entries(op))
    total, column = _variable(), _variable()
    with loop(len(op.rows) - 1) as row:
        total.put(0, splat(0, 1))
        column.put(0, splat(-1, 1))
        with loop(rows[row + 1], rows[row]) as k:
            step, weight = step_of(entries[k])
            column.put(0, column[0] + step)
            total.put(0, total[0] + weight * cast("int32", x[column[0]]))
        strip.put(row, total[0])


def _steps(kernel: Kernel, op: SparseDense) -> Callable[[Expr], tuple[Expr, Expr]]:
    """Entry to (columns to go on, weight): looked up at once where entries have 8 bits."""
    if op.gap_bits + op.code_bits > 8:
        table = kernel.constant(op.table)

        def apart(entry: Expr) -> tuple[Expr, Expr]:
            number = cast("int32", entry)
            gap = number & splat((1 << op.gap_bits) - 1, 1)
            return gap + 1, cast("int32", table[number >> splat(op.gap_bits, 1)])

        return apart
    both = (op.table.astype(np.int32)[:, None] << 16) + np.arange(1, (1 << op.gap_bits) + 1, dtype=np.int32)
    joined = kernel.constant(both.ravel())

    def together(entry: Expr) -> tuple[Expr, Expr]:
        pair = T.bind(joined[cast("int32", entry)])
        return pair & splat(0xFFFF, 1), pair >> splat(16, 1)

    return together


def _write_sums(kernel: Kernel, op: SparseDense, x: View, strip: View) -> None:
    """One weight after another, of those that occur: the sum of its inputs, times the weight."""
    codes, ends, columns = _sorted(op)
    weights = kernel.constant(op.table[codes])
    end_at, column_at = kernel.constant(ends), kernel.constant(columns)
    total, part = _variable(), _variable()
    with loop(len(op.rows) - 1) as row:
        total.put(0, splat(0, 1))
        with loop(len(codes)) as code:
            segment: Expr = row * len(codes) + code
            part.put(0, splat(0, 1))
            with loop(end_at[segment + 1], end_at[segment]) as k:
                part.put(0, part[0] + cast("int32", x[cast("int32", column_at[k])]))
            total.put(0, total[0] + part[0] * cast("int32", weights[code]))
        strip.put(row, total[0])


def _entries(op: SparseDense) -> Array:
    """Gap and code in one number, of 8 bits where they fit."""
    joined = op.gaps.astype(np.uint16) | op.codes.astype(np.uint16) << op.gap_bits
    return joined.astype(np.uint8) if op.gap_bits + op.code_bits <= 8 else joined


def _sorted(op: SparseDense) -> tuple[Array, Array, Array]:
    """Codes of nonzero weights in use (n,), ends int32 (1 + O * n,) of (row, code) segments, columns."""
    kept = op.table[op.codes] != 0
    codes, number = np.unique(op.codes[kept], return_inverse=True)
    row = np.repeat(np.arange(len(op.rows) - 1), np.diff(op.rows))[kept]
    segment = row * len(codes) + number
    order = np.argsort(segment, kind="stable")
    counts = np.bincount(segment, minlength=(len(op.rows) - 1) * len(codes))
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    columns = op.columns[kept][order]
    return codes, ends, columns.astype(np.uint16 if tensor_of(op.x).size <= 2**16 else np.int32)


def _variable() -> View:
    return local("int32")
