"""The networks of the five papers in torch, at any width."""

from __future__ import annotations

from bnnc.zoo.ftbnn import ftbnn_resnet18
from bnnc.zoo.hybrid import hybrid_alexnet, sketch_a_net
from bnnc.zoo.hybrid_resnet import hybrid_resnet18
from bnnc.zoo.pcnn import pcnn22, pcnn_resnet18
from bnnc.zoo.randomize import randomize
from bnnc.zoo.sizes import WeightCount, count_weights
from bnnc.zoo.tac import alexnet_tac, prune, quantize_weights
from bnnc.zoo.vgg import vgg_small

__all__ = [
    "WeightCount",
    "alexnet_tac",
    "count_weights",
    "ftbnn_resnet18",
    "hybrid_alexnet",
    "hybrid_resnet18",
    "pcnn22",
    "pcnn_resnet18",
    "prune",
    "quantize_weights",
    "randomize",
    "sketch_a_net",
    "vgg_small",
]
