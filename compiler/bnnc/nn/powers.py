"""Powers of two, exact: made from exponent bits, so that no library's exp2 has a say."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST, LARGEST = -40, 40  # exponents of steps: products of two of them stay normal float32 numbers


def power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent, float64 of the shape of `exponent` (integers, -1022..1023)."""
    bits: Tensor = (exponent.long() + 1023) << 52
    return bits.view(torch.float64)


def step_above(x: Tensor) -> Tensor:
    """The smallest power of two >= x, float32; at least 2^-40, at most 2^40."""
    bounded = x.detach().double().clamp(min=2.0**SMALLEST, max=2.0**LARGEST)
    mantissa, exponent = torch.frexp(bounded)
    return power_of_two(exponent.long() - (mantissa == 0.5).long()).float()


def step_near(x: Tensor) -> Tensor:
    """The power of two nearest to x on a logarithmic scale, float32."""
    return step_above(x.detach().double() * 0.5**0.5)
