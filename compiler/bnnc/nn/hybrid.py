"""The two kinds of layers of Hybrid Binary Networks (arXiv 1804.03867), each with its order of operations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc.nn.binary import BinaryConv2d
from bnnc.nn.normalization import BatchNorm
from bnnc.nn.quantizers import ActivationQuantizer, Quantizer, Sign
from bnnc.nn.real import value_quantizer
from bnnc.nn.rescale import Rescaled


class FBin(nn.Module):
    """Full-binary layer: relu(alpha_f * (sign(W) (*) sign(BN(x)))).

    x (N, I, H, W) -> (N, O, H', W'). BN comes before the sign; its derivative is 1(|x| < 1). W is centred
    over the inputs and clamped to [-1, 1], alpha_f = mean |W_f|. Without `grid` the result is for a
    comparison (a sign, a pool in front of one, a quantizer of at most 8 bits); with `grid` it is a value.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        groups: int = 1,
        *,
        relu: bool = True,
        grid: Quantizer | None = None,
    ) -> None:
        super().__init__()
        self.norm = BatchNorm(inputs)
        conv = BinaryConv2d(
            inputs,
            outputs,
            kernel_size,
            stride,
            padding,
            groups=groups,
            quantize=Sign("xnor"),
            weights="hybrid",
        )
        self.conv = conv if grid is None else Rescaled(conv, grid, norm=False, relu=relu)
        self.relu = relu and grid is None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.norm(x))
        return torch.relu(y) if self.relu else y


class WBin(nn.Module):
    """Weight-binary layer: relu(BN(alpha_f * (sign(W) (*) x))), the order of a normal network.

    x (N, I, H, W) -> (N, O, H', W'); `quantize` brings x to integers of 8 bits ("u8" behind a ReLU). Weights
    and `grid` as in `FBin`; `norm` False leaves BN out (a last layer).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = False,
        *,
        quantize: ActivationQuantizer | str = "i8",
        norm: bool = True,
        relu: bool = True,
        grid: Quantizer | None = None,
    ) -> None:
        super().__init__()
        conv = BinaryConv2d(
            inputs,
            outputs,
            kernel_size,
            stride,
            padding,
            groups=groups,
            bias=bias,
            quantize=value_quantizer(quantize),
            weights="hybrid",
        )
        self.conv = conv if grid is None else Rescaled(conv, grid, norm=norm, relu=relu)
        self.norm = BatchNorm(outputs) if norm and grid is None else None
        self.relu = relu and grid is None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        y = y if self.norm is None else self.norm(y)
        return torch.relu(y) if self.relu else y
