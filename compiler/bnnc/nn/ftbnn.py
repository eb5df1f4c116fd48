"""The block of FTBNN (arXiv 2010.09294): Bi-Real's, with PReLU and groups."""

from __future__ import annotations

from torch import Tensor, nn

from bnnc.nn.binary import BinaryConv2d
from bnnc.nn.layout import ChannelShuffle, Duplicate
from bnnc.nn.quantizers import Quantizer, Sign
from bnnc.nn.real import conv_of_values
from bnnc.nn.rescale import Rescaled
from bnnc.nn.values import Add, AveragePool2d, PReLU

PRELU_PLACES = ("none", "after-bn", "after-add", "both")
SHORTCUTS = ("real", "binary", "pooled")


class FTBNNBlock(nn.Module):
    """prelu(BN(alpha_f * (sign(W) (*) sign(x))) + shortcut(x)), one shortcut a convolution.

    x (N, I, H, W) on `grid` -> (N, O, H / stride, W / stride) on `grid`. The sign has Bi-Real's derivative.
    `prelu`: "after-add" (default), "after-bn", "both", "none"; `shared_slope`: one slope in place of one a
    channel. `shortcut`, where shape or stride change: "real" average pool, real 1x1, BN; "binary" average
    pool, sign, binary 1x1, BN; "pooled" average pool, channels duplicated. `groups` of the 3x3 convolution;
    `shuffle`: its result's channels are shuffled across the groups.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        groups: int = 1,
        *,
        grid: Quantizer,
        prelu: str = "after-add",
        shared_slope: bool = False,
        shortcut: str = "real",
        shuffle: bool = False,
    ) -> None:
        super().__init__()
        if prelu not in PRELU_PLACES or shortcut not in SHORTCUTS:
            raise ValueError(f"prelu {prelu!r} of {PRELU_PLACES}, shortcut {shortcut!r} of {SHORTCUTS}")
        sign = Sign("bireal")
        conv = BinaryConv2d(inputs, outputs, 3, stride, 1, groups=groups, quantize=sign)
        slopes = 1 if shared_slope else outputs
        self.conv = Rescaled(conv, grid)
        self.act_conv = PReLU(slopes, grid) if prelu in ("after-bn", "both") else nn.Identity()
        self.shuffle = ChannelShuffle(groups) if shuffle and groups > 1 else nn.Identity()
        self.shortcut = _shortcut(inputs, outputs, stride, shortcut, grid)
        self.add = Add(grid)
        self.act = PReLU(slopes, grid) if prelu in ("after-add", "both") else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.shuffle(self.act_conv(self.conv(x)))
        result: Tensor = self.act(self.add(y, self.shortcut(x)))
        return result


def _shortcut(inputs: int, outputs: int, stride: int, kind: str, grid: Quantizer) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(stride)
    match kind:
        case "real":
            return nn.Sequential(pool, Rescaled(conv_of_values(inputs, outputs), grid))
        case "binary":
            conv = BinaryConv2d(inputs, outputs, 1, quantize=Sign("bireal"))
            return nn.Sequential(pool, Rescaled(conv, grid))
    if outputs % inputs:
        raise ValueError(f"{outputs} outputs are no multiple of {inputs} inputs; duplication needs that")
    on_grid = nn.Identity() if stride == 1 else AveragePool2d(stride, source=grid, grid=grid)
    return nn.Sequential(on_grid, Duplicate(outputs // inputs))
