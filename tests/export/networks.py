"""Small networks that hold every module of bnnc.nn; input float32 (N, 3, 12, 12)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc import nn as bnn

SHAPE = (3, 12, 12)


class TrainedBinarization(nn.Module):
    """Steps to {0, 1}, learned scales of both kinds, padding by value, RPReLU, shuffle, split, concat."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = bnn.Rescaled(bnn.QuantConv2d(3, 16, 3, padding=1, quantize="u8"), relu=True)
        self.norm1 = bnn.BatchNorm(16)
        step, options = bnn.Step(beta=0.7), {"alpha": "learned-filter"}
        self.conv1 = bnn.BinaryConv2d(16, 32, 3, padding=1, groups=2, quantize=step, **options)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.norm2 = bnn.BatchNorm(32)
        conv2 = bnn.BinaryConv2d(32, 32, 3, padding=1, padding_value=-1, alpha="learned", bias=True)
        self.conv2 = bnn.Rescaled(conv2)
        self.act = bnn.RPReLU(32, self.conv2.grid)
        self.shuffle, self.twice = bnn.ChannelShuffle(4), bnn.Duplicate(2)
        self.norm3 = bnn.BatchNorm(64)
        self.conv3 = bnn.BinaryConv2d(64, 8, 3, dilation=2, padding=2, padding_value=1)
        self.fc1 = bnn.BinaryLinear(8 * 7 * 7, 20, quantize=bnn.Step())
        self.norm4 = bnn.BatchNorm(20)
        self.fc2 = bnn.BinaryLinear(20, 10, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.norm1(self.stem(x)))
        x = self.act(self.conv2(self.norm2(self.pool(x))))
        a, b = self.twice(self.shuffle(x)).chunk(2, 1)
        x = self.conv3(self.norm3(torch.cat([b, a], 1)))
        y: Tensor = self.fc2(self.norm4(self.fc1(x.flatten(1))))
        return y


class Hybrid(nn.Module):
    """FBin and WBin as float chains and as values, a ReLU on the stream, a binary last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = bnn.Rescaled(bnn.QuantConv2d(3, 16, 3, padding=1, quantize="u8"), relu=True)
        grid = self.stem.grid
        self.full = bnn.FBin(16, 16, 3, padding=1, grid=grid)
        self.add = bnn.Add(grid)
        self.full2, self.pool = bnn.FBin(16, 16, 3, padding=1), nn.MaxPool2d(2)
        self.real = bnn.WBin(16, 24, 3, padding=1, quantize="u8")
        self.real2 = bnn.WBin(24, 24, 3, quantize="u8", grid=bnn.Quantizer(8, signed=False))
        last = self.real2.conv.grid
        self.last = bnn.WBin(24, 10, 4, bias=True, quantize=last, norm=False, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.relu(self.add(self.full(x), x))
        y: Tensor = self.last(self.real2(self.real(self.pool(self.full2(x)))))
        return y.flatten(1)


class FTBNN(nn.Module):
    """Blocks with every place of PReLU, every shortcut, groups."""

    def __init__(self) -> None:
        super().__init__()
        grid = bnn.residual_grid()
        self.stem = bnn.Rescaled(bnn.QuantConv2d(3, 16, 3, padding=1, quantize="u8"), grid)
        self.blocks = nn.Sequential(
            bnn.FTBNNBlock(16, 16, grid=grid, groups=4, shuffle=True),
            bnn.FTBNNBlock(16, 32, 2, grid=grid, groups=2, prelu="both", shared_slope=True),
            bnn.FTBNNBlock(32, 64, 2, grid=grid, shortcut="pooled", prelu="after-bn"),
            bnn.FTBNNBlock(64, 96, grid=grid, shortcut="binary", prelu="none"),
        )
        self.pool = bnn.AveragePool2d(source=grid)
        self.fc = bnn.QuantLinear(96, 10, quantize=self.pool.grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc(self.pool(self.blocks(self.stem(x))).flatten(1))
        return y


class PCNN(nn.Module):
    """Projections 1 to 4, their mean and the whole matrix, averages of 3 x 3."""

    def __init__(self) -> None:
        super().__init__()
        grid = bnn.residual_grid()
        self.stem = bnn.Rescaled(bnn.QuantConv2d(3, 16, 7, padding=3, quantize="u8", bias=False), grid)
        self.act = bnn.PReLU(16, grid)
        self.blocks = nn.Sequential(
            bnn.PCNNBlock(16, 16, grid=grid),
            bnn.PCNNBlock(16, 32, 2, grid=grid, projections=2),
            bnn.PCNNBlock(32, 32, grid=grid, projections=4, full_forward=True),
        )
        self.pool = bnn.AveragePool2d(3, source=grid)
        self.fc = bnn.QuantLinear(32 * 4, 10, quantize=self.pool.grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc(self.pool(self.blocks(self.act(self.stem(x)))).flatten(1))
        return y


class TAC(nn.Module):
    """XNOR convolutions (one ternary), sparse layers on integers, values and bits."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.stem, self.norm0 = bnn.QuantConv2d(3, 16, 3, padding=1, quantize="u8"), bnn.BatchNorm(16)
        self.norm1 = bnn.BatchNorm(16)
        self.conv1 = bnn.BinaryConv2d(16, 32, 3, padding=1, quantize=bnn.Sign("xnor"), weights="ternary")
        self.pool, self.norm2 = nn.MaxPool2d(2), bnn.BatchNorm(32)
        sparse = bnn.SparseLinear(32 * 36, 48, method=method, bits=3)
        self.fc1 = bnn.Rescaled(sparse, bnn.Quantizer(8, signed=False), relu=True)
        self.fc2, self.norm3 = (
            bnn.SparseLinear(48, 40, quantize=self.fc1.grid, method=method),
            bnn.BatchNorm(40),
        )
        self.fc3 = bnn.SparseLinear(40, 10, quantize=bnn.Sign(), method=method, bits=8)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm0(self.stem(x)))
        x = self.norm2(self.pool(self.conv1(self.norm1(x)))).flatten(1)
        y: Tensor = self.fc3(self.norm3(self.fc2(self.fc1(x))))
        return y


