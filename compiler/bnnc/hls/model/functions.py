"""What activations take, by their sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from bnnc.hls.activations import MAX_COMPARED, Activation, is_common, reachable_steps
from bnnc.hls.lanes import signed_bits
from bnnc.hls.model import logic
from bnnc.hls.model.memory import BRAM, default_rom, is_small, rom_cost
from bnnc.hls.model.resources import Circuit, Resources, total
from bnnc.hls.rescale import lines_of
from bnnc.ir.integer_ops import Table, Threshold
from bnnc.ir.op import Array
from bnnc.ir.value_ops import Rescale


@dataclass(frozen=True)
class Function:
    """An activation as far as its cost goes: integers of `x_bits` become codes of `y_bits`.

    kind: keep; compare, with `steps` cuts that are compared at once; banked, the same with cuts that share
    banks where they lie in block RAM; search, with so many found by bisection; table, with so many entries;
    clip; line or lines, products with constants of `constant_bits`. Cuts lie in `storage`, as `rom_cost` has
    it. Of the arrays cut, level, first, entry and line, all channels have the same row of those in `common`.
    """

    kind: str
    x_bits: int
    y_bits: int
    steps: int = 0
    constant_bits: int = 0
    storage: str | None = None
    common: frozenset[str] = frozenset()

    def folds(self, array: str, folds: int) -> int:
        """Rows of an array: one for each of `folds` channels in turn, or for all of them."""
        return 1 if array in self.common else folds


def thresholds(steps: int, x_bits: int, y_bits: int, storage: str | None = None) -> Function:
    """An activation of so many steps, each with an array of its own; without any, integers are handed on."""
    kind = "keep" if steps == 0 else "compare" if steps <= MAX_COMPARED else "search"
    return Function(kind, x_bits, y_bits, steps, storage=storage)


@cache
def function_of(act: Activation, lo: int, hi: int) -> Function:
    """The function of integers lo..hi."""
    x_bits, y_bits = signed_bits(lo, hi), act.lane.bits
    match act.op:
        case None:
            return Function("keep", x_bits, y_bits)
        case Table() as table:
            common = _common(first=table.first[:, None], entry=table.table)
            return Function("table", x_bits, y_bits, table.table.shape[1], common=common)
        case Threshold() as op:
            rows = reachable_steps(op, lo, hi)
            found = thresholds(rows.cuts.shape[1], x_bits, y_bits, act.storage)
            kind = "banked" if found.kind == "compare" else found.kind
            return replace(found, kind=kind, common=_common(cut=rows.cuts, level=rows.levels))
        case Rescale() as op if op.only_clips:
            return Function("clip", x_bits, y_bits)
        case Rescale() as op:
            lines = lines_of(op, lo, hi)
            factors = lines.multiplier
            bits = signed_bits(int(factors.min()), int(factors.max()))
            kind = "lines" if len(factors) == 2 else "line"
            common = _common(line=np.vstack([factors, lines.offset]).T)
            return Function(kind, x_bits, y_bits, lines.sum_bits, bits, common=common)


def _common(**arrays: Array) -> frozenset[str]:
    """Those whose rows (C, K) are the same for all channels."""
    return frozenset(name for name, rows in arrays.items() if is_common(rows))


def function_circuit(f: Function, lanes: int, folds: int) -> Circuit:
    """`lanes` functions at once, each of `folds` channels in turn."""
    match f.kind:
        case "keep":
            return Circuit(0, 0)
        case "clip":
            return Circuit(lanes * (2 * logic.comparator(f.x_bits) + f.y_bits), 0)
        case "compare" | "banked":
            return _compare(f, lanes, folds)
        case "search":
            return _search(f, lanes, folds)
        case "table":
            lut = lanes * (1.5 * f.x_bits + logic.comparator(f.x_bits))
            firsts = rom_cost(f.folds("first", folds), f.x_bits, copies=lanes)
            entries = rom_cost(f.folds("entry", folds) * f.steps, f.y_bits, copies=lanes)
            return Circuit(lut, 0, firsts + entries)
        case _:
            return _line(f, lanes, folds)


def _compare(f: Function, lanes: int, folds: int) -> Circuit:
    """Cuts that do not change are part of the comparison: a table for five bits instead of two."""
    folds = f.folds("cut", folds)
    one = logic.comparator(f.x_bits) if folds > 1 else (f.x_bits + 4) / 5
    lut = lanes * (f.steps * one + (logic.ones(f.steps, in_pairs=True) if f.steps > 1 else 0))
    if f.kind == "banked" and (f.storage or default_rom(folds, f.x_bits)) == BRAM:
        return Circuit(lut, 0, rom_cost(folds, lanes * f.steps * f.x_bits, BRAM))
    return Circuit(lut, 0, rom_cost(folds, f.x_bits, f.storage, copies=lanes * f.steps))


def _search(f: Function, lanes: int, folds: int) -> Circuit:
    stages = f.steps.bit_length()
    cuts = [rom_cost(f.folds("cut", folds) << stage, f.x_bits, f.storage, lanes) for stage in range(stages)]
    levels = rom_cost(f.folds("level", folds) << stages, f.y_bits, f.storage, lanes)
    return Circuit(lanes * stages * logic.comparator(f.x_bits), 0, total(cuts) + levels)


def _line(f: Function, lanes: int, folds: int) -> Circuit:
    """A product, an offset, a shift by a constant, two comparisons; bent lines choose their constants."""
    bends = 2 if f.kind == "lines" else 1
    one = logic.comparator(f.x_bits) * (bends - 1) + 1.5 * f.steps
    if not logic.in_dsp(f.x_bits, f.constant_bits):
        one += logic.product(f.x_bits, f.constant_bits)
    bits, folds = f.constant_bits + f.steps, f.folds("line", folds)
    arrays = (
        rom_cost(folds, bits, copies=lanes * bends) if is_small(folds, bits) else _packed(f, lanes, folds)
    )
    return Circuit(lanes * one, 0, arrays, lanes * logic.dsps(f.x_bits, f.constant_bits))


def _packed(f: Function, lanes: int, folds: int) -> Resources:
    """Multipliers and offsets in arrays of their own."""
    bends = 2 if f.kind == "lines" else 1
    each = (rom_cost(folds, bits, copies=lanes * bends) for bits in (f.constant_bits, f.steps))
    return total(each)
