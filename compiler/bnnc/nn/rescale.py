"""Where sums become values: batch normalization, scale and bias in fixed point, on a grid."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc.nn import ops
from bnnc.nn.constants import rescale_constants
from bnnc.nn.layer import Layer
from bnnc.nn.normalization import BatchNorm
from bnnc.nn.ops import per_channel
from bnnc.nn.quantizers import Quantizer


class Rescale(nn.Module):
    """y = grid(relu(BN(scale * x + bias))): exact sums x (N, C, ..) to values on `grid`.

    In training the arithmetic is float, the result rounded to the grid, its gradient passing where nothing
    is clipped. In eval mode it is what a device computes, with constants folded from the running statistics:
    clip(floor(x * m + b), lo, hi) * step in float64, m an integer of 18 bits over a power of two. `norm`: a
    batch normalization in between; `relu`: negative values become 0.
    """

    def __init__(
        self,
        channels: int,
        grid: Quantizer | None = None,
        *,
        norm: bool = True,
        relu: bool = False,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.norm = BatchNorm(channels, eps=eps, momentum=momentum) if norm else None
        self.relu = relu
        self.grid = Quantizer(16, margin=2.0) if grid is None else grid

    def forward(
        self,
        x: Tensor,
        unit: Tensor | None = None,
        scale: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """x float32 (N, C, ..), multiples of `unit` (default 1); unit, scale, bias () or (C,)."""
        if self.training:
            return self._trained(x, scale, bias)
        return self._fixed(x, unit, scale, bias)

    def _trained(self, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        y = x if scale is None else x * per_channel(scale, x)
        y = y if bias is None else y + per_channel(bias, y)
        y = y if self.norm is None else self.norm(y)
        on_grid: Tensor = self.grid(torch.relu(y) if self.relu else y)
        return on_grid

    def _fixed(self, x: Tensor, unit: Tensor | None, scale: Tensor | None, bias: Tensor | None) -> Tensor:
        a, b = self._affine(scale, bias)
        step = self.grid.unit()
        multiplier, after = rescale_constants(a, b, torch.ones(()) if unit is None else unit, step)
        lo = max(self.grid.lo, 0) if self.relu else self.grid.lo
        y: Tensor = ops.fixed_point(x, multiplier, None, None, after, lo, self.grid.hi, step)
        return y

    def _affine(self, scale: Tensor | None, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """(a, b) of the whole: a x + b, float64."""
        one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        a = one if scale is None else scale.double()
        b = zero if bias is None else bias.double()
        if self.norm is None:
            return a, b
        g, h = self.norm.folded()
        return a * g, b * g + h


class Rescaled(nn.Module):
    """A layer with weights whose result is a value: `Rescale` reads its exact sums, its scale and its bias.

    x as the layer takes it -> (N, O, ..) on `grid`. Options as in `Rescale`.
    """

    def __init__(
        self,
        layer: Layer,
        grid: Quantizer | None = None,
        *,
        norm: bool = True,
        relu: bool = False,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.rescale = Rescale(layer.outputs, grid, norm=norm, relu=relu, eps=eps, momentum=momentum)

    @property
    def grid(self) -> Quantizer:
        """The grid of the result."""
        return self.rescale.grid

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        y: Tensor = self.rescale(layer.accumulate(x), layer.unit(), layer.scale(), layer.bias)
        return y
