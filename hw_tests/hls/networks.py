"""A small network for each engine and each kind of operands, for tools that take a minute each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.graphs import encoder
from tests.hls.branches import add, choose, conv, rescale, sign
from tests.hls.projects import AROUND, dense_network, layer, map_input, packed
from tests.value_cases import only_clipping, random_sparse

from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, TER, Elem, elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, SumPool2d, Table, TopK
from bnnc.ir.op import Op
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import ConcatChannels
from bnnc.storage.sparse import encode


@dataclass(frozen=True)
class Case:
    """A graph and what its project is built with."""

    make: Callable[[], Graph]
    options: dict[str, Any] = field(default_factory=dict)


def vector(rng: np.random.Generator, size: int, kind: str = "u8") -> Op:
    return Reshape("flat", encoder(rng, Input("x", (size,)), kind), (1, 1, size))


def small_map(rng: np.random.Generator, channels: int = 2, kind: str = "i8") -> Op:
    return map_input(rng, (channels, 5, 4), kind)


def dense(x_kind: Elem, w_kind: Elem) -> Callable[[], Graph]:
    """A layer of steps to x_kind, then one of w_kind on that, then its sums."""

    def make() -> Graph:
        rng = np.random.default_rng(1)
        x = layer(rng, vector(rng, 12), "codes", 8, (1, 1), B1_PM, x_kind)
        return packed("dense", conv(rng, x, "sums", 6, (1, 1), w_kind))

    return make


def padded(x_kind: Elem, pad_value: int, **geometry: Any) -> Callable[[], Graph]:
    """A convolution with a padding around a map of x_kind."""

    def make() -> Graph:
        rng = np.random.default_rng(2)
        x = layer(rng, small_map(rng), "codes", 3, (1, 1), I8, x_kind)
        x = layer(rng, x, "padded", 4, (3, 2), B1_PM, B1_PM, pads=AROUND, pad_value=pad_value, **geometry)
        return packed("padded", conv(rng, x, "last", 2, (1, 1), TER))

    return make


def grouped(groups: int) -> Callable[[], Graph]:
    def make() -> Graph:
        rng = np.random.default_rng(3)
        x = sign(rng, small_map(rng, 4), "sign", 90)
        x = conv(rng, x, "groups", 8, (2, 2), B1_PM, groups=groups, pads=(1, 0, 0, 0))
        return packed("grouped", sign(rng, x, "sign 2", 2))

    return make


def pooled(maximum: bool) -> Callable[[], Graph]:
    def make() -> Graph:
        rng = np.random.default_rng(4)
        x: Op = layer(rng, small_map(rng), "codes", 3, (1, 1), I8, elem("i4"))
        kinds = MaxPool2d if maximum else SumPool2d
        return packed("pooled", kinds("pool", x, (2, 2), (2, 1), (1, 0, 0, 0)))

    return make


def steps(levels: Elem) -> Callable[[], Graph]:
    """Few levels are compared at once, many are searched."""

    def make() -> Graph:
        rng = np.random.default_rng(5)
        return packed("steps", layer(rng, vector(rng, 10, "i8"), "steps", 6, (1, 1), TER, levels))

    return make


def table() -> Graph:
    rng = np.random.default_rng(6)
    x = layer(rng, small_map(rng), "codes", 3, (1, 1), I8, elem("i4"))
    values = rng.integers(-8, 8, (3, 5)).astype(np.int8)
    first = np.array([-8, -6, -4], np.int32)
    return packed("table", Table("table", x, first, values, np.float32(1), 1, elem("i4")))


def lines() -> Graph:
    """Multiply, add, shift, clip: one line, two lines that meet, and a clip alone."""
    rng = np.random.default_rng(7)
    x: Op = rescale(rng, small_map(rng, 3), "wide", I16, 255)
    x = rescale(rng, conv(rng, x, "mix", 4, (1, 1), I8), "mixed", I16, 2**21)
    return packed("lines", only_clipping(rng, x, "clip", -3000, 2000, I16))


def residual() -> Graph:
    """A fork, a branch that holds rows back, and a sum."""
    rng = np.random.default_rng(8)
    x: Op = rescale(rng, small_map(rng, 2), "values", I8, 90)
    y: Op = conv(rng, sign(rng, x, "sign", 60), "conv", 2, (3, 3), B1_PM, pads=AROUND)
    return packed("residual", add(x, rescale(rng, y, "branch", I8, 9), "sum"))


def split_and_joined() -> Graph:
    rng = np.random.default_rng(9)
    x: Op = layer(rng, small_map(rng), "codes", 6, (1, 1), I8, elem("i4"))
    left, right = choose(x, "left", [0, 1, 2]), choose(x, "right", [5, 3, 4, 4])
    return packed("shuffled", choose(ConcatChannels("join", right, left), "shuffle", [6, 0, 5, 1, 4, 2]))


def sparse() -> Graph:
    rng = np.random.default_rng(10)
    x = layer(rng, vector(rng, 14), "codes", 16, (1, 1), B1_PM, elem("u2"))
    return packed("sparse", random_sparse(rng, x, "sparse", 10, 7))


def largest() -> Graph:
    rng = np.random.default_rng(11)
    sums = conv(rng, vector(rng, 9, "i8"), "sums", 12, (1, 1), B1_PM)
    return packed("best", Reshape("vector", TopK("best", sums, 4), (4,)))


def transposed() -> Graph:
    """Channels last, and the codes of a map as they come."""
    rng = np.random.default_rng(12)
    return packed("map", conv(rng, small_map(rng, 3, "u8"), "mix", 2, (1, 1), elem("i3")))


def many_codes() -> Graph:
    """Weights that are smaller as Huffman codes."""
    rng = np.random.default_rng(13)
    x = vector(rng, 64)
    weights = rng.choice([-1, 1], (40, 1, 1, 64), p=[0.95, 0.05]).astype(np.int8)
    return packed("coded", Conv2d("dense", x, weights, B1_PM))


def sparse_codes() -> Graph:
    """Entries that take fewer blocks as Huffman codes, in lists of uneven rows; one row is empty."""
    rng = np.random.default_rng(14)
    values, shares = np.arange(1, 32) - 16, rng.dirichlet(np.full(31, 0.3))
    weights = np.where(rng.random((12, 640)) < 0.3, rng.choice(values, (12, 640), p=shares), 0)
    weights[3] = 0
    e, x = encode(weights.astype(np.int16)), vector(rng, 640)
    op = SparseDense("sparse", x, e.rows, e.gaps, e.codes, e.table, e.gap_bits, e.code_bits)
    return packed("coded", op)


def counted(x_kind: Elem) -> Case:
    """Equal bits of x_kind and weights are counted in pairs, and cuts are moved by them."""

    def make() -> Graph:
        rng = np.random.default_rng(10)
        x = layer(rng, vector(rng, 6), "codes", 32, (1, 1), B1_PM, x_kind)
        return packed("counted", layer(rng, x, "counted", 4, (1, 1), B1_PM, elem("u2")))

    return Case(make, {"folding": {"counted": {"pe": 4, "simd": 16}}})


STORED = {"folding": {"fc0": {"pe": 2, "simd": 7}, "fc1": {"pe": 2, "simd": 4}}}


def stored(kind: str) -> Case:
    """Two binary layers whose weights lie in `kind`, which the part has."""
    layers = {name: {**fold, "weights": kind} for name, fold in STORED["folding"].items()}
    return Case(lambda: dense_network((28, 12, 8, 4)), {"folding": layers, "part": "zcu104"})


ENGINES = {
    "xnor": Case(dense(B1_PM, B1_PM)),
    "and": Case(dense(B1_01, B1_PM)),
    "bits in pairs": counted(B1_PM),
    "ternary values in pairs": counted(TER),
    "ternary by ternary": Case(dense(TER, TER)),
    "bits by integers": Case(dense(elem("u2"), elem("i3"))),
    "bytes by bytes": Case(dense(I8, I8)),
    "words by binary": Case(dense(I16, B1_PM)),
    "zeros around binary": Case(padded(B1_PM, 0)),
    "+1 around binary, stride": Case(padded(B1_PM, 1, strides=(2, 1))),
    "-1 around ternary, dilation": Case(padded(TER, -1, dilations=(2, 1))),
    "-1 around 0 and 1": Case(padded(B1_01, -1)),
    "groups": Case(grouped(2)),
    "depthwise": Case(grouped(4)),
    "largest of a window": Case(pooled(True)),
    "sum of a window": Case(pooled(False)),
    "few steps": Case(steps(elem("u2"))),
    "many steps": Case(steps(I8)),
    "table": Case(table),
    "lines": Case(lines),
    "residual": Case(residual),
    "split and joined": Case(split_and_joined),
    "sparse": Case(sparse),
    "largest": Case(largest),
    "transposed": Case(transposed),
    "coded weights": Case(many_codes, {"compress": "huffman", "folding": {"dense": {"weights": "bram"}}}),
    "sparse, Huffman codes": Case(
        sparse_codes,
        {"compress": "huffman", "folding": {"sparse": {"pe": 2, "simd": 4, "weights": "bram"}}},
    ),
    "thresholds in bram": Case(
        steps(elem("u2")), {"folding": {"steps": {"pe": 3, "simd": 5, "thresholds": "bram"}}}
    ),
    **{f"weights in {kind}": stored(kind) for kind in ("lut", "bram", "uram", "ddr")},
}
