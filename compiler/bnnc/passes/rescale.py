"""Chains on the value path as a `Rescale`: exactly where their arithmetic is, else to the nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.elem import I16, Elem, range_elem
from bnnc.ir.op import Array, Op
from bnnc.ir.value_ops import MAX_OFFSET_BITS, MAX_SHIFT, MULTIPLIER_BITS, Rescale
from bnnc.passes.chain import Chain, evaluate_pairs
from bnnc.passes.grid import last_discretizer
from bnnc.passes.lines import Lines, lines_of
from bnnc.passes.ranges import reachable, rescale

MAX_CHECKED = 1 << 22  # evaluations of a chain to compare a Rescale with
INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class Fit:
    """A `Rescale` in place of a chain; it counts in `op.scale`.

    `is_exact` where it gives the chain's own integer for every reachable value of its operand; else `error`
    is how many units it was off at most where the two were compared.
    """

    op: Rescale
    is_exact: bool
    error: int


def fit(root: Op, chain: Chain) -> Fit | None:
    """The chain, which ends in a Quant or FixedPoint and scalings, on the integers of `root`.

    None where it is no such chain, or bends more than once.
    """
    last = last_discretizer(chain)
    if last < 0 or not isinstance(quantizer := chain[last], src.Quant | src.FixedPoint):
        return None
    lines, unit = lines_of(chain[: last + 1], root.type.shape[-1]), _step(quantizer)
    if lines is None or not _rounds_to_nearest(quantizer):
        return None
    scaled = _scaled(chain[last + 1 :], lines, unit)
    if scaled is None:
        return None
    lines, unit = scaled
    if (lines.lo != lines.lo[0]).any() or (lines.hi != lines.hi[0]).any():
        return None
    op = _nearest(root, chain[-1].name, lines, unit, rounds=isinstance(quantizer, src.Quant))
    if isinstance(quantizer, src.FixedPoint) and _is_exact(chain[:last], lines, op):
        return Fit(op, True, 0)
    return _compared(op, chain, unit)


def _rounds_to_nearest(quantizer: src.Quant | src.FixedPoint) -> bool:
    return isinstance(quantizer, src.FixedPoint) or quantizer.rounding in ("ROUND", "HALF_EVEN", "HALF_UP")


def _step(quantizer: src.Quant | src.FixedPoint) -> Array:
    return quantizer.scale if isinstance(quantizer, src.Quant) else np.ones((), np.float32)


def _scaled(behind: Chain, lines: Lines, unit: Array) -> tuple[Lines, Array] | None:
    """Lines behind scalings and clamps, and what their unit stands for then; None behind anything else."""
    for op in behind:
        match op:
            case src.Mul() if (op.c > 0).all():
                unit = np.asarray(unit * op.c, np.float32)
            case src.Div() if (op.c > 0).all():
                unit = np.asarray(unit / op.c, np.float32)
            case src.Relu():
                lines = lines.clipped(0, np.inf)
            case src.Clip() if unit.ndim == 0 and _is_code(op.lo / unit) and _is_code(op.hi / unit):
                lines = lines.clipped(float(op.lo / unit), float(op.hi / unit))
            case _:
                return None
    return lines, unit


def _is_code(number: Array) -> bool:
    return bool(np.isinf(number) or number == np.rint(number))


def _is_exact(before: Chain, lines: Lines, op: Rescale) -> bool:
    """Whether nothing is rounded on the way: scalings by powers of two, and lines of few enough bits."""
    scalings = all(isinstance(link, src.Mul | src.Div) and _powers_of_two(link.c).all() for link in before)
    one = np.ldexp(1.0, op.shift)
    return scalings and bool(
        np.array_equal(op.multiplier, lines.gain * one) and np.array_equal(op.offset, lines.bias * one)
    )


def _powers_of_two(numbers: Array) -> Array:
    mantissa, _ = np.frexp(numbers.astype(np.float64))
    is_power: Array = np.abs(mantissa) == 0.5
    return is_power


def _nearest(root: Op, name: str, lines: Lines, unit: Array, rounds: bool) -> Rescale:
    """Multipliers and offsets of as many bits as there are; of fewer where those say the same."""
    bias = lines.bias + (0.5 if rounds and not _is_whole(lines) else 0.0)
    exact = _exact_shift(lines.gain, bias)
    shift = np.where(exact <= MAX_SHIFT, exact, _finest_shift(lines.gain))
    one, most = np.ldexp(1.0, shift), 2.0**MAX_OFFSET_BITS - 2**8
    largest = 2 ** (MULTIPLIER_BITS - 1) - 1
    multiplier = np.clip(np.rint(lines.gain * one), -largest, largest).astype(np.int32)
    offset = np.clip(np.rint(bias * one), -most, most).astype(np.int64)
    with np.errstate(invalid="ignore"):
        pivot = np.clip(np.ceil(lines.corner), INT32.min, INT32.max).astype(np.int32)
    whole = np.rint if rounds else np.floor
    lo, hi = (int(np.clip(whole(edge), INT32.min, INT32.max)) for edge in (lines.lo[0], lines.hi[0]))
    wide = Rescale(root.name, root, pivot, multiplier, offset, shift.astype(np.int32), unit, lo, hi, _I32)
    low, high = reachable(wide).hull()
    elem = stored_elem(low, high)
    fields = (pivot, multiplier, offset, shift.astype(np.int32), unit)
    return Rescale(name, root, *fields, max(lo, elem.lo), min(hi, elem.hi), elem)


_I32 = range_elem(INT32.min, INT32.max)


def stored_elem(low: int, high: int) -> Elem:
    """What values are stored as: 16 bits where 8 are too few and those are enough."""
    fitting = range_elem(low, high)
    return I16 if fitting.bits > 8 and I16.holds(low, high) else fitting


def _is_whole(lines: Lines) -> bool:
    return all(bool((part == np.rint(part)).all()) for part in (lines.gain, lines.bias))


def _exact_shift(gain: Array, bias: Array) -> Array:
    """int64 (C,): the smallest shift that makes integers of few enough bits of all four numbers, or 99."""
    shift = np.full(gain.shape[1], 99)
    for candidate in range(MAX_SHIFT, -1, -1):
        scaled_gain, scaled_bias = np.ldexp(gain, candidate), np.ldexp(bias, candidate)
        whole = (scaled_gain == np.rint(scaled_gain)) & (scaled_bias == np.rint(scaled_bias))
        fits = (abs(scaled_gain) < 2 ** (MULTIPLIER_BITS - 1)) & (abs(scaled_bias) < 2.0**MAX_OFFSET_BITS)
        shift = np.where((whole & fits).all(axis=0), candidate, shift)
    return shift


def _finest_shift(gain: Array) -> Array:
    """int64 (C,): multipliers just below 18 bits, signed."""
    _, exponent = np.frexp(abs(gain).max(axis=0))
    finest: Array = np.clip(MULTIPLIER_BITS - 2 - exponent, 0, MAX_SHIFT)
    return finest


def _compared(op: Rescale, chain: Chain, unit: Array) -> Fit:
    """The chain itself beside its `Rescale`: at every reachable value, or at some where those are many."""
    reach = reachable(op.x)
    same = _rows_are_equal(op, chain) and len(reach.lo) > 0
    rows = 1 if same else len(reach.lo)
    low, high = reach.hull() if same else (reach.lo, reach.hi)
    count = int(np.max((np.asarray(high) - np.asarray(low)) // reach.step)) + 1
    every = max(1, -(-count * rows // MAX_CHECKED))
    worst = 0
    for row in range(rows):
        lo, hi = (low, high) if same else (reach.lo[row], reach.hi[row])
        x = np.arange(int(lo), int(hi) + 1, reach.step * every)
        channel = np.full(len(x), row)
        step = np.float64(unit if unit.ndim == 0 else unit[row])
        theirs = np.rint(evaluate_pairs(chain, x, channel) / step)
        worst = max(worst, int(abs(theirs - rescale(op, x, channel)).max(initial=0)))
    return Fit(op, worst == 0 and every == 1, worst)


def _rows_are_equal(op: Rescale, chain: Chain) -> bool:
    """Whether all channels are computed alike."""
    alike = all((c == c[..., :1]).all() for c in (op.pivot, op.multiplier, op.offset, op.shift))
    return bool(alike) and all(c.ndim == 0 for link in chain for c in link.constants.values())
