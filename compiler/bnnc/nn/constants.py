"""Real factors and offsets as the integers of the rescale operation: M 18 bits signed, a shift, an offset."""

from __future__ import annotations

import torch
from torch import Tensor

from bnnc.nn.powers import power_of_two

MULTIPLIER_BITS = 17  # |M| < 2^17
MAX_SHIFT = 36
MAX_OFFSET = 1 << 16  # codes have 16 bits: what lies further out is clipped anyway
SLOPE_BITS = 16  # of the fraction of a PReLU's slope: M = 2^16 stands for 1


def affine_constants(a: Tensor, b: Tensor, unit: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """(multiplier, after), float64, such that floor(x * multiplier + after) = round((a x + b) / step) nearly.

    a, b () or (C,); x are multiples of `unit`. multiplier * unit = M * 2^-s with |M| < 2^17 as large as it
    can be and s in 0..36; `after`, with the half of rounding, is a multiple of 2^-s of at most 2^16.
    """
    factor = a.double() * unit.double() / step.double()
    _, exponent = torch.frexp(factor)  # |factor| < 2^exponent
    shift = (MULTIPLIER_BITS - exponent.long()).clamp(0, MAX_SHIFT)
    up, down = power_of_two(shift), power_of_two(-shift)
    largest = (1 << MULTIPLIER_BITS) - 1
    whole = torch.round(factor * up).clamp(-largest, largest)
    offset = (b.double() / step.double() + 0.5).clamp(-MAX_OFFSET, MAX_OFFSET)
    return whole * down / unit.double(), torch.round(offset * up) * down


def slope_constant(slope: Tensor) -> Tensor:
    """`slope` as M * 2^-t, float64, with |M| < 2^17 and t in 0..16."""
    _, exponent = torch.frexp(slope.double())
    shift = (MULTIPLIER_BITS - exponent.long()).clamp(0, SLOPE_BITS)
    largest = (1 << MULTIPLIER_BITS) - 1
    whole = torch.round(slope.double() * power_of_two(shift)).clamp(-largest, largest)
    return whole * power_of_two(-shift)


def whole_steps(x: Tensor, step: Tensor) -> Tensor:
    """`x` in steps, rounded to a whole number of at most 2^16, float64."""
    return torch.round(x.double() / step.double()).clamp(-MAX_OFFSET, MAX_OFFSET)
