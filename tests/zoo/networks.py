"""Every network of the zoo: small, in the variants that differ in operations, and at full size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from bnnc import zoo

CLASSES = 7
SMALL_STEM = (5, 1, 2)


@dataclass(frozen=True)
class Case:
    """A network, the images it takes, and on how many of them random weights are calibrated."""

    make: Callable[[], nn.Module]
    channels: int
    size: int
    n_calibration: int = 32


def _small(make: Callable[..., nn.Module], size: int, width: float, *options: object, **more: object) -> Case:
    build = partial(make, *options, width=width, num_classes=CLASSES, in_channels=3, image_size=size, **more)
    return Case(build, 3, size)


_alexnet = partial(_small, zoo.hybrid_alexnet, 32, 0.0625)
_hybrid18 = partial(_small, zoo.hybrid_resnet18, 32, 0.125)
_ftbnn = partial(_small, zoo.ftbnn_resnet18, 32, 0.125)

SMALL = {
    "vgg_small": _small(zoo.vgg_small, 16, 0.125),
    "alexnet_tac": _small(zoo.alexnet_tac, 32, 0.0625, stem=SMALL_STEM),
    "hybrid_alexnet": _alexnet(stem=SMALL_STEM),
    "sketch_a_net": _small(zoo.sketch_a_net, 48, 0.125, stem=SMALL_STEM),
    "hybrid_resnet18": _hybrid18(stem="small"),
    "ftbnn_resnet18": _ftbnn(2, stem="small"),
    "pcnn_resnet18": _small(zoo.pcnn_resnet18, 32, 0.125, 2, stem="small"),
    "pcnn22": _small(zoo.pcnn22, 16, 0.25),
}
VARIANTS = {
    "vgg_small pm": _small(zoo.vgg_small, 16, 0.1, "pm", alpha="xnor"),
    "alexnet_tac uniform": _small(
        zoo.alexnet_tac, 32, 0.0625, 3, "uniform", sparse_last=True, stem=SMALL_STEM
    ),
    "alexnet_tac power-of-two": _small(zoo.alexnet_tac, 32, 0.0625, 5, "power-of-two", stem=SMALL_STEM),
    "hybrid_alexnet fbin": _alexnet((), last="fbin", stem=SMALL_STEM),
    "hybrid_alexnet mixed": _alexnet((2, 4, 6), last="wbin", stem=SMALL_STEM),
    "hybrid_resnet18 fbin": _hybrid18((), downsample="fbin", last="wbin", stem="small"),
    "ftbnn_resnet18 binary shortcut": _ftbnn(4, prelu="both", shortcut="binary", shuffle=True, stem="small"),
    "ftbnn_resnet18 pooled shortcut": _ftbnn(
        prelu="after-bn", shortcut="pooled", shared_slope=True, stem="small"
    ),
    "pcnn22 relu": _small(zoo.pcnn22, 16, 0.25, 4, activation="relu"),
}
FULL = {
    "vgg_small": Case(zoo.vgg_small, 3, 32),
    "alexnet_tac": Case(zoo.alexnet_tac, 3, 224, 8),
    "hybrid_alexnet": Case(zoo.hybrid_alexnet, 3, 224, 8),
    "sketch_a_net": Case(zoo.sketch_a_net, 1, 225, 8),
    "hybrid_resnet18": Case(zoo.hybrid_resnet18, 3, 224, 8),
    "ftbnn_resnet18": Case(partial(zoo.ftbnn_resnet18, 2), 3, 224, 8),
    "pcnn_resnet18": Case(zoo.pcnn_resnet18, 3, 224, 8),
    "pcnn22": Case(partial(zoo.pcnn22, 4), 3, 32),
}
