"""XNOR-AlexNet whose fully connected layers are pruned and of few bits (TAC, arXiv 1907.05271)."""

from __future__ import annotations

from torch import nn

from bnnc.nn import BatchNorm, BinaryConv2d, OnGrid, QuantConv2d, QuantLinear, Rescaled, Sign, SparseLinear
from bnnc.nn.layer import Layer
from bnnc.zoo.grids import bytes_grid, pixels
from bnnc.zoo.hybrid import ALEXNET, Stem
from bnnc.zoo.shapes import map_size, scaled, stack

N_CONVS = 5
HIDDEN = 4096


def alexnet_tac(
    bits: int = 4,
    method: str = "codebook",
    width: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    image_size: int = 224,
    sparse_last: bool = False,
    stem: Stem = (11, 4, 2),
) -> nn.Sequential:
    """AlexNet: a real convolution, four XNOR convolutions, three fully connected layers.

    x (N, in_channels, image_size, image_size) in 0..1 -> logits (N, num_classes). Order BN -> sign ->
    convolution (alpha_f = mean |W_f|) -> max pool. Layers fc6 and fc7 are `SparseLinear` of `bits` and
    `method` on 8-bit values, fc8 as well with `sparse_last`: train, `prune`, train on, `quantize_weights`,
    train on. `stem`: kernel, stride, padding of the first convolution.
    """
    kernel, stride, padding = stem
    channels = [scaled(conv.channels, width) for conv in ALEXNET[:N_CONVS]]
    real = QuantConv2d(in_channels, channels[0], kernel, stride, padding, bias=False, quantize=pixels())
    first = stack(("conv", real), ("norm", BatchNorm(channels[0])), ("relu", nn.ReLU()), _pool())
    net, size = stack(("conv1", first)), map_size(map_size(image_size, kernel, stride, padding), 3, 2)
    grid = bytes_grid()
    for i in range(1, N_CONVS):
        conv = ALEXNET[i]
        binary = BinaryConv2d(
            channels[i - 1], channels[i], conv.kernel, padding=conv.padding, quantize=Sign("xnor")
        )
        is_last = i == N_CONVS - 1
        layer = Rescaled(binary, grid, relu=True) if is_last else binary
        pool = [_pool()] if conv.pooled else []
        net.add_module(f"conv{i + 1}", stack(("norm", BatchNorm(channels[i - 1])), ("conv", layer), *pool))
        size = map_size(size, 3, 2) if conv.pooled else size
    hidden = scaled(HIDDEN, width)
    net.add_module("flatten", nn.Flatten())
    for name, inputs in (("fc6", channels[-1] * size * size), ("fc7", hidden)):
        source, grid = grid, bytes_grid()
        sparse = SparseLinear(inputs, hidden, bias=False, quantize=OnGrid(source), bits=bits, method=method)
        net.add_module(name, Rescaled(sparse, grid, relu=True))
    last: Layer = QuantLinear(hidden, num_classes, quantize=OnGrid(grid))
    if sparse_last:
        last = SparseLinear(hidden, num_classes, quantize=OnGrid(grid), bits=bits, method=method)
    net.add_module("fc8", last)
    return net


def prune(module: nn.Module, density: float) -> None:
    """Keep the part `density` of the weights, the largest, in every sparse layer inside `module`."""
    for layer in sparse_layers(module):
        layer.prune(density=density)


def quantize_weights(module: nn.Module) -> None:
    """Weights out of a small table in every sparse layer inside `module`."""
    for layer in sparse_layers(module):
        layer.quantize_weights()


def sparse_layers(module: nn.Module) -> list[SparseLinear]:
    """The sparse layers inside `module`."""
    return [layer for layer in module.modules() if isinstance(layer, SparseLinear)]


def _pool() -> tuple[str, nn.Module]:
    return "pool", nn.MaxPool2d(3, 2)
