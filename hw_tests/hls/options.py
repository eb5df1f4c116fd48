"""Small networks for what engines do beside the plain case: other words, windows, folds and functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hw_tests.hls.networks import Case, dense, grouped, small_map, vector
from tests.graphs import accumulators, random_threshold, table_around
from tests.hls.branches import add, conv, rescale, sign
from tests.hls.projects import AROUND, layer, map_input, narrow, packed
from tests.value_cases import only_clipping

from bnnc.ir.edge_ops import ChannelsFirst, Reshape
from bnnc.ir.elem import B1_PM, I8, I16, TER, elem
from bnnc.ir.geometry import Pair
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d, TopK
from bnnc.ir.op import Op
from bnnc.ir.value_ops import ConcatChannels

Make = Callable[[], Graph]


def taps(kind: str, kernel: Pair, strides: Pair, channels: int = 3) -> Make:
    """A first layer whose words hold several taps, padded."""

    def make() -> Graph:
        rng = np.random.default_rng(20)
        x = map_input(rng, (channels, 5, 9), "i8")
        x = sign(rng, x, "sign", 50) if kind == "b1_pm" else x
        x = conv(rng, x, "conv", 4, kernel, B1_PM, strides=strides, pads=AROUND)
        return packed("taps", sign(rng, x, "steps", 30))

    return make


def wide_words() -> Graph:
    """A padded window of 72 bits, their sums of 90: words that are no whole bytes."""
    rng = np.random.default_rng(21)
    x = layer(rng, small_map(rng), "codes", 9, (1, 1), TER, I8)
    x = narrow(SumPool2d("pool", x, (2, 2), (2, 1), (1, 0, 0, 1)))
    return packed("wide words", conv(rng, x, "last", 2, (1, 1), TER))


def signs_pooled() -> Graph:
    rng = np.random.default_rng(22)
    x = sign(rng, small_map(rng, 6), "sign", 90)
    return packed("pooled", MaxPool2d("pool", x, (3, 3), (2, 2), AROUND))


def average() -> Graph:
    """A sum of the whole map, on another scale."""
    rng = np.random.default_rng(23)
    x: Op = layer(rng, small_map(rng), "codes", 6, (1, 1), I8, elem("u4"))
    return packed("average", rescale(rng, SumPool2d("sum", x, (5, 4)), "mean", elem("u8"), 150))


def accumulators_pooled() -> Graph:
    """A maximum of sums, then steps."""
    rng = np.random.default_rng(24)
    x = narrow(conv(rng, small_map(rng, 3), "conv", 4, (2, 2), TER))
    return packed("maximum", random_threshold(rng, MaxPool2d("pool", x, (2, 2), (2, 1)), "steps", TER))


def sums(function: str) -> Make:
    """A sum of two branches of other widths, then steps or a table."""

    def make() -> Graph:
        rng = np.random.default_rng(25)
        x: Op = layer(rng, small_map(rng), "codes", 4, (1, 1), I8, elem("i4"))
        y = add(x, narrow(conv(rng, x, "conv", 4, (1, 1), TER)), "sum")
        if function == "steps":
            return packed("sums", random_threshold(rng, y, "steps", elem("u2")))
        return packed("sums", table_around(rng, y, "table", elem("i4"), *accumulators(y)))

    return make


def joined_kinds() -> Graph:
    """Integers that take 2 bits and such that take 8, side by side."""
    rng = np.random.default_rng(26)
    x = small_map(rng, 4)
    small = only_clipping(rng, x, "clip", 0, 3, I8)
    return packed("joined", ConcatChannels("join", small, rescale(rng, x, "values", I8, 90)))


def seven_sums() -> Graph:
    rng = np.random.default_rng(30)
    x = layer(rng, vector(rng, 12), "codes", 8, (1, 1), B1_PM, B1_PM)
    return packed("seven", conv(rng, x, "sums", 7, (1, 1), B1_PM))


def one_largest() -> Graph:
    rng = np.random.default_rng(27)
    best = TopK("best", conv(rng, vector(rng, 9, "i8"), "sums", 10, (1, 1), I8), 1)
    return packed("best", Reshape("vector", best, (1,)))


def channels_first() -> Graph:
    """Maps of so many channels that no word holds a pixel, in front and behind."""
    rng = np.random.default_rng(28)
    x = conv(rng, map_input(rng, (20, 2, 3)), "mix", 5, (1, 1), TER)
    return packed("first", ChannelsFirst("layout", x))


def values() -> Graph:
    """Signs times 16 bits of a residual stream, on two slopes."""
    rng = np.random.default_rng(29)
    x: Op = rescale(rng, small_map(rng, 3), "wide", I16, 255)
    x = rescale(rng, conv(rng, x, "conv", 4, (2, 1), B1_PM, pads=(1, 0, 0, 0)), "slopes", I16, 2**17)
    return packed("values", conv(rng, x, "last", 3, (1, 1), I8))


OPTIONS = {
    "a row of taps a word": Case(taps("i8", (3, 3), (2, 1)), {"folding": {"conv": {"pe": 2, "simd": 9}}}),
    "all taps a word, zeros around binary": Case(
        taps("b1_pm", (2, 3), (1, 2)), {"folding": {"conv": {"pe": 2, "simd": 18}}}
    ),
    "sixteen taps a word": Case(taps("i8", (4, 4), (1, 1), 1), {"folding": {"conv": {"pe": 1, "simd": 16}}}),
    "fewer outputs in the last fold": Case(seven_sums, {"folding": {"sums": {"pe": 4, "simd": 1}}}),
    "one product a step": Case(
        dense(elem("u3"), B1_PM), {"folding": {name: {"pe": 1, "simd": 1} for name in ("codes", "sums")}}
    ),
    "groups that fill a word": Case(grouped(2), {"folding": {"groups": {"pe": 8, "simd": 4}}}),
    "words over 64 bits": Case(wide_words, {"folding": {"pool": {"lanes": 9}}}),
    "largest of signs": Case(signs_pooled),
    "largest of sums": Case(accumulators_pooled),
    "sum of a map": Case(average),
    "sums to steps": Case(sums("steps")),
    "sums to a table": Case(sums("table")),
    "joined codes of other kinds": Case(joined_kinds),
    "the largest alone": Case(one_largest),
    "channels first, many": Case(channels_first),
    "16 bits, two slopes": Case(values),
}
