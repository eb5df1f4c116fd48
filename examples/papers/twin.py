"""The float twin of a network: the same layers with real weights and ReLU in place of binarization."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import bnnc.nn as bnn
from bnnc.nn.layer import Layer, Window
from bnnc.zoo.residual import AddRelu

BINARIZING = (bnn.Sign, bnn.Step)


def float_twin(module: nn.Module) -> nn.Module:
    """A copy of `module` in float: no grids, no binary weights; fresh weights of the usual size."""
    return _replaced(copy.deepcopy(module))


class FloatLayer(nn.Module):
    """conv(relu(x)) or linear(relu(x)); without the ReLU where the original does not binarize its input."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        outputs = getattr(layer, "outputs", layer.weight.shape[0])
        self.weight = nn.Parameter(torch.empty(outputs, *layer.weight.shape[1:]))
        self.bias = layer.bias
        self.window: Window | None = getattr(layer, "window", None)
        self.relu = isinstance(layer.quantize, BINARIZING)
        nn.init.kaiming_normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x) if self.relu else x
        if self.window is None:
            return F.linear(x, self.weight, self.bias)
        y = self.window.convolve(x, self.weight)
        return y if self.bias is None else y + self.bias[:, None, None]


class Sum(nn.Module):
    """a + b, or relu(a + b)."""

    def __init__(self, relu: bool) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return F.relu(a + b) if self.relu else a + b


def _replaced(module: nn.Module) -> nn.Module:
    match module:
        case Layer():
            return FloatLayer(module)
        case bnn.Rescaled():
            parts = [
                FloatLayer(module.layer),
                module.rescale.norm,
                nn.ReLU() if module.rescale.relu else None,
            ]
            return nn.Sequential(*(part for part in parts if part is not None))
        case bnn.Quantizer():
            return nn.Identity()
        case bnn.Add() | AddRelu():
            return Sum(relu=isinstance(module, AddRelu))
        case bnn.PReLU():
            return nn.PReLU(module.weight.numel())
        case bnn.AveragePool2d(kernel_size=None):
            return nn.AdaptiveAvgPool2d(1)
        case bnn.AveragePool2d():
            return nn.AvgPool2d(module.kernel_size or 1, module.stride)
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module
