"""Activations as C++: what becomes of a sum on its way out of a unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.hls.cpp import struct, word_type
from bnnc.hls.lanes import Lane, lane_for, lane_of, signed_bits
from bnnc.hls.legends import cuts_legend, stages_legend
from bnnc.hls.rescale import lines_of
from bnnc.hls.roms import Reader, Rom, rom
from bnnc.hls.storage import Storage, bound, shares_banks, stored_constants
from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.integer_ops import Table, Threshold
from bnnc.ir.op import Array
from bnnc.ir.value_ops import Rescale

MAX_COMPARED = 15  # more steps than this are searched by bisection instead of compared at once


@dataclass(frozen=True)
class Activation:
    """A function of an integer per channel with results lo..hi in `lane`; op None hands the integer on.

    storage: where its thresholds lie; None for tables where they are few, and block RAM.
    """

    op: Threshold | Table | Rescale | None
    lane: Lane
    lo: int
    hi: int
    storage: Storage | None = None

    @property
    def has_thresholds(self) -> bool:
        return isinstance(self.op, Threshold)


@dataclass(frozen=True)
class ActivationText:
    """C++: the type that an engine is given, the file that has it, and the struct and arrays it reads.

    head: lines of the unit's function, which say where the arrays lie.
    """

    type: str
    engine: str
    struct: str
    arrays: str
    head: tuple[str, ...] = ()


def activation_of(op: Threshold | Table | Rescale, lo: int, hi: int) -> Activation:
    """The function of integers lo..hi."""
    match op:
        case Table():
            return Activation(op, lane_of(op.elem), int(op.table.min()), int(op.table.max()))
        case Threshold():
            return Activation(op, lane_of(op.elem), int(op.levels.min()), int(op.levels.max()))
        case Rescale():
            y_lo, y_hi = lines_of(op, lo, hi).range
            keeps = op.only_clips and (lo, hi) == (y_lo, y_hi)
            return Activation(None if keeps else op, lane_for(y_lo, y_hi), y_lo, y_hi)


def narrowing(elem: Elem, lo: int, hi: int) -> Activation:
    """Integers that lie in lo..hi, and in the range of `elem`: in the fewest bits."""
    lo, hi = max(lo, elem.lo), min(hi, elem.hi)
    return Activation(None, lane_of(B1_PM) if elem == B1_PM else lane_for(lo, hi), lo, hi)


def activation_text(act: Activation, unit: str, lanes: int, lo: int, hi: int) -> ActivationText:
    """C++ for integers lo..hi, `lanes` channels at a time."""
    name = f"{unit}_out"
    head = [f"typedef {act.lane.cpp} Y;", f"typedef {word_type(lanes * act.lane.bits)} out_t;"]
    match act.op:
        case None:
            return ActivationText(f"bnnc::Keep<{name}>", "activation", struct(name, "\n".join(head)), "")
        case Table() as table:
            return _table_text(table, act.lane, name, lanes, (lo, hi), head)
        case Rescale() as rescale:
            return _rescale_text(rescale, name, lanes, (lo, hi), head)
        case Threshold() as threshold:
            rows = reachable_steps(threshold, lo, hi)
            many = rows.cuts.shape[1] > MAX_COMPARED
            text = _search_text if many else _compare_text
            return text(rows, name, lanes, (lo, hi), head, act.storage)


def reachable_steps(op: Threshold, lo: int, hi: int) -> Threshold:
    """`op` with the steps that integers lo..hi can tell apart; those that all reach go into the base.

    The cuts are int64 (C, K), K >= 1, filled up with hi + 1.
    """
    base, rows = op.base.astype(np.int64), []
    for channel, (cuts, jumps) in enumerate(zip(op.cuts.tolist(), op.jumps.tolist(), strict=True)):
        steps: dict[int, int] = {}
        for cut, jump in zip(cuts, jumps, strict=True):
            if cut <= lo:
                base[channel] += jump
            elif cut <= hi:
                steps[cut] = steps.get(cut, 0) + jump
        rows.append([(cut, jump) for cut, jump in steps.items() if jump])
    n_steps = max(1, *(len(row) for row in rows))
    padded = np.array([row + [(hi + 1, 0)] * (n_steps - len(row)) for row in rows], np.int64)
    return replace(op, base=base, cuts=padded[:, :, 0], jumps=padded[:, :, 1])


def _compare_text(
    rows: Threshold, name: str, lanes: int, span: tuple[int, int], head: list[str], storage: Storage | None
) -> ActivationText:
    n_steps = rows.cuts.shape[1]
    jumps = rows.jumps
    taken = jumps[rows.cuts <= span[1]]
    if taken.size and (taken == taken[0]).all():
        jumps = np.full_like(jumps, taken[0])  # a cut that is never reached may jump as well as the others
    numbers = np.concatenate([rows.levels.ravel(), jumps.ravel()])
    cut_bits = signed_bits(min(span[0], 0), span[1] + 1)
    fields = [
        f"typedef ap_int<{cut_bits}> cut_t;",
        f"typedef ap_int<{signed_bits(int(numbers.min()), int(numbers.max()))}> level_t;",
        f"static const int STEPS = {n_steps};",
    ]
    step = ("lane", "fold", "step")
    cuts = _per_lane(rows.cuts, lanes, n_steps)
    cut = Reader("cut_t", "cut", step, "lane * STEPS + step", "fold")
    stored = stored_constants(name, cut, np.array(cuts), cut_bits, storage)
    depth = len(cuts[0])
    is_banked = shares_banks(depth, cut_bits, storage)
    legend = cuts_legend(lanes, n_steps, depth, cut_bits, is_banked) if stored.arrays else ""
    roms = [
        rom(
            name, Reader("level_t", "base", step[:2], "lane", "fold"), _per_lane(rows.base[:, None], lanes, 1)
        ),
        Rom(legend + stored.arrays, stored.function),
        rom(
            name,
            Reader("level_t", "jump", step, "lane * STEPS + step", "fold"),
            _per_lane(jumps, lanes, n_steps),
        ),
    ]
    text = _text(f"bnnc::Thresholds<{name}>", "activation", name, head + fields, roms)
    return replace(text, head=stored.head)


def _search_text(
    rows: Threshold, name: str, lanes: int, span: tuple[int, int], head: list[str], storage: Storage | None
) -> ActivationText:
    stages = rows.cuts.shape[1].bit_length()
    missing = 2**stages - 1 - rows.cuts.shape[1]
    cuts = np.pad(rows.cuts, ((0, 0), (0, missing)), constant_values=span[1] + 1)
    levels = np.pad(rows.levels, ((0, 0), (0, missing)), mode="edge")
    fields = [
        f"typedef ap_int<{signed_bits(min(span[0], 0), span[1] + 1)}> cut_t;",
        f"typedef ap_int<{signed_bits(int(levels.min()), int(levels.max()))}> level_t;",
        f"static const int STAGES = {stages};",
    ]
    cut = Reader(
        "cut_t",
        "cut",
        ("lane", "fold", "stage", "reached"),
        "lane * STAGES + stage",
        _place(cuts, lanes, "(fold << stage)", "reached"),
    )
    reached = _place(levels, lanes, f"(fold << {stages})", "reached")
    level = Reader("level_t", "level", ("lane", "fold", "reached"), "lane", reached)
    roms = [rom(name, cut, _stage_rows(cuts, lanes, stages)), rom(name, level, _rows(levels, lanes))]
    text = _text(f"bnnc::Steps<{name}>", "steps", name, head + fields, roms)
    legend = stages_legend(lanes, stages, len(_folds(cuts, lanes)) == 1)
    return replace(
        text, arrays=legend + text.arrays, head=tuple(line for part in roms for line in bound(part, storage))
    )


def _stage_rows(cuts: Array, lanes: int, stages: int) -> list[Array]:
    """For every lane and stage, and every fold: the cuts that tell the stage's bit, given those above it."""
    strides = [2 ** (stages - stage) for stage in range(stages)]
    return [
        row[:, stride // 2 - 1 :: stride].reshape(-1)
        for row in _folds(cuts, lanes).transpose(1, 0, 2)
        for stride in strides
    ]


def _table_text(
    op: Table, lane: Lane, name: str, lanes: int, span: tuple[int, int], head: list[str]
) -> ActivationText:
    lo, hi, offsets = *span, op.first.astype(np.int64)
    index_range = (min(lo, lo - int(offsets.max()), int(offsets.min())), max(hi, hi - int(offsets.min())))
    bits = signed_bits(index_range[0], max(index_range[1], int(offsets.max()), op.table.shape[1]))
    fields = [
        f"typedef ap_int<{bits}> index_t;",
        f"static const int ENTRIES = {op.table.shape[1]}, SHIFT = {op.shift};",
    ]
    first = Reader("index_t", "first", ("lane", "fold"), "lane", "fold")
    place = _place(op.table, lanes, "fold * ENTRIES", "place")
    entry = Reader("Y::code_t", "entry", ("lane", "fold", "place"), "lane", place)
    roms = [
        rom(name, first, _per_lane(offsets[:, None], lanes, 1)),
        rom(name, entry, _rows(lane.codes(op.table), lanes)),
    ]
    return _text(f"bnnc::Table<{name}>", "table", name, head + fields, roms)


def _rescale_text(
    op: Rescale, name: str, lanes: int, span: tuple[int, int], head: list[str]
) -> ActivationText:
    lines = lines_of(op, *span)
    limits = f"static const int LOWEST = {op.lo}, HIGHEST = {op.hi};"
    if op.only_clips:
        fields = [*head, f"typedef ap_int<{signed_bits(min(op.lo, span[0]), max(op.hi, span[1]))}> wide_t;"]
        return _text(f"bnnc::Clip<{name}>", "rescale", name, [*fields, limits], [])
    is_bent = len(lines.multiplier) == 2
    factors, pivots = lines.multiplier, np.clip(lines.pivot, span[0], span[1] + 1)
    fields = [
        f"typedef ap_int<{signed_bits(int(factors.min()), int(factors.max()))}> multiplier_t;",
        f"typedef ap_int<{signed_bits(int(lines.offset.min()), int(lines.offset.max()))}> offset_t;",
        f"typedef ap_int<{lines.sum_bits}> sum_t;",
        limits,
    ]
    constant = ("lane", "fold", "above"), "2 * lane + above" if is_bent else "lane", "fold"
    roms = [
        rom(name, Reader("multiplier_t", "multiplier", *constant), _per_piece(factors, lanes)),
        rom(name, Reader("offset_t", "offset", *constant), _per_piece(lines.offset, lanes)),
        rom(
            name,
            Reader("int", "shift", constant[0][:2], "lane", "fold"),
            _per_lane(lines.shift[:, None], lanes, 1),
        ),
    ]
    if is_bent:
        fields.append(f"typedef ap_int<{signed_bits(min(span[0], 0), span[1] + 1)}> pivot_t;")
        pivot = Reader("pivot_t", "pivot", constant[0][:2], "lane", "fold")
        roms.append(rom(name, pivot, _per_lane(pivots[:, None], lanes, 1)))
    engine = "Lines" if is_bent else "Line"
    return _text(f"bnnc::{engine}<{name}>", "rescale", name, head + fields, roms)


def _per_piece(values: Array, lanes: int) -> list[Array]:
    """(pieces, C) to (lanes * pieces, folds)."""
    return _per_lane(values.T.copy(), lanes, len(values))


def _per_lane(values: Array, lanes: int, columns: int) -> list[Array]:
    """(C, K) to (lanes * K, folds): channel fold * lanes + lane."""
    return list(_folds(values, lanes).transpose(1, 2, 0).reshape(lanes * columns, -1))


def _rows(values: Array, lanes: int) -> list[Array]:
    """(C, K) to (lanes, folds * K): channel fold * lanes + lane."""
    return list(_folds(values, lanes).transpose(1, 0, 2).reshape(lanes, -1))


def _place(values: Array, lanes: int, first: str, place: str) -> str:
    """C++: the index of a channel's entry number `place`, those of its fold begin at `first`."""
    return f"{first} + {place}" if len(_folds(values, lanes)) > 1 else place


def is_common(values: Array) -> bool:
    """Whether all channels have the same row of `values` (C, K)."""
    return bool((values == values[:1]).all())


def _folds(values: Array, lanes: int) -> Array:
    """(C, K) to (folds, lanes, K); lanes of the last fold beyond C repeat the last channel.

    One fold is as good as all of them where channels have the same.
    """
    values = values[:1] if is_common(values) else values
    folded: Array = np.pad(values, ((0, -len(values) % lanes), (0, 0)), mode="edge")
    return folded.reshape(-1, lanes, values.shape[1])


def _text(type_: str, engine: str, name: str, fields: list[str], roms: list[Rom]) -> ActivationText:
    text = struct(name, "\n".join(fields), *(r.function for r in roms))
    return ActivationText(type_, engine, text, "".join(r.arrays for r in roms))
