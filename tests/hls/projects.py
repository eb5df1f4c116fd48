"""Graphs for the tests of the HLS back end, and what runs them as C++."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.graphs import ONE, encoder, random_codes, random_threshold, random_values
from tests.hls.lowered import foldables

from bnnc.executors.hls import HlsExecutor
from bnnc.hls import build
from bnnc.hls.folding import Fold
from bnnc.hls.options import Folding as FoldingChoice
from bnnc.hls.options import HlsOptions
from bnnc.ir.edge_ops import ChannelsLast, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_01, B1_PM, I8, TER, Elem, elem
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Table, TopK
from bnnc.ir.op import Op, map_shape
from bnnc.passes.materialize import narrowed
from bnnc.passes.pack import PackBits
from bnnc.sim import simulator

AROUND = (1, 1, 1, 1)
Folding = Mapping[str, Mapping[str, Any]]


def assert_as_sim(graph: Graph, folder: Path, folding: Folding | None = None, samples: int = 4) -> None:
    """The project of a packed graph gives the simulator's integers, of the simulator's type.

    For a part that has all kinds of memory.
    """
    codes = random_codes(graph, samples, 7)
    expected = simulator.run(graph, codes)
    options = HlsOptions("zcu104", folding=FoldingChoice(folding or {}))
    build.build(graph, folder, name=graph.name, golden=(codes, expected), options=options)
    actual = HlsExecutor(folder, graph).run(codes)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def write_project(
    graph: Graph,
    folder: Path,
    name: str = "net",
    compress: str = "none",
    folding: Folding | None = None,
    **options: object,
) -> dict[str, object]:
    """The project of a packed graph with two golden samples; the entry of its manifest."""
    codes = random_codes(graph, 2, 3)
    golden = (codes, simulator.run(graph, codes))
    choice = FoldingChoice(folding or {})
    wanted = HlsOptions(folding=choice, compress=compress, **options)  # type: ignore[arg-type]
    return build.build(graph, folder, name=name, golden=golden, options=wanted)


def smallest_folding(graph: Graph) -> Folding:
    return {layer.name: {"pe": 1, "simd": 1} for layer in foldables(graph)}


def largest_folding(graph: Graph) -> Folding:
    return {layer.name: asdict(max(layer.cycles, key=_size)) for layer in foldables(graph)}


def _size(fold: Fold) -> int:
    return fold.pe * fold.simd


def random_folding(graph: Graph, seed: int) -> Folding:
    rng = np.random.default_rng(seed)
    chosen = {layer.name: sorted(layer.cycles) for layer in foldables(graph)}
    return {name: asdict(folds[rng.integers(len(folds))]) for name, folds in chosen.items()}


def packed(name: str, result: Op) -> Graph:
    return PackBits().run(Graph(name, Level.INTEGER, result))


def map_input(rng: np.random.Generator, shape: tuple[int, int, int], kind: str = "u8") -> Op:
    """Codes of (C, H, W), channels last."""
    return ChannelsLast("reorder", encoder(rng, Input("x", shape), kind))


def layer(
    rng: np.random.Generator,
    x: Op,
    name: str,
    outputs: int,
    kernel: Pair,
    weights: Elem,
    result: Elem,
    *,
    strides: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
    pad_value: int = 0,
    dilations: Pair = (1, 1),
) -> Op:
    """A convolution with steps behind it."""
    values = random_values(rng, weights, (outputs, *kernel, map_shape(x)[2]))
    conv = Conv2d(name, x, values, weights, strides, pads, dilations, 1, pad_value)
    return random_threshold(rng, conv, f"{name} steps", result)


def wide_integers() -> Graph:
    """u8 by b1_pm with zeros around; every sum is a result."""
    rng = np.random.default_rng(5)
    x = map_input(rng, (3, 9, 8))
    weights = random_values(rng, B1_PM, (10, 3, 2, 3))
    return packed("wide integers", Conv2d("conv", x, weights, B1_PM, (2, 1), AROUND))


def bipolar_in_zeros() -> Graph:
    """b1_pm by b1_pm: a padding of zeros, which b1_pm has not, and one of +1."""
    rng = np.random.default_rng(6)
    x: Op = random_threshold(rng, map_input(rng, (4, 7, 9), "i8"), "signs", B1_PM)
    x = layer(rng, x, "zeros", 15, (3, 3), B1_PM, B1_PM, pads=(2, 1, 0, 1), strides=(1, 2))
    weights = random_values(rng, B1_PM, (12, 2, 3, 15))
    return packed("bipolar", Conv2d("ones", x, weights, B1_PM, (1, 1), AROUND, pad_value=1))


def ternary_dilated() -> Graph:
    """ter by i8, dilated, and a function of many steps behind it."""
    rng = np.random.default_rng(7)
    x: Op = random_threshold(rng, map_input(rng, (6, 9, 8), "i8"), "signs", TER)
    x = layer(rng, x, "dilated", 10, (2, 3), I8, I8, pads=AROUND, pad_value=-1, dilations=(3, 2))
    return packed("ternary", x)


def zeros_and_ones() -> Graph:
    """b1_01 by b1_pm; then a padding of -1, for which codes get a bit more."""
    rng = np.random.default_rng(8)
    x: Op = random_threshold(rng, map_input(rng, (5, 6, 6)), "gates", B1_01)
    x = layer(rng, x, "gated", 9, (2, 2), B1_PM, B1_01)
    weights = random_values(rng, elem("i3"), (6, 3, 2, 9))
    return packed("gates", Conv2d("recoded", x, weights, elem("i3"), (1, 1), AROUND, pad_value=-1))


def pools_and_tables() -> Graph:
    """A maximum and a sum with padding, and a table."""
    rng = np.random.default_rng(9)
    x: Op = random_threshold(rng, map_input(rng, (6, 9, 8), "i8"), "levels", elem("i4"))
    x = MaxPool2d("maximum", x, (2, 3), (1, 2), (1, 1, 0, 1))
    x = SumPool2d("sum", x, (2, 2), (2, 1), (1, 1, 0, 0))
    table = random_values(rng, elem("i4"), (6, 12))
    return packed(
        "pools", Table("table", x, np.arange(-16, -4, 2, dtype=np.int32), table, ONE, 1, elem("i4"))
    )


def best_of_many_equals() -> Graph:
    """Indices of the largest sums, among many that are equal."""
    rng = np.random.default_rng(10)
    x = Reshape("flat", encoder(rng, Input("x", (14,)), "b1_pm"), (1, 1, 14))
    dense = Conv2d("dense", x, random_values(rng, B1_PM, (24, 1, 1, 14)), B1_PM)
    return packed("best", Reshape("vector", TopK("best", dense, 7), (7,)))


def narrow_integers() -> Graph:
    """Layers that read the integers of a layer and of a sum of accumulators, odd channels, zeros around."""
    rng = np.random.default_rng(11)
    x: Op = random_threshold(rng, map_input(rng, (3, 9, 8), "i8"), "signs", B1_PM)
    first = Conv2d("first", x, random_values(rng, B1_PM, (7, 2, 2, 3)), B1_PM, pads=AROUND)
    second = Conv2d("second", narrow(first), random_values(rng, TER, (9, 3, 2, 7)), TER, pads=AROUND)
    pooled = narrow(SumPool2d("sum", second, (3, 2), (2, 2), (1, 0, 1, 1)))
    return packed("narrow", Conv2d("third", pooled, random_values(rng, B1_PM, (5, 2, 2, 9)), B1_PM))


def narrow_pools() -> Graph:
    """Maxima and sums of accumulators; one channel moves, which needs fewer bits than the stream has."""
    rng = np.random.default_rng(12)
    gates = random_threshold(rng, map_input(rng, (3, 8, 7), "i8"), "gates", B1_01)
    x: Op = replace(gates, jumps=gates.jumps * np.array([[1], [0], [0]], np.int32))
    x = Conv2d("first", x, random_values(rng, elem("i3"), (5, 2, 2, 3)), elem("i3"))
    x = narrow(SumPool2d("sum", MaxPool2d("maximum", x, (2, 2)), (2, 2), (1, 2), (1, 1, 0, 0)))
    x = random_threshold(rng, SumPool2d("sum of sums", x, (2, 1)), "steps", elem("u3"))
    return packed("narrow pools", Conv2d("last", x, random_values(rng, TER, (4, 2, 2, 5)), TER))


def narrow(x: Op) -> Op:
    """Accumulators in the narrowest type."""
    small = narrowed(x)
    assert isinstance(small, Narrow)
    return small


ENGINES = (
    *(wide_integers, bipolar_in_zeros, ternary_dilated),
    *(zeros_and_ones, pools_and_tables, best_of_many_equals),
    *(narrow_integers, narrow_pools),
)


def every_engine() -> Graph:
    """Every unit in one project."""
    rng = np.random.default_rng(5)
    x = map_input(rng, (3, 11, 10))
    x = layer(rng, x, "u8 by b1_pm", 15, (3, 3), B1_PM, B1_PM, pads=AROUND)
    x = layer(rng, x, "zeros around b1_pm", 9, (3, 3), B1_PM, TER, pads=(2, 1, 0, 1), strides=(2, 1))
    x = layer(rng, x, "-1 around ter", 10, (2, 3), B1_PM, B1_01, pads=(0, 1, 1, 1), pad_value=-1)
    x = layer(rng, x, "-1 around b1_01", 6, (3, 2), B1_PM, elem("u3"), pads=AROUND, pad_value=-1)
    x = MaxPool2d("maximum of u3", x, (2, 3), (1, 2), (1, 1, 0, 1))
    x = layer(rng, x, "u3 by ter, dilated", 7, (2, 2), TER, I8, pads=AROUND, dilations=(2, 1))
    x = SumPool2d("sum of i8", x, (2, 2), (2, 1), (1, 1, 0, 0))
    table = random_values(rng, elem("i4"), (7, 50))
    x = Table("table", x, np.arange(-90, -20, 10, dtype=np.int32), table, ONE, 2, elem("i4"))
    x = layer(rng, x, "i4 by i8, pad 1", 8, (2, 1), I8, B1_PM, pads=(1, 0, 0, 0), pad_value=1)
    x = MaxPool2d("maximum of b1_pm", x, (3, 3), (2, 2), AROUND)
    x = layer(rng, x, "+1 around b1_pm", 5, (3, 3), B1_PM, B1_01, pads=AROUND, pad_value=1)
    x = layer(rng, x, "b1_01 by i3", 33, map_shape(x)[:2], elem("i3"), B1_PM)
    dense = Conv2d("last", x, random_values(rng, B1_PM, (12, 1, 1, 33)), B1_PM)
    return packed("every engine", Reshape("vector", TopK("best", dense, 5), (5,)))


def dense_network(sizes: tuple[int, ...], result: Elem = B1_PM) -> Graph:
    """Dense binary layers, as in TFC."""
    rng = np.random.default_rng(1)
    x: Op = Reshape("flat", encoder(rng, Input("x", (sizes[0],)), "u8"), (1, 1, sizes[0]))
    for i, size in enumerate(sizes[1:-1]):
        x = layer(rng, x, f"fc{i}", size, (1, 1), B1_PM, result)
    weights = random_values(rng, B1_PM, (sizes[-1], 1, 1, sizes[-2]))
    last = Conv2d("fc_last", x, weights, B1_PM)
    return packed("tfc", ToFloat("float", Reshape("vector", last, (sizes[-1],))))


def convolutional_network() -> Graph:
    """A small CNV: convolutions, pools and dense layers, all binary."""
    rng = np.random.default_rng(2)
    x = map_input(rng, (3, 12, 12), "i8")
    x = layer(rng, x, "conv0", 16, (3, 3), B1_PM, B1_PM)
    x = layer(rng, x, "conv1", 16, (3, 3), B1_PM, B1_PM)
    x = MaxPool2d("pool1", x, (2, 2), (2, 2))
    x = layer(rng, x, "conv2", 32, (3, 3), B1_PM, TER)
    x = layer(rng, x, "fc0", 64, (2, 2), B1_PM, B1_PM)
    last = Conv2d("fc1", x, random_values(rng, B1_PM, (10, 1, 1, 64)), B1_PM)
    return packed("cnv", Reshape("vector", last, (10,)))
