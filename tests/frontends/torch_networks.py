"""Float networks as torch users write them: residual blocks, branches, shuffles."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE = (4, 16, 16)


class Block(nn.Module):
    """ResNet's basic block."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += self.shortcut(x)
        return F.relu(y)


def resnet() -> nn.Module:
    """A small ResNet."""
    return nn.Sequential(
        nn.Conv2d(4, 8, 7, 2, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Block(8, 8),
        Block(8, 12, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(12, 10),
    )


class BiReal(nn.Module):
    """A binary convolution with an average pool as shortcut, PReLU behind the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.pool = nn.AvgPool2d(2, 2, ceil_mode=True)
        self.act = nn.PReLU(4)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, 16, 16) to (N, 4)."""
        y: Tensor = self.act(self.norm(self.conv(torch.sign(x))) + self.pool(x))
        return y.mean((2, 3))


class Shuffled(nn.Module):
    """ShuffleNet's unit with a duplicated branch and sums over the map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, 16, 16) to (N, 4)."""
        left, right = x.chunk(2, dim=1)
        y = torch.cat([left, F.leaky_relu(right, 0.2)], 1)
        n, c, h, w = y.shape
        y = self.conv(y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))
        y = torch.cat([y, y], 1)
        chosen = torch.index_select(y, 1, torch.tensor([0, 0, 1, 7]))
        return F.hardtanh(y[:, 2:6] - chosen).sum(dim=(2, 3))


class Spread(nn.Module):
    """Parts of different sizes, repetitions, every other pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, 16, 16) to (N, 9)."""
        first, middle, last = torch.split(x, [1, 2, 1], 1)
        y = torch.cat((middle, first, last, x[:, 1:2]), 1) + x[:, 3:].expand(-1, 5, -1, -1)
        y = torch.cat((y, x.repeat_interleave(2, dim=1)[:, :4] + x.repeat(1, 2, 1, 1)[:, 2:6]), 1)
        return F.adaptive_max_pool2d(F.relu6(F.pad(y[:, :, ::2, ::2], (1, 1, 1, 1))), 1).flatten(1)


# What they become: torch's exporter folds batch normalization into the convolution in front of it.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "resnet": (
        resnet,
        "conv relu max_pool conv relu conv add_tensors relu"
        " conv relu conv conv add add_tensors relu average_pool reshape dense add",
    ),
    "bireal": (BiReal, "sign conv average_pool add_tensors prelu average_pool reshape"),
    "shuffled": (
        Shuffled,
        "gather gather prelu concat gather conv add gather gather neg add_tensors clip sum_pool reshape",
    ),
    "spread": (
        Spread,
        "gather gather add_tensors gather gather add_tensors concat"
        " max_pool max_pool pad clip max_pool reshape",
    ),
}
