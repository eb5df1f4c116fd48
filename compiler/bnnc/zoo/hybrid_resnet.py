"""ResNet-18 of Hybrid Binary Networks (arXiv 1804.03867), with the wiring of its released code."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from bnnc.nn import (
    AveragePool2d,
    FBin,
    OnGrid,
    QuantConv2d,
    Quantizer,
    WBin,
    residual_grid,
)
from bnnc.zoo.grids import bytes_grid, bytes_of_stream
from bnnc.zoo.residual import STAGES, AddRelu, Stem, check_maps, stem_layers
from bnnc.zoo.shapes import scaled

N_BLOCKS = 8


class HybridResNet18(nn.Module):
    """ResNet-18 of two-convolution blocks; see `hybrid_resnet18`."""

    def __init__(
        self,
        weight_binary: Collection[int],
        width: float,
        num_classes: int,
        in_channels: int,
        image_size: int,
        downsample: str,
        last: str,
        stem: Stem,
    ) -> None:
        super().__init__()
        grid = residual_grid()
        channels = [scaled(c, width) for c in STAGES]
        check_maps(image_size, stem, len(STAGES))
        self.stem = stem_layers(in_channels, channels[0], grid, stem, relu=True)
        self.blocks = nn.ModuleList()
        inputs = channels[0]
        for i in range(N_BLOCKS):
            outputs, stride = channels[i // 2], 2 if i in (2, 4, 6) else 1
            make = WBinBlock if i + 1 in weight_binary else FBinBlock
            self.blocks.append(make(inputs, outputs, stride, grid, downsample))
            inputs = outputs
        self.pool = AveragePool2d(source=grid, grid=bytes_grid())
        quantize = OnGrid(self.pool.grid)
        self.last: nn.Module = QuantConv2d(inputs, num_classes, 1, bias=False, quantize=quantize)
        if last == "wbin":
            self.last = WBin(inputs, num_classes, 1, quantize=quantize, norm=False, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        first, second, *others = self.blocks
        x = second(first(stem, stem), stem)  # the second block's branch reads the stem, as released
        for block in others:
            x = block(x, x)
        logits: Tensor = self.last(self.pool(x)).flatten(1)
        return logits


def hybrid_resnet18(
    weight_binary: Collection[int] = (6, 7, 8),
    width: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    image_size: int = 224,
    downsample: str = "wbin",
    last: str = "real",
    stem: Stem = "imagenet",
) -> HybridResNet18:
    """ResNet-18 whose blocks in `weight_binary`, counted from 1 to 8, keep real inputs.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). (6, 7, 8) are the layers
    12..17 of the paper's Hybrid1, (8,) Hybrid2, () FBin. `downsample`: "wbin" a weight-binary 1x1 on real
    input, as in the hybrid files, or "fbin". `last` "real" or "wbin". The second block's branch reads the
    stem's output rather than the first block's, as in the released code. `stem`: "imagenet" 7x7 of stride
    2 and a pool, "small" 3x3.
    """
    if downsample not in ("wbin", "fbin") or last not in ("real", "wbin"):
        raise ValueError(f"downsample {downsample!r} of wbin, fbin; last {last!r} of real, wbin")
    if not set(weight_binary) <= set(range(1, N_BLOCKS + 1)):
        raise ValueError(f"blocks {sorted(weight_binary)}, of 1..{N_BLOCKS}")
    return HybridResNet18(weight_binary, width, num_classes, in_channels, image_size, downsample, last, stem)


class _Block(nn.Module):
    """relu(branch(y) + shortcut(x)), x and y (N, I, H, W) on `grid`."""

    branch: nn.Sequential

    def __init__(self, inputs: int, outputs: int, stride: int, grid: Quantizer, downsample: str) -> None:
        super().__init__()
        changes = stride != 1 or inputs != outputs
        self.shortcut = _shortcut(inputs, outputs, stride, grid, downsample) if changes else nn.Identity()
        self.add = AddRelu(grid)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z: Tensor = self.add(self.branch(y), self.shortcut(x))
        return z


class FBinBlock(_Block):
    """Two full-binary layers; the ReLU of the second one stands behind the addition."""

    def __init__(self, inputs: int, outputs: int, stride: int, grid: Quantizer, downsample: str) -> None:
        super().__init__(inputs, outputs, stride, grid, downsample)
        self.branch = nn.Sequential(
            FBin(inputs, outputs, 3, stride, 1),
            FBin(outputs, outputs, 3, 1, 1, relu=False, grid=grid),
        )


class WBinBlock(_Block):
    """Two weight-binary layers on 8-bit values."""

    def __init__(self, inputs: int, outputs: int, stride: int, grid: Quantizer, downsample: str) -> None:
        super().__init__(inputs, outputs, stride, grid, downsample)
        between = bytes_grid()
        self.branch = nn.Sequential(
            WBin(inputs, outputs, 3, stride, 1, quantize=bytes_of_stream(), grid=between),
            WBin(outputs, outputs, 3, 1, 1, quantize=OnGrid(between), relu=False, grid=grid),
        )


def _shortcut(inputs: int, outputs: int, stride: int, grid: Quantizer, kind: str) -> nn.Module:
    if kind == "fbin":
        return FBin(inputs, outputs, 1, stride, relu=False, grid=grid)
    return WBin(inputs, outputs, 1, stride, quantize=bytes_of_stream(), relu=False, grid=grid)
