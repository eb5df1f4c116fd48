"""The networks of PCNN (arXiv 1811.12755): ResNet-18, and wide ResNets of 22 layers and more."""

from __future__ import annotations

from torch import Tensor, nn

from bnnc.nn import (
    Add,
    AveragePool2d,
    BatchNorm,
    OnGrid,
    PCNNBlock,
    ProjectionConv2d,
    QuantConv2d,
    Quantizer,
    Requantizer,
    Rescaled,
    residual_grid,
)
from bnnc.nn.quantizers import ActivationQuantizer
from bnnc.zoo.grids import bytes_grid, bytes_of_stream
from bnnc.zoo.residual import STAGES, AddRelu, Stem, check_maps, head, stem_layers
from bnnc.zoo.shapes import scaled, stack

BLOCKS_A_STAGE = 4
WIDE_STAGES = (16, 32, 64)


def pcnn_resnet18(
    projections: int = 1,
    width: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    image_size: int = 224,
    stem: Stem = "imagenet",
) -> nn.Sequential:
    """ResNet-18 as released: sixteen blocks BN -> sign -> convolution -> + shortcut -> PReLU, 4.15 MB.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). `projections` is J: each
    latent kernel makes so many binary ones, whose outputs are the convolution's channels.
    """
    check_maps(image_size, stem, len(STAGES))
    grid = residual_grid()
    channels = [scaled(c, width, projections) for c in STAGES]
    net = stack(("stem", stem_layers(in_channels, channels[0], grid, stem, prelu=True)))
    inputs = channels[0]
    for i in range(len(STAGES) * BLOCKS_A_STAGE):
        outputs = channels[i // BLOCKS_A_STAGE]
        stride = 2 if i and i % BLOCKS_A_STAGE == 0 else 1
        net.add_module(
            f"block{i + 1}", PCNNBlock(inputs, outputs, stride, grid=grid, projections=projections)
        )
        inputs = outputs
    net.add_module("head", head(inputs, num_classes, grid))
    return net


def pcnn22(
    projections: int = 2,
    width: float = 1.0,
    num_classes: int = 10,
    in_channels: int = 3,
    image_size: int = 32,
    activation: str = "sign",
    depth: int = 22,
) -> nn.Sequential:
    """A wide ResNet for small images: a real stem, three stages of (depth - 4) / 6 blocks, a real last layer.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). The stages have 16, 32 and
    64 latent kernels a layer, times `width`, and `projections` (J) times as many channels. `activation`:
    "sign" is BN -> sign -> convolution, twice, plus skip; "relu" convolution -> BN -> ReLU, twice, plus
    skip, on 8-bit values, as the authors draw it.
    """
    if activation not in ("sign", "relu") or (depth - 4) % 6:
        raise ValueError(f"activation {activation!r} of sign, relu; depth {depth} of 10, 16, 22, ..")
    check_maps(image_size, "small", len(WIDE_STAGES))
    grid = residual_grid()
    channels = [scaled(c, width) * projections for c in WIDE_STAGES]
    blocks_a_stage = (depth - 4) // 6
    make = SignBlock if activation == "sign" else ReluBlock
    net = stack(("stem", stem_layers(in_channels, channels[0], grid, "small", relu=activation == "relu")))
    inputs = channels[0]
    for i in range(len(channels) * blocks_a_stage):
        outputs = channels[i // blocks_a_stage]
        stride = 2 if i and i % blocks_a_stage == 0 else 1
        net.add_module(f"block{i + 1}", make(inputs, outputs, stride, grid, projections))
        inputs = outputs
    net.add_module("head", head(inputs, num_classes, grid, signed=activation == "sign"))
    return net


class SignBlock(nn.Module):
    """branch(x) + shortcut(x), the branch being BN -> sign -> convolution, twice; x on `grid`."""

    def __init__(self, inputs: int, outputs: int, stride: int, grid: Quantizer, projections: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            BatchNorm(inputs),
            ProjectionConv2d(inputs, outputs, 3, stride, 1, projections=projections),
            BatchNorm(outputs),
            Rescaled(ProjectionConv2d(outputs, outputs, 3, 1, 1, projections=projections), grid, norm=False),
        )
        self.shortcut = _shortcut(inputs, outputs, stride, grid)
        self.add = Add(grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.add(self.branch(x), self.shortcut(x))
        return y


class ReluBlock(nn.Module):
    """relu(branch(x) + shortcut(x)), the branch being convolution -> BN -> ReLU -> convolution -> BN."""

    def __init__(self, inputs: int, outputs: int, stride: int, grid: Quantizer, projections: int) -> None:
        super().__init__()
        between = bytes_grid()
        self.branch = nn.Sequential(
            Rescaled(_projected(inputs, outputs, stride, projections, bytes_of_stream()), between, relu=True),
            Rescaled(_projected(outputs, outputs, 1, projections, OnGrid(between)), grid),
        )
        self.shortcut = _shortcut(inputs, outputs, stride, grid)
        self.add = AddRelu(grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.add(self.branch(x), self.shortcut(x))
        return y


def _projected(
    inputs: int, outputs: int, stride: int, projections: int, quantize: ActivationQuantizer
) -> ProjectionConv2d:
    return ProjectionConv2d(inputs, outputs, 3, stride, 1, projections=projections, quantize=quantize)


def _shortcut(inputs: int, outputs: int, stride: int, grid: Quantizer) -> nn.Module:
    """Where the shape changes a real 1x1, BN, average pool, as in the released ResNet-18."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    real = Rescaled(QuantConv2d(inputs, outputs, 1, bias=False, quantize=Requantizer(8)), grid)
    if stride == 1:
        return real
    return nn.Sequential(real, AveragePool2d(stride, source=grid, grid=grid))
