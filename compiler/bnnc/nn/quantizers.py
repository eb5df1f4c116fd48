"""Quantizers of activations: sign, step, and values on a grid whose step is a power of two."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc.nn import ops
from bnnc.nn.constants import grid_step
from bnnc.nn.estimators import check_estimator
from bnnc.nn.powers import step_above


class ActivationQuantizer(nn.Module):
    """What a layer does to its input: `codes(x) * scale()`, the codes being exact multiples of `unit()`."""

    def codes(self, x: Tensor) -> Tensor:
        """What the layer adds up: multiples of `unit()`."""
        raise NotImplementedError

    def unit(self) -> Tensor:
        """float32 (): a power of two."""
        raise NotImplementedError

    def scale(self) -> Tensor | None:
        """A factor to apply behind the layer's sum, or None for 1."""
        return None

    def largest(self) -> int:
        """The largest |code| / unit."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """float32, the shape of x."""
        codes, scale = self.codes(x), self.scale()
        return codes if scale is None else codes * scale


class Sign(ActivationQuantizer):
    """x >= 0 ? +1 : -1.

    `estimator` is the derivative of the backward pass: "ste" 1(|x| <= 1); "xnor" 1(|x| < 1) (XNOR-Net, Hybrid
    Binary Networks); "bireal" 2 - 2|x| on [-1, 1) (Bi-Real Net); "trained-binarization" 2 - 4|x| up to 0.4,
    then 0.4 up to 1 (Trained Binarization); "identity".
    """

    def __init__(self, estimator: str = "ste") -> None:
        super().__init__()
        self.estimator = check_estimator(estimator)

    def codes(self, x: Tensor) -> Tensor:
        y: Tensor = ops.sign(x, self.estimator)
        return y

    def unit(self) -> Tensor:
        return torch.ones(())

    def largest(self) -> int:
        return 1

    def extra_repr(self) -> str:
        return self.estimator


class Step(ActivationQuantizer):
    """beta * 1(x > 0), strict, with a learned beta (Trained Binarization, arXiv 1909.11366).

    dL/dbeta = sum(g * 1(x > 0)); the derivative towards x is beta times that of `estimator`. Layers add up
    the bits and multiply by beta behind the sum.
    """

    def __init__(self, estimator: str = "trained-binarization", beta: float = 1.0) -> None:
        super().__init__()
        self.estimator = check_estimator(estimator)
        self.beta = nn.Parameter(torch.tensor(float(beta)))

    def codes(self, x: Tensor) -> Tensor:
        y: Tensor = ops.step(x, self.estimator)
        return y

    def unit(self) -> Tensor:
        return torch.ones(())

    def scale(self) -> Tensor:
        return self.beta

    def largest(self) -> int:
        return 1

    def extra_repr(self) -> str:
        return self.estimator


class Quantizer(ActivationQuantizer):
    """Values on a grid: clip(round(x / step), lo, hi) * step, step a power of two.

    `bits` 2..16, signed or not; `narrow` leaves the outermost code out (2 bits: ternary -1, 0, 1). The step
    is `step`, or else the smallest power of two with which the largest |x| seen in training fits: a running
    maximum that decays by `decay` a batch, times `margin`. One Quantizer may be given to several modules:
    what they compute then lies on one grid, as a residual addition needs it.
    backward: the gradient passes where nothing is clipped.
    """

    peak: Tensor

    def __init__(
        self,
        bits: int = 8,
        signed: bool = True,
        step: float | None = None,
        margin: float = 1.0,
        decay: float = 0.999,
        narrow: bool = False,
    ) -> None:
        super().__init__()
        if not 2 <= bits <= 16:
            raise ValueError(f"{bits} bits; 2 to 16 are supported")
        self.bits, self.signed, self.narrow = bits, signed, narrow
        self.margin, self.decay = margin, decay
        self.lo, self.hi = ops.code_range(bits, signed, narrow)
        self.is_fixed = step is not None
        start = 0.0 if step is None else step * self.hi
        if step is not None and float(step_above(torch.tensor(step))) != step:
            raise ValueError(f"step {step} is no power of two")
        self.register_buffer("peak", torch.tensor(start))

    def observe(self, x: Tensor) -> None:
        """Note the largest |x| (x itself where the grid is unsigned)."""
        if self.is_fixed or x.numel() == 0:
            return
        with torch.no_grad():
            largest = x.abs().amax() if self.signed else x.amax()
            self.peak.copy_(torch.maximum(self.peak * self.decay, largest.float() * self.margin))

    def unit(self) -> Tensor:
        """The step, float32 (); 1 / (hi + 1) rounded up to a power of two before anything was observed."""
        step: Tensor = grid_step(self.peak, self.hi)
        return step

    def codes(self, x: Tensor) -> Tensor:
        if self.training:
            self.observe(x)
        return self.on_grid(x)

    def on_grid(self, x: Tensor) -> Tensor:
        """x rounded to the grid as it is, without observing."""
        y: Tensor = ops.quant(x, self.unit(), self.bits, self.signed, self.narrow, "ROUND")
        return y

    def largest(self) -> int:
        return max(self.hi, -self.lo)

    def extra_repr(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"


class OnGrid(ActivationQuantizer):
    """The input lies on `grid` already: nothing is left to do but to say so."""

    def __init__(self, grid: Quantizer) -> None:
        super().__init__()
        self.grid = grid

    def codes(self, x: Tensor) -> Tensor:
        return x

    def unit(self) -> Tensor:
        return self.grid.unit()

    def largest(self) -> int:
        return self.grid.largest()


class Requantizer(Quantizer):
    """A `Quantizer` for values that lie on a grid already (a residual stream): halves are rounded up.

    In eval mode that is one multiplication and shift on a device, where rounding half to even takes a
    comparison a step.
    """

    def on_grid(self, x: Tensor) -> Tensor:
        if self.training:
            return super().on_grid(x)
        step, half = self.unit(), torch.full((), 0.5, dtype=torch.float64)
        y: Tensor = ops.fixed_point(x, 1 / step.double(), None, None, half, self.lo, self.hi, step)
        return y


def residual_grid(bits: int = 16, margin: float = 2.0) -> Quantizer:
    """A grid for residual streams: i16, with room for twice the largest value seen."""
    return Quantizer(bits, signed=True, margin=margin)
