"""A small convolutional network whose weights and hidden activations are -1 or +1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (32, 64, 64)
HIDDEN = 128
CLASSES = 10
INPUT_STEP = 1 / 256  # a power of two: sums of inputs are exact in float32


class Sign(torch.autograd.Function):
    """x >= 0 ? +1 : -1; the gradient passes where |x| <= 1 (Courbariaux et al. 2016, section 1.3)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * (x.abs() <= 1)


def sign(x: Tensor) -> Tensor:
    result: Tensor = Sign.apply(x)
    return result


def quantize_input(x: Tensor) -> Tensor:
    """x = pixel / 255 to the nearest of 0, 1/256 .. 255/256."""
    return torch.clamp(torch.round(x / INPUT_STEP), 0, 255) * INPUT_STEP


class BinaryNet(nn.Module):
    """Three blocks of convolution, BatchNorm, 2x2 max pooling and sign; a hidden and a last dense layer.

    The exported graph pools behind the sign: the sign of a maximum is the maximum of the signs, while the
    gradient is better in this order.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *CHANNELS[:-1])
        pairs = zip(inputs, CHANNELS, strict=True)
        self.convs = nn.ModuleList([nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in pairs])
        self.conv_norms = nn.ModuleList([nn.BatchNorm2d(o) for o in CHANNELS])
        features = CHANNELS[-1] * 3 * 3
        self.denses = nn.ModuleList(
            [nn.Linear(features, HIDDEN, bias=False), nn.Linear(HIDDEN, CLASSES, bias=False)]
        )
        self.dense_norms = nn.ModuleList([nn.BatchNorm1d(HIDDEN), nn.BatchNorm1d(CLASSES)])

    def forward(self, x: Tensor) -> Tensor:
        x = quantize_input(x)
        for conv, norm in zip(self.convs, self.conv_norms, strict=True):
            x = F.conv2d(x, sign(conv.weight), padding=1)
            x = sign(F.max_pool2d(norm(x), 2))
        x = sign(self.dense_norms[0](F.linear(x.flatten(1), sign(self.denses[0].weight))))
        logits: Tensor = self.dense_norms[1](F.linear(x, sign(self.denses[1].weight)))
        return logits

    def clip_weights(self) -> None:
        """Keep the real weights behind the signs where their gradient passes."""
        for layer in (*self.convs, *self.denses):
            layer.weight.data.clamp_(-1, 1)
