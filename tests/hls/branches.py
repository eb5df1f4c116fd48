"""Networks whose values go several ways: residuals, concatenations, groups, sparse layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.graphs import ONE, encoder, random_values
from tests.hls.projects import AROUND, layer, map_input, packed
from tests.value_cases import only_clipping, random_rescale, random_sparse

from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, I32, TER, Elem, elem, range_elem
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, SumPool2d, Threshold
from bnnc.ir.op import Op, map_shape
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale


def rescale(rng: np.random.Generator, x: Op, name: str, kind: Elem, spread: int) -> Rescale:
    """Values of about -spread..spread on the scale of `kind`."""
    return random_rescale(rng, x, name, kind, np.zeros(x.type.shape[-1]), spread)


def sign(rng: np.random.Generator, x: Op, name: str, spread: int) -> Threshold:
    """b1_pm around a cut of every channel; some fall."""
    channels = x.type.shape[-1]
    cuts = rng.integers(-spread, spread + 1, (channels, 1)).astype(np.int32)
    base = rng.choice([-1, -1, -1, 1], channels).astype(np.int32)
    return Threshold(name, x, base, cuts, -2 * base[:, None], ONE, B1_PM)


def conv(
    rng: np.random.Generator,
    x: Op,
    name: str,
    outputs: int,
    kernel: Pair,
    weights: Elem,
    *,
    strides: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
    groups: int = 1,
    pad_value: int = 0,
) -> Conv2d:
    """A convolution alone."""
    values = random_values(rng, weights, (outputs, *kernel, map_shape(x)[2] // groups))
    return Conv2d(name, x, values, weights, strides, pads, (1, 1), groups, pad_value)


def add(a: Op, b: Op, name: str) -> AddMaps:
    """int32 where one of them is; sums stay far below that."""
    lo, hi = a.type.elem.lo + b.type.elem.lo, a.type.elem.hi + b.type.elem.hi
    return AddMaps(name, a, b, range_elem(lo, hi) if I32.holds(lo, hi) else I32)


def choose(x: Op, name: str, index: list[int]) -> GatherChannels:
    return GatherChannels(name, x, np.array(index, np.int32))


def residual_network() -> Graph:
    """Blocks of sign, binary convolution and rescale beside a 16-bit stream, which twice halves its map."""
    rng = np.random.default_rng(21)
    x: Op = conv(rng, map_input(rng, (3, 8, 8)), "stem", 8, (3, 3), I8, pads=AROUND)
    x = rescale(rng, x, "stem values", I16, 60000)
    for i, (channels, stride) in enumerate([(8, 1), (12, 2), (12, 1), (15, 2)]):
        x = residual_block(rng, x, f"block{i}", channels, stride)
    x = rescale(rng, SumPool2d("average", x, (2, 2)), "mean", elem("u8"), 2**16)
    return packed("residual", conv(rng, x, "last", 5, (1, 1), I8))


def residual_block(rng: np.random.Generator, x: Op, name: str, channels: int, stride: int) -> Op:
    y: Op = sign(rng, x, f"{name} sign", 8000)
    y = conv(rng, y, f"{name} conv", channels, (3, 3), B1_PM, strides=(stride, stride), pads=AROUND)
    y = rescale(rng, y, f"{name} values", I16, 40)
    if stride > 1:
        x = conv(rng, x, f"{name} shortcut", channels, (1, 1), I8, strides=(stride, stride))
        x = rescale(rng, x, f"{name} shortcut values", I16, 2**23)
    return only_clipping(rng, add(y, x, f"{name} add"), f"{name} saturate", I16.lo, I16.hi, I16)


def grouped_network() -> Graph:
    """Groups and depthwise layers of b1_pm, i8, ter and i16, with slopes of two signs behind them."""
    rng = np.random.default_rng(22)
    x: Op = conv(rng, map_input(rng, (3, 9, 7), "i8"), "stem", 12, (2, 2), I8)
    x = rescale(rng, x, "prelu", I8, 30000)
    x = conv(rng, x, "thirds", 9, (3, 2), I8, groups=3, pads=(1, 1, 0, 0), pad_value=1)
    x = rescale(rng, x, "prelu 2", I16, 2**17)
    x = conv(rng, x, "depthwise", 9, (3, 3), B1_PM, groups=9, pads=AROUND)
    x = sign(rng, x, "sign", 2**16)
    x = conv(rng, x, "depthwise signs", 18, (3, 3), B1_PM, groups=9, pads=AROUND, strides=(2, 1))
    x = sign(rng, x, "sign 2", 3)
    x = conv(rng, x, "pointwise", 10, (1, 1), TER, groups=2)
    x = rescale(rng, x, "small", elem("i4"), 8)
    return packed("grouped", conv(rng, x, "whole", 6, map_shape(x)[:2], elem("i16"), groups=2))


def word_groups() -> Graph:
    """Groups that fill words, of XNOR and bit-serial layers."""
    rng = np.random.default_rng(27)
    x: Op = sign(rng, conv(rng, map_input(rng, (2, 5, 5), "i8"), "stem", 64, (2, 2), I8), "sign", 5000)
    x = layer_of(rng, x, "xnor", 64, B1_PM, elem("u2"))
    x = layer_of(rng, x, "bits", 6, TER, B1_01)
    return packed("word groups", conv(rng, x, "last", 3, (1, 1), I8))


def layer_of(rng: np.random.Generator, x: Op, name: str, outputs: int, weights: Elem, kind: Elem) -> Op:
    """Two groups, and a rescale to few bits."""
    made = conv(rng, x, name, outputs, (2, 2), weights, groups=2, pads=(1, 0, 0, 1))
    return rescale(rng, made, f"{name} values", kind, 40)


def sparse_network() -> Graph:
    """A binary convolution, then dense layers of few weights."""
    rng = np.random.default_rng(1)
    x = layer(rng, map_input(rng, (3, 7, 6), "i8"), "conv", 7, (3, 3), B1_PM, B1_PM)
    x = MaxPool2d("pool", x, (2, 2), (2, 2))
    x = rescale(rng, random_sparse(rng, x, "fc1", 20, 1), "values", elem("u4"), 300)
    dense = random_sparse(rng, x, "fc2", 12, 15)
    without_zero = replace(dense, table=np.where(dense.table == 0, 7, dense.table).astype(np.int16))
    x = rescale(rng, without_zero, "values 2", elem("i12"), 2**19)
    return packed("sparse", Reshape("flat", random_sparse(rng, x, "fc3", 9, 2**11), (9,)))


def shuffled_network() -> Graph:
    """Splits, shuffles, duplicates and concatenations of odd numbers of channels, integers and signs."""
    rng = np.random.default_rng(25)
    x = layer(rng, map_input(rng, (3, 6, 5), "i8"), "stem", 10, (2, 2), I8, elem("i4"))
    left: Op = choose(x, "left", list(range(4)))
    right = layer(
        rng, choose(x, "right", list(range(4, 10))), "branch", 6, (3, 3), TER, elem("i4"), pads=AROUND
    )
    x = ConcatChannels("join", left, ConcatChannels("twice", right, left))
    x = choose(x, "shuffle", [i + 2 * j for i in range(2) for j in range(7)])
    signs = ConcatChannels("signs", sign(rng, x, "low", 5), sign(rng, x, "high", 9))
    y = conv(rng, choose(signs, "odd", [27, 3, 3, 0, 14]), "xnor", 14, (2, 2), B1_PM, pads=(1, 1, 0, 0))
    return packed("shuffled", add(x, add(y, x, "sum"), "sum of sums"))


def rescales() -> Graph:
    """Every kind of rescale beside the others: as layers of their own, behind sums and behind products."""
    rng = np.random.default_rng(26)
    x: Op = rescale(rng, map_input(rng, (5, 4, 3)), "wide", I16, 255)
    parts = [rescale(rng, x, f"lines{i}", I16, 2**14) for i in range(5)]
    parts.append(rescale(rng, add(parts[0], parts[2], "sum"), "sum values", I16, 2**15))
    parts.append(only_clipping(rng, x, "clip", -3000, 2000, I16))
    parts.append(only_clipping(rng, x, "keep", I16.lo, I16.hi, I16))
    parts.append(only_clipping(rng, add(x, parts[1], "wide sum"), "saturate", I16.lo, I16.hi, I16))
    parts.append(rescale(rng, conv(rng, x, "mix", 5, (1, 1), I8), "mixed", I16, 2**21))
    joined: Op = parts[0]
    for i, part in enumerate(parts[1:]):
        joined = ConcatChannels(f"join{i}", joined, part)
    return packed("rescales", joined)


def tall_residual() -> Graph:
    """A branch beside two convolutions of a map that is much larger than what they hold back."""
    rng = np.random.default_rng(28)
    x: Op = rescale(rng, map_input(rng, (2, 90, 24)), "values", I16, 255)
    y: Op = conv(rng, sign(rng, x, "sign", 9000), "conv1", 4, (3, 3), B1_PM, pads=AROUND)
    y = conv(rng, sign(rng, y, "sign2", 5), "conv2", 2, (3, 3), B1_PM, pads=AROUND)
    x = add(x, rescale(rng, y, "values 2", I16, 9), "add")
    return packed("tall", conv(rng, MaxPool2d("pool", x, (30, 8), (30, 8)), "last", 3, (3, 3), I8))


def wrapping_sums() -> Graph:
    """Sums that leave 32 bits, and what stands for a channel of them."""
    rng = np.random.default_rng(29)
    x: Op = rescale(rng, Reshape("flat", encoder(rng, Input("x", (40,)), "u8"), (1, 1, 40)), "wide", I16, 60)
    x = sign(rng, conv(rng, x, "conv", 40, (1, 1), I16), "sign", 2**30)
    return packed("wrapping", x)


BRANCHES = (
    *(residual_network, grouped_network, word_groups, sparse_network),
    *(shuffled_network, rescales, wrapping_sums),
)
