"""ResNet-18 of FTBNN (arXiv 2010.09294): Bi-Real blocks with PReLU and groups."""

from __future__ import annotations

from torch import nn

from bnnc.nn import FTBNNBlock, residual_grid
from bnnc.zoo.residual import STAGES, Stem, check_maps, head, stem_layers
from bnnc.zoo.shapes import scaled

BLOCKS_A_STAGE = 4


def ftbnn_resnet18(
    groups: int = 1,
    width: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    image_size: int = 224,
    prelu: str = "after-add",
    shared_slope: bool = False,
    shortcut: str = "real",
    shuffle: bool = False,
    stem: Stem = "imagenet",
) -> nn.Sequential:
    """Sixteen one-convolution blocks: 4.15 MB at width 1, one group and a real shortcut.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). `groups` of the 3x3
    convolutions (the paper widens the network in return); `prelu`, `shared_slope`, `shortcut` and `shuffle`
    as in `FTBNNBlock`. `stem`: "imagenet" 7x7 of stride 2 and a pool, "small" 3x3.
    """
    check_maps(image_size, stem, len(STAGES))
    grid = residual_grid()
    channels = [scaled(c, width, groups) for c in STAGES]
    if shortcut == "pooled":
        channels = [channels[0] << i for i in range(len(STAGES))]
    net = nn.Sequential()
    net.add_module("stem", stem_layers(in_channels, channels[0], grid, stem))
    inputs = channels[0]
    for i in range(len(STAGES) * BLOCKS_A_STAGE):
        outputs = channels[i // BLOCKS_A_STAGE]
        stride = 2 if i and i % BLOCKS_A_STAGE == 0 else 1
        block = FTBNNBlock(
            inputs,
            outputs,
            stride,
            groups,
            grid=grid,
            prelu=prelu,
            shared_slope=shared_slope,
            shortcut=shortcut,
            shuffle=shuffle,
        )
        net.add_module(f"block{i + 1}", block)
        inputs = outputs
    net.add_module("head", head(inputs, num_classes, grid))
    return net
