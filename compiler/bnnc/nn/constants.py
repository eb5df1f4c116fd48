"""Steps of grids, and real factors and offsets as the integers of the rescale operation.

They are torch operators too: under torch.export each is one node, computed when the model is written.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.library import custom_op

from bnnc.nn.powers import power_of_two, step_above, step_near

EXACT = 1 << 24  # whole numbers up to here are exact in float32
MULTIPLIER_BITS = 17  # |M| < 2^17
MAX_SHIFT = 36
MAX_OFFSET = 1 << 16  # codes have 16 bits: what lies further out is clipped anyway
SLOPE_BITS = 16  # of the fraction of a PReLU's slope: M = 2^16 stands for 1

# The step of the uniform quantizer with 2^bits - 1 levels that is best for a normal distribution, in
# standard deviations: the minimum of the mean squared error, found numerically.
BEST_STEP = {2: 1.224, 3: 0.65, 4: 0.354}


@custom_op("bnnc::grid_step", mutates_args=())
def grid_step(peak: Tensor, hi: int) -> Tensor:
    """The smallest power of two with `hi` steps of which `peak` is reached, float32; peak 1 where it is 0."""
    return step_above(torch.where(peak > 0, peak, torch.ones_like(peak)) / hi)


@custom_op("bnnc::filter_step", mutates_args=())
def filter_step(w: Tensor, bits: int, largest: int) -> Tensor:
    """float32 (O,): a power of two a filter, on which the weights (O, ..) take `bits`.

    Large enough for sums of weights times inputs of up to `largest` steps to be exact in float32.
    """
    dims = tuple(range(1, w.dim()))
    hi = (1 << (bits - 1)) - 1
    if bits in BEST_STEP:
        step = step_near(BEST_STEP[bits] * w.square().mean(dims).sqrt())
    else:
        step = step_above(w.abs().amax(dims) / hi)
    return torch.maximum(step, _exact_step(w.abs().sum(dims), w[0].numel(), largest))


@custom_op("bnnc::layer_step", mutates_args=())
def layer_step(w: Tensor, largest: int) -> Tensor:
    """float32 (): the power of two on which weights (O, I) are integers of 16 bits.

    Exact as with `filter_step`."""
    fits = step_above(w.abs().amax() / ((1 << 15) - 1))
    terms = int((w != 0).sum(1).amax())
    return torch.maximum(fits, _exact_step(w.abs().sum(1).amax(), terms, largest))


def _exact_step(total: Tensor, terms: int, largest: int) -> Tensor:
    """With sums of |w| of `total`: rounding to the grid adds at most half a step to each of the terms."""
    return step_above(total / max(EXACT // largest - terms, 1))


@custom_op("bnnc::fold_norm", mutates_args=())
def fold_norm(
    weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """(g, h), float64 (C,): a batch normalization in eval mode is x * g + h."""
    g = 1 / torch.sqrt(var.double() + eps)
    g = g if weight is None else weight.double() * g
    h = -mean.double() * g
    return g, h if bias is None else bias.double() + h


@custom_op("bnnc::rescale_constants", mutates_args=())
def rescale_constants(a: Tensor, b: Tensor, unit: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
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


@custom_op("bnnc::slope_constant", mutates_args=())
def slope_constant(slope: Tensor) -> Tensor:
    """`slope` as M * 2^-t, float64, with |M| < 2^17 and t in 1..16: the half of rounding needs a bit."""
    _, exponent = torch.frexp(slope.double())
    shift = (MULTIPLIER_BITS - exponent.long()).clamp(1, SLOPE_BITS)
    largest = (1 << MULTIPLIER_BITS) - 1
    whole = torch.round(slope.double() * power_of_two(shift)).clamp(-largest, largest)
    return whole * power_of_two(-shift)


@custom_op("bnnc::whole_steps", mutates_args=())
def whole_steps(x: Tensor, step: Tensor, offset: float) -> Tensor:
    """`x` in steps, rounded to a whole number of at most 2^16, plus `offset`; float64."""
    return torch.round(x.double() / step.double()).clamp(-MAX_OFFSET, MAX_OFFSET) + offset


@grid_step.register_fake
def _(peak: Tensor, hi: int) -> Tensor:
    return torch.empty_like(peak, dtype=torch.float32)


@filter_step.register_fake
def _(w: Tensor, bits: int, largest: int) -> Tensor:
    return w.new_empty(w.shape[:1])


@layer_step.register_fake
def _(w: Tensor, largest: int) -> Tensor:
    return w.new_empty(())


@fold_norm.register_fake
def _(
    weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(var, dtype=torch.float64), torch.empty_like(var, dtype=torch.float64)


@rescale_constants.register_fake
def _(a: Tensor, b: Tensor, unit: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    multiplier = a.double() * unit.double()
    return multiplier, multiplier + b.double()


@slope_constant.register_fake
def _(slope: Tensor) -> Tensor:
    return torch.empty_like(slope, dtype=torch.float64)


@whole_steps.register_fake
def _(x: Tensor, step: Tensor, offset: float) -> Tensor:
    return torch.empty_like(x, dtype=torch.float64)
