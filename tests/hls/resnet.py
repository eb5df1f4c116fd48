"""ResNet-18 of binary convolutions with 16-bit streams beside them, of any size; its weights are random."""

from __future__ import annotations

import numpy as np
from tests.hls.branches import conv, rescale, residual_block
from tests.hls.projects import AROUND, map_input, packed

from bnnc.ir.elem import I8, I16, elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d
from bnnc.ir.op import Op, map_shape

GROUPS = 4
BLOCKS = 4
"""Binary convolutions of a group, each with a residual connection of its own."""


def resnet18(size: int = 224, channels: int = 64, classes: int = 1000) -> Graph:
    """A stem of 7 x 7 taps and a pool, which divide the map by 4, then groups that each halve it again."""
    rng = np.random.default_rng(18)
    x: Op = conv(
        rng, map_input(rng, (3, size, size)), "stem", channels, (7, 7), I8, strides=(2, 2), pads=(3,) * 4
    )
    x = MaxPool2d("pool", rescale(rng, x, "stem values", I16, 200_000), (3, 3), (2, 2), AROUND)
    for group in range(GROUPS):
        for block in range(BLOCKS):
            stride = 2 if group and block == 0 else 1
            x = residual_block(rng, x, f"group{group} block{block}", channels << group, stride)
    x = rescale(rng, SumPool2d("average", x, map_shape(x)[:2]), "mean", elem("u8"), 2**20)
    return packed("resnet18", conv(rng, x, "classes", classes, (1, 1), I8))
