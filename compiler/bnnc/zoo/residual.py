"""What the residual networks share: their stem, their stages, their end."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc.nn import AveragePool2d, OnGrid, PReLU, QuantConv2d, Quantizer, QuantLinear, Rescaled
from bnnc.zoo.grids import pixels
from bnnc.zoo.shapes import map_size, stack

STAGES = (64, 128, 256, 512)
Stem = str  # "imagenet" or "small"
STEMS = ("imagenet", "small")


def stem_layers(
    inputs: int, outputs: int, grid: Quantizer, stem: Stem, *, relu: bool = False, prelu: bool = False
) -> nn.Sequential:
    """Images to values on `grid`: "imagenet" 7x7 of stride 2, BN, 3x3 max pool of stride 2; "small" 3x3, BN.

    A ReLU or PReLU stands behind BN.
    """
    kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
    conv = QuantConv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, quantize=pixels())
    layers = stack(("conv", Rescaled(conv, grid, relu=relu)))
    if prelu:
        layers.add_module("prelu", PReLU(outputs, grid))
    if stem == "imagenet":
        layers.add_module("pool", nn.MaxPool2d(3, 2, 1))
    return layers


def check_maps(image_size: int, stem: Stem, stages: int) -> None:
    """ValueError where a map does not halve evenly from stage to stage, as pooled shortcuts need it."""
    if stem not in STEMS:
        raise ValueError(f"unknown stem {stem!r}; known are {', '.join(STEMS)}")
    size = image_size
    if stem == "imagenet":
        size = map_size(map_size(image_size, 7, 2, 3), 3, 2, 1)
    if size % 2 ** (stages - 1):
        raise ValueError(
            f"maps of {size} rows behind the stem do not halve {stages - 1} times; pad the image, "
            'to 32 x 32 with stem="small", say'
        )


class AddRelu(nn.Module):
    """relu(a + b) on the grid that a and b lie on already; only saturation happens."""

    def __init__(self, grid: Quantizer) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        y: Tensor = self.grid(torch.relu(a + b))
        return y


def head(channels: int, num_classes: int, source: Quantizer, signed: bool = True) -> nn.Sequential:
    """Global average pool of values on `source`, 8 bits, a real dense layer with bias."""
    pool = AveragePool2d(source=source, grid=Quantizer(8, signed=signed))
    fc = QuantLinear(channels, num_classes, quantize=OnGrid(pool.grid))
    return stack(("pool", pool), ("flatten", nn.Flatten()), ("fc", fc))
