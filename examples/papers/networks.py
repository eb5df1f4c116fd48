"""The five small networks, one a paper, and how each is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from training import Recipe

from bnnc import zoo
from bnnc.nn import penalty, projection_loss

SHAPE: dict[str, Any] = {"num_classes": 10, "in_channels": 1, "image_size": 32}
STEM = (5, 1, 2)
ALPHA_PENALTY, PROJECTION_PENALTY = 1e-4, 1e-5


@dataclass(frozen=True)
class Demo:
    """A network and its recipe. `stages` are run behind one another: what to do to the net, then epochs.

    `within` is by how many points the float twin may be better.
    """

    paper: str
    title: str
    make: Callable[[], nn.Module]
    stages: tuple[tuple[Callable[[nn.Module], object] | None, Recipe], ...]
    within: float
    loss: Callable[[nn.Module], Tensor] | None = None


def _penalized_scales(net: nn.Module) -> Tensor:
    return ALPHA_PENALTY * penalty(net)


def _penalized_projections(net: nn.Module) -> Tensor:
    return PROJECTION_PENALTY * projection_loss(net)


DEMOS = {
    "vgg_small": Demo(
        "Trained Binarization",
        "VGG-Small, {0,1} activations, width 1/8",
        partial(zoo.vgg_small, "01", 1 / 8, **SHAPE),
        ((None, Recipe(6, rate=5e-3)),),
        8,
        _penalized_scales,
    ),
    "alexnet_tac": Demo(
        "TAC",
        "XNOR-AlexNet, fc6 and fc7 sparse with 4-bit codes, width 1/8",
        partial(zoo.alexnet_tac, 4, width=1 / 8, stem=STEM, **SHAPE),
        (
            (None, Recipe(4)),
            (partial(zoo.prune, density=0.05), Recipe(2, rate=5e-3)),
            (zoo.quantize_weights, Recipe(1, rate=1e-3)),
        ),
        3,
    ),
    "hybrid_alexnet": Demo(
        "Hybrid Binary Networks",
        "AlexNet, Hybrid1: layers 6 and 7 with real inputs, width 1/8",
        partial(zoo.hybrid_alexnet, (6, 7), width=1 / 8, stem=STEM, **SHAPE),
        ((None, Recipe(7)),),
        3,
    ),
    "ftbnn_resnet18": Demo(
        "FTBNN",
        "ResNet-18 of one-convolution blocks, 2 groups, width 1/4",
        partial(zoo.ftbnn_resnet18, 2, width=1 / 4, **SHAPE),
        ((None, Recipe(7)),),
        3,
    ),
    "pcnn_resnet18": Demo(
        "PCNN",
        "ResNet-18, one projection, width 1/4",
        partial(zoo.pcnn_resnet18, 1, width=1 / 4, **SHAPE),
        ((None, Recipe(7)),),
        3,
        _penalized_projections,
    ),
}
