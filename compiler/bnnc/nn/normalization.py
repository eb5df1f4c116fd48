"""Batch normalization whose evaluation is one multiplication and one addition, each rounded once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from bnnc.nn.ops import per_channel


class BatchNorm(nn.BatchNorm2d):
    """gamma * (x - mean) / sqrt(var + eps) + beta over (N, C) or (N, C, H, W).

    In eval mode x * g + h with g = gamma / sqrt(var + eps) and h = beta - mean * g, both float32: torch,
    onnxruntime and every executor then agree on the last bit.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected (N, C, ..), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            return super().forward(input)
        g, h = self.folded()
        return input * per_channel(g.float(), input) + per_channel(h.float(), input)

    def folded(self) -> tuple[Tensor, Tensor]:
        """(g, h), float64 (C,), from the running statistics."""
        return folded_norm(self)


def folded_norm(norm: _NormBase) -> tuple[Tensor, Tensor]:
    """(g, h), float64 (C,), such that `norm` is x * g + h in eval mode."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch normalization without running statistics cannot be evaluated exactly")
    g = 1 / torch.sqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        g = norm.weight.double() * g
    h = -norm.running_mean.double() * g
    return g, h if norm.bias is None else norm.bias.double() + h