NUMBERS = [0.0, 1.0, -1.0, 1e-30, -1e-30, 3e-7, -0.3, 7.9, 131071.0, -131072.0, 1e12, -1e30]
SLOPES = [0.25, -0.25, 1.0, -1.0, 0.0, 1e-30, 1.99999, 3.1, -777.7, 1e6, -1e30, 65535.9]


class Extremes(nn.Module):
    """Every pair of extreme factors and offsets, on the value path and in front of a comparison."""

    def __init__(self) -> None:
        super().__init__()
        n = len(NUMBERS)
        pixels, grid = bnn.Quantizer(8, step=2.0**-4), bnn.Quantizer(16, step=2.0**-6)
        conv = bnn.BinaryConv2d(3, n * n, 3, padding=1, quantize=pixels, alpha="learned-filter")
        self.conv = bnn.Rescaled(conv, grid)
        conv.alpha.value.data = torch.tensor(NUMBERS).repeat_interleave(n)
        self.conv.rescale.norm.bias.data = torch.tensor(NUMBERS).repeat(n)
        self.act, self.moved, self.add = bnn.PReLU(n * n, grid), bnn.RPReLU(n * n, grid), bnn.Add(grid)
        self.act.weight.data = torch.tensor(SLOPES).repeat(n)
        self.moved.weight.data = torch.tensor(SLOPES).repeat_interleave(n)
        self.moved.gamma.data = torch.tensor(NUMBERS).repeat(n)
        self.moved.zeta.data = torch.tensor(NUMBERS[::-1]).repeat(n)
        self.norm = bnn.BatchNorm(n * n)
        self.norm.weight.data = torch.tensor(NUMBERS).repeat(n)
        self.pool, self.fc = nn.MaxPool2d(3), bnn.BinaryLinear(n * n * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x * 8 - 4)
        x = self.add(self.act(x), self.moved(x))
        y: Tensor = self.fc(self.pool(self.norm(x)).flatten(1))
        return y


NETWORKS = {
    "trained-binarization": TrainedBinarization,
    "hybrid": Hybrid,
    "ftbnn": FTBNN,
    "pcnn": PCNN,
    "tac-codebook": lambda: TAC("codebook"),
    "tac-uniform": lambda: TAC("uniform"),
    "tac-power-of-two": lambda: TAC("power-of-two"),
}
