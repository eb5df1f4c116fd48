"""AlexNet and Sketch-A-Net of Hybrid Binary Networks (arXiv 1804.03867)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from torch import nn

from bnnc.nn import BatchNorm, FBin, OnGrid, QuantConv2d, Quantizer, Rescaled, WBin
from bnnc.zoo.grids import bytes_grid, pixels
from bnnc.zoo.shapes import map_size, scaled, stack

LAST = ("real", "wbin", "fbin")
Stem = tuple[int, int, int]


@dataclass(frozen=True)
class Conv:
    """A convolution; kernel 0 covers the whole map. `pooled`: a 3x3 max pool of stride 2 follows."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pooled: bool = False


ALEXNET = (
    Conv(96, 11, 4, 2, pooled=True),
    Conv(256, 5, 1, 2, pooled=True),
    Conv(384, 3, 1, 1),
    Conv(384, 3, 1, 1),
    Conv(256, 3, 1, 1, pooled=True),
    Conv(4096, 0),
    Conv(4096, 1),
)
SKETCH_A_NET = (
    Conv(64, 15, 3, 0, pooled=True),
    Conv(128, 5, 1, 0, pooled=True),
    Conv(256, 3, 1, 1),
    Conv(256, 3, 1, 1),
    Conv(256, 3, 1, 1, pooled=True),
    Conv(512, 0),
    Conv(512, 1),
)


def hybrid_alexnet(
    weight_binary: Collection[int] = (6, 7),
    width: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    image_size: int = 224,
    last: str = "real",
    stem: Stem = (11, 4, 2),
) -> nn.Sequential:
    """AlexNet, its dense layers written as convolutions: 23.8 MB at width 1, 7.93 with `last` "wbin".

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). Convolution 1 is real;
    those in `weight_binary`, counted from 1, keep real inputs (WBin), the others up to 7 have binary ones
    (FBin). (6, 7) is the paper's Hybrid1, (7,) Hybrid2. The `last` layer, 8: "real", "wbin" or "fbin".
    `stem`: kernel, stride, padding of the first convolution, to be reduced for small images.
    """
    return _network(ALEXNET, stem, weight_binary, width, num_classes, in_channels, image_size, last)


def sketch_a_net(
    weight_binary: Collection[int] = (6, 7),
    width: float = 1.0,
    num_classes: int = 250,
    in_channels: int = 1,
    image_size: int = 225,
    last: str = "real",
    stem: Stem = (15, 3, 0),
) -> nn.Sequential:
    """Sketch-A-Net: 1.62 MB at width 1; options as in `hybrid_alexnet`."""
    return _network(SKETCH_A_NET, stem, weight_binary, width, num_classes, in_channels, image_size, last)


def _network(
    convs: Sequence[Conv],
    stem: Stem,
    weight_binary: Collection[int],
    width: float,
    num_classes: int,
    in_channels: int,
    image_size: int,
    last: str,
) -> nn.Sequential:
    if last not in LAST or not set(weight_binary) <= set(range(2, len(convs) + 1)):
        raise ValueError(f"last {last!r} of {', '.join(LAST)}, weight_binary of 2..{len(convs)}")
    kernel, stride, padding = stem
    convs = [replace(convs[0], kernel=kernel, stride=stride, padding=padding), *convs[1:]]
    reads_values = [i in weight_binary for i in range(1, len(convs) + 1)] + [last != "fbin"]
    net, inputs, size, grid = nn.Sequential(), in_channels, image_size, pixels()
    for i, conv in enumerate(convs):
        conv = replace(conv, channels=scaled(conv.channels, width), kernel=conv.kernel or size)
        result = bytes_grid() if reads_values[i + 1] else None
        kind = "real" if i == 0 else "wbin" if reads_values[i] else "fbin"
        net.add_module(f"conv{i + 1}", _layer(kind, conv, inputs, grid, result))
        size = map_size(size, conv.kernel, conv.stride, conv.padding)
        size = map_size(size, 3, 2) if conv.pooled else size
        inputs, grid = conv.channels, result or grid
    net.add_module(f"conv{len(convs) + 1}", _last(last, inputs, num_classes, grid))
    net.add_module("flatten", nn.Flatten())
    return net


def _layer(kind: str, conv: Conv, inputs: int, source: Quantizer, grid: Quantizer | None) -> nn.Sequential:
    """A layer reads values on `source` unless it is "fbin", and makes values where there is a `grid`."""
    shape = (inputs, conv.channels, conv.kernel, conv.stride, conv.padding)
    match kind:
        case "real":
            quantize = pixels()
            real = QuantConv2d(*shape, bias=False, quantize=quantize)
            parts = _normalized(real, grid)
        case "wbin":
            parts = [("layer", WBin(*shape, quantize=OnGrid(source), grid=grid))]
        case _:
            parts = [("layer", FBin(*shape, grid=grid))]
    pool = [("pool", nn.MaxPool2d(3, 2))] if conv.pooled else []
    return stack(*parts, *pool)


def _normalized(layer: QuantConv2d, grid: Quantizer | None) -> list[tuple[str, nn.Module]]:
    """BN and ReLU behind a layer; a value where there is a grid."""
    if grid is not None:
        return [("layer", Rescaled(layer, grid, relu=True))]
    return [("layer", layer), ("norm", BatchNorm(layer.weight.shape[0])), ("relu", nn.ReLU())]


def _last(kind: str, inputs: int, num_classes: int, source: Quantizer) -> nn.Module:
    match kind:
        case "real":
            return QuantConv2d(inputs, num_classes, 1, quantize=OnGrid(source))
        case "wbin":
            return WBin(inputs, num_classes, 1, bias=True, quantize=OnGrid(source), norm=False, relu=False)
    return FBin(inputs, num_classes, 1, relu=False)
