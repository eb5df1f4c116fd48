"""Operations on values that lie on grids: PReLU, residual addition, average pooling."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn import ops
from bnnc.nn.constants import EXACT, rescale_constants, slope_constant, whole_steps
from bnnc.nn.layer import both
from bnnc.nn.ops import per_channel
from bnnc.nn.quantizers import Quantizer


class PReLU(nn.Module):
    """x < 0 ? slope_c * x : x, then to the grid; x (N, C, ..) on a grid that is not coarser.

    `channels` slopes, or one when it is 1. Where the result is only compared (a sign, a step, a quantizer of
    at most 8 bits follows), `torch.nn.PReLU` does without a grid.
    """

    def __init__(self, channels: int, grid: Quantizer | None = None, init: float = 0.25) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), float(init)))
        self.grid = Quantizer(16, margin=2.0) if grid is None else grid

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            y: Tensor = self.grid(F.prelu(x, self.weight))
            return y
        step, half = self.grid.unit(), torch.full((), 0.5, dtype=torch.float64)
        slope = slope_constant(self.weight)
        fixed: Tensor = ops.fixed_point(
            x, 1 / step.double(), None, slope, half, self.grid.lo, self.grid.hi, step
        )
        return fixed


class RPReLU(nn.Module):
    """prelu(x - gamma_c) + zeta_c, then to the grid (ReActNet, arXiv 2003.03488); x (N, C, ..).

    In eval mode gamma and zeta are whole steps of the grid.
    """

    def __init__(self, channels: int, grid: Quantizer | None = None, init: float = 0.25) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.weight = nn.Parameter(torch.full((channels,), float(init)))
        self.zeta = nn.Parameter(torch.zeros(channels))
        self.grid = Quantizer(16, margin=2.0) if grid is None else grid

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            shifted = F.prelu(x - per_channel(self.gamma, x), self.weight)
            y: Tensor = self.grid(shifted + per_channel(self.zeta, x))
            return y
        step = self.grid.unit()
        before, after = whole_steps(-self.gamma, step, 0.0), whole_steps(self.zeta, step, 0.5)
        slope = slope_constant(self.weight)
        fixed: Tensor = ops.fixed_point(
            x, 1 / step.double(), before, slope, after, self.grid.lo, self.grid.hi, step
        )
        return fixed


class Add(nn.Module):
    """a + b on the grid that both lie on already: only saturation happens (a residual connection)."""

    def __init__(self, grid: Quantizer) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if a.shape != b.shape:
            raise ValueError(f"adds {tuple(a.shape)} and {tuple(b.shape)}; strides and sizes have to match")
        y: Tensor = self.grid(a + b)
        return y


class AveragePool2d(nn.Module):
    """The mean over windows, or over the whole map (`kernel_size` None), to the grid; x (N, C, H, W).

    `source` is the grid of x: the mean is formed from the exact sum, 1 / n being part of the multiplier.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int] | None = None,
        stride: int | tuple[int, int] | None = None,
        *,
        source: Quantizer | None = None,
        grid: Quantizer | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = None if kernel_size is None else both(kernel_size)
        self.stride = self.kernel_size if stride is None else both(stride)
        self.source = source
        self.grid = Quantizer(8) if grid is None else grid

    def forward(self, x: Tensor) -> Tensor:
        total, n = self._sums(x)
        self._check(x.shape[2] * x.shape[3] if self.kernel_size is None else math.prod(self.kernel_size))
        if self.training:
            y: Tensor = self.grid(total / n)
            return y
        unit = torch.ones(()) if self.source is None else self.source.unit()
        step = self.grid.unit()
        share = torch.full((), 1 / n, dtype=torch.float64)
        multiplier, after = rescale_constants(share, torch.zeros_like(share), unit, step)
        fixed: Tensor = ops.fixed_point(
            total, multiplier, None, None, after, self.grid.lo, self.grid.hi, step
        )
        return fixed

    def _check(self, terms: int) -> None:
        """ValueError where sums of `terms` values are not exact in float32."""
        if self.source is not None and terms * self.source.largest() > EXACT:
            what = f"sums of {terms} values of {self.source.bits} bits are not exact in float32"
            raise ValueError(f"{what}; average smaller windows first, or fewer bits")

    def _sums(self, x: Tensor) -> tuple[Tensor, int]:
        """(exact sums, what to divide them by)."""
        if self.kernel_size is None:
            return x.sum((2, 3), keepdim=True), int(x.shape[2] * x.shape[3])
        assert self.stride is not None
        rows, columns = self.kernel_size
        n = rows * columns
        if n & (n - 1) == 0:  # dividing by a power of two is exact
            return F.avg_pool2d(x, self.kernel_size, self.stride), 1
        ones = torch.ones(x.shape[1], 1, rows, columns, dtype=x.dtype, device=x.device)
        return F.conv2d(x, ones, stride=self.stride, groups=x.shape[1]), n
