"""Batch normalization whose evaluation is one multiplication and one addition, each rounded once."""

from __future__ import annotations

from torch import Tensor, nn

from bnnc.nn.constants import fold_norm
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
        if self.running_mean is None or self.running_var is None:
            raise ValueError("without running statistics there is no exact evaluation")
        g, h = fold_norm(self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        return g, h
