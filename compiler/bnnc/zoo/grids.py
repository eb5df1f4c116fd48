"""Values that change from one grid to another, and layers whose input lies on its grid already."""

from __future__ import annotations

from torch import Tensor, nn

from bnnc.nn import Quantizer, Rescale
from bnnc.nn.quantizers import ActivationQuantizer

PIXEL_STEP = 1 / 256


def pixels() -> Quantizer:
    """Images in 0..1 as 8 bits in steps of 1/256."""
    return Quantizer(8, signed=False, step=PIXEL_STEP)


def bytes_grid() -> Quantizer:
    """Values behind a ReLU as 8 bits."""
    return Quantizer(8, signed=False)


class OnGrid(ActivationQuantizer):
    """The input is on `grid` already: nothing is left to do but to say so."""

    def __init__(self, grid: Quantizer) -> None:
        super().__init__()
        self.grid = grid

    def codes(self, x: Tensor) -> Tensor:
        return x

    def unit(self) -> Tensor:
        return self.grid.unit()

    def largest(self) -> int:
        return self.grid.largest()


class ToGrid(nn.Module):
    """x (N, C, ..) on `source`'s grid to the nearest value of `grid`, halves up."""

    def __init__(self, channels: int, source: Quantizer, grid: Quantizer) -> None:
        super().__init__()
        self.source = source
        self.rescale = Rescale(channels, grid, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rescale(x, self.source.unit())
        return y
