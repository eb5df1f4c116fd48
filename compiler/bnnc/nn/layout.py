"""Modules that only move channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelShuffle(nn.Module):
    """Channel g * (C / groups) + i to place i * groups + g (ShuffleNet); x (N, C, H, W)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        grouped = x.reshape(n, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(n, channels, height, width)


class Duplicate(nn.Module):
    """The channels `times` times over: (N, C, ..) -> (N, times * C, ..)."""

    def __init__(self, times: int = 2) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.times, 1)
