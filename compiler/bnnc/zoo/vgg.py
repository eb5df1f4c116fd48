"""VGG-Small, the network of Trained Binarization (arXiv 1909.11366) on CIFAR-10."""

from __future__ import annotations

from torch import nn

from bnnc.nn import BatchNorm, BinaryConv2d, QuantConv2d, QuantLinear, Sign, Step
from bnnc.nn.quantizers import ActivationQuantizer
from bnnc.zoo.grids import pixels
from bnnc.zoo.shapes import scaled

CHANNELS = (128, 128, 256, 256, 512, 512)
POOLED = (1, 3, 5)  # convolutions that a 2x2 max pool follows
ESTIMATOR = "trained-binarization"
ACTIVATIONS = ("pm", "01")


def vgg_small(
    activation: str = "01",
    width: float = 1.0,
    num_classes: int = 10,
    in_channels: int = 3,
    image_size: int = 32,
    alpha: str = "learned-filter",
) -> nn.Sequential:
    """Six 3x3 convolutions, the first real, and a real dense layer: 0.91 MB at width 1.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). Behind a convolution:
    (2x2 max pool) -> BatchNorm -> Hardtanh -> the next layer's binarization. `activation` "pm" is
    x >= 0 ? +1 : -1, "01" is beta * 1(x > 0) with a learned beta (the paper's). `alpha` scales the binary
    filters as in `BinaryConv2d`; the paper learns it.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}; known are {', '.join(ACTIVATIONS)}")
    channels = [scaled(c, width) for c in CHANNELS]
    stem = QuantConv2d(in_channels, channels[0], 3, padding=1, bias=False, quantize=pixels())
    net = nn.Sequential()
    net.add_module("conv0", _block(stem, channels[0], pooled=False))
    for i, (inputs, outputs) in enumerate(zip(channels, channels[1:], strict=False), start=1):
        conv = BinaryConv2d(
            inputs,
            outputs,
            3,
            padding=1,
            quantize=_binarization(activation),
            alpha=alpha,
            weight_estimator=ESTIMATOR,
        )
        net.add_module(f"conv{i}", _block(conv, outputs, pooled=i in POOLED))
    features = channels[-1] * (image_size // 2 ** len(POOLED)) ** 2
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", QuantLinear(features, num_classes, quantize=_binarization(activation)))
    return net


def _binarization(activation: str) -> ActivationQuantizer:
    return Step(ESTIMATOR) if activation == "01" else Sign(ESTIMATOR)


def _block(conv: nn.Module, channels: int, pooled: bool) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("conv", conv)
    if pooled:
        block.add_module("pool", nn.MaxPool2d(2))
    block.add_module("norm", BatchNorm(channels))
    block.add_module("hardtanh", nn.Hardtanh())
    return block
