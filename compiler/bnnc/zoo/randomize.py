"""Random weights that are as unkind to a compiler as trained ones may be."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnnc.nn import Alpha, PReLU, ProjectionConv2d, RPReLU, SparseLinear, Step
from bnnc.nn.layer import Layer

CALIBRATION_BATCHES = 2
UNKIND_GAMMAS = (0.0, 1e-30, -1e-30, 1e-4, -3.0, 8.0)
UNKIND_SLOPES = (-0.25, 0.0, 1.0, -1.5, 1.25, -1e-6)
UNKIND_SHARE = 1 / 8
TIE_EVERY = 5  # channels
DENSITY = 0.05  # of sparse layers


def randomize(module: nn.Module, seed: int, images: Tensor) -> nn.Module:
    """Fill `module` with random numbers, calibrate it on `images` (N, C, H, W), and set eval mode.

    Gammas of normalizations are negative, zero and tiny in some channels, learned scales are negative in
    some, slopes of PReLUs too; some weights are exactly 0, and every fifth normalization channel meets an
    exact 0 at the sum 0. Statistics and grids come from `images`, so that activations are alive. Returns
    `module`; the same seed gives the same network.
    """
    random = Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            _fill(part, random)
        _calibrate(module, images)
        for part in module.modules():
            if isinstance(part, _BatchNorm):
                _make_ties(part)
    return module.eval()


def _fill(part: nn.Module, random: Generator) -> None:
    match part:
        case Layer():
            _fill_weights(part, random)
        case _BatchNorm():
            part.weight.copy_(_unkind(part.weight, UNKIND_GAMMAS, random))
            part.bias.normal_(0, 0.2, generator=random)
        case Alpha() if part.value is not None:
            part.value.normal_(0.05, 0.1, generator=random)
        case Step():
            part.beta.uniform_(0.25, 2.0, generator=random)
        case PReLU() | nn.PReLU():
            part.weight.copy_(_unkind(part.weight, UNKIND_SLOPES, random, 0.8, 0.3))
        case RPReLU():
            part.weight.copy_(_unkind(part.weight, UNKIND_SLOPES, random, 0.8, 0.3))
            part.gamma.normal_(0, 0.3, generator=random)
            part.zeta.normal_(0, 0.3, generator=random)


def _fill_weights(layer: Layer, random: Generator) -> None:
    """Normal with deviation 1 / sqrt(fan in); one in 64 is 0."""
    layer.weight.normal_(0, layer.weight[0].numel() ** -0.5, generator=random)
    layer.weight[torch.rand(layer.weight.shape, generator=random) < 1 / 64] = 0
    if layer.bias is not None:
        layer.bias.normal_(0, 0.1, generator=random)
    match layer:
        case ProjectionConv2d():
            layer.projection.normal_(0, 1, generator=random)
        case SparseLinear():
            layer.prune(density=DENSITY)
            layer.quantize_weights()


def _unkind(
    like: Tensor, numbers: tuple[float, ...], random: Generator, mean: float = 0, deviation: float = 1
) -> Tensor:
    """Normal numbers, and in about one of eight places one of `numbers`."""
    values = mean + deviation * torch.randn(like.shape, generator=random)
    chosen = torch.tensor(numbers)[torch.randint(len(numbers), like.shape, generator=random)]
    return torch.where(torch.rand(like.shape, generator=random) < UNKIND_SHARE, chosen, values)


def _calibrate(module: nn.Module, images: Tensor) -> None:
    """Statistics of normalizations, and ranges of grids, as training would leave them."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over all batches
    module.train()
    for _ in range(CALIBRATION_BATCHES):
        module(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _make_ties(norm: _BatchNorm) -> None:
    """Normalizations that map 0 to exactly 0."""
    assert norm.running_mean is not None
    norm.running_mean[::TIE_EVERY] = 0
    norm.bias[::TIE_EVERY] = 0
