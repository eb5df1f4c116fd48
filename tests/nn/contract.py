"""What the rescale operation can represent: checks of the constants of a fixed-point expression."""

from __future__ import annotations

from fractions import Fraction

MULTIPLIERS, SHIFTS, OFFSETS = 1 << 17, range(37), 1 << 17


def shift_of(number: float) -> int:
    """The smallest s >= 0 such that number * 2^s is an integer."""
    return Fraction(number).denominator.bit_length() - 1


def fits(multiplier: float, after: float, unit: float, slope: float = 1.0, before: float = 0.0) -> bool:
    """Whether integers M (18 bits signed) and B over one 2^s give both lines on multiples of `unit`."""
    lines = []
    for factor in (Fraction(1), Fraction(slope)):
        rise = Fraction(multiplier) * Fraction(unit) * factor
        lines += [(rise, Fraction(before) * factor + Fraction(after))]
    shift = max(shift_of(float(number)) for line in lines for number in line)
    small = all(abs(rise * 2**shift) < MULTIPLIERS for rise, _ in lines)
    return small and shift in SHIFTS and max(abs(before), abs(after)) <= OFFSETS
