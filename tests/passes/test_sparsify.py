"""Pruned dense layers become sparse ones where those are smaller, and stay the same function."""

from __future__ import annotations

import numpy as np
import pytest
from tests.passes.builders import ONE, answer, bipolar, f32, flatten, graph, lowered
from tests.passes.float_reference import evaluate_source

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.pipeline import LowerOptions, lower, run_passes
from bnnc.passes.ranges import reachable
from bnnc.passes.sparse_costs import SparseLayer, layer_of, sparse_pays
from bnnc.passes.sparsify import sparse_form
from bnnc.report.layers import layers

INPUTS, OUTPUTS = 256, 64
SIGNS = np.array([-50, 41], np.int8)


def pruned(rng: np.random.Generator, density: float, values: Array) -> Array:
    weights = rng.choice(values, (OUTPUTS, INPUTS))
    return np.where(rng.random(weights.shape) < density, weights, 0)


def network(weights: Array) -> Op:
    """Eight-bit inputs, a dense layer in front of a sign."""
    x = src.Quant("input", Input("x", (INPUTS,)), f32(2.0**-5), f32(0), 8, True, True, "ROUND")
    return bipolar(src.Dense("fc", x, weights, f32(2.0**-4)), "sign")


def sparse_layers(packed: Graph) -> list[SparseDense]:
    return [op for op in packed.ops if isinstance(op, SparseDense)]


@pytest.mark.parametrize("values", [[-30, 1, 5], [-(2**15), 2**15 - 1, 300, -7]], ids=["i8", "i16"])
def test_few_weights_become_a_sparse_layer(values: list[int]) -> None:
    rng = np.random.default_rng(0)
    weights = pruned(rng, 0.03, np.array(values, np.int16))
    result = network(weights)
    packed = lowered(result)
    (op,) = sparse_layers(packed)
    assert layer_of(op).nonzeros == np.count_nonzero(weights)
    for x in rng.normal(size=(5, INPUTS)).astype(np.float32):
        assert np.array_equal(evaluate_source(graph(result), x), answer(packed, x))


@pytest.mark.parametrize("density", [0.3, 1.0])
def test_dense_layers_stay_dense(density: float) -> None:
    weights = pruned(np.random.default_rng(1), density, SIGNS)
    assert sparse_layers(lowered(network(weights))) == []


def test_bit_planes_serve_ternary_layers_better() -> None:
    weights = pruned(np.random.default_rng(1), 0.05, np.array([-1, 1], np.int8))
    bits = bipolar(Input("x", (INPUTS,)), "bits")
    assert sparse_layers(lowered(src.Dense("fc", bits, weights, ONE))) == []


def test_the_report_says_what_either_way_costs() -> None:
    weights = pruned(np.random.default_rng(2), 0.02, SIGNS)
    text = " ".join(layer.lowered for layer in layers(lowered(network(weights))))
    assert "of 64 x 256 weights: about" in text and "dense on arm" in text


def test_few_entries_pay_and_many_do_not() -> None:
    """More entries never make the sparse way cheaper, and dot products make the dense one cheaper."""
    rng = np.random.default_rng(3)
    pays = {"smlal": list[bool](), "sdot": list[bool]()}
    for density in np.linspace(0.002, 0.24, 13):
        (op,) = sparse_layers(lowered(network(pruned(rng, density, SIGNS))))
        for products, found in pays.items():
            found.append(sparse_pays(layer_of(op), products)[0])
    for found in pays.values():
        assert found == sorted(found, reverse=True) and not found[-1]
    assert pays["smlal"][0] and sum(pays["smlal"]) >= sum(pays["sdot"])


def test_weights_that_no_cache_holds_cost_their_way() -> None:
    """A tenth of fc6 of AlexNet is read in a fifth of the time or less."""
    layer = SparseLayer(4096, 9216, 3_800_000, 3_774_873, 15)
    assert sparse_pays(layer, "smlal")[0]


def test_flattened_maps() -> None:
    """A dense layer over a map reads its pixels in the device's order."""
    rng = np.random.default_rng(4)
    x = src.Quant("input", Input("x", (8, 4, 8)), f32(2.0**-5), f32(0), 8, True, True, "ROUND")
    conv = bipolar(src.Conv("conv", x, rng.choice(np.array([-1, 1]), (8, 8, 1, 1)), ONE), "bits")
    result = src.Dense("fc", flatten(conv), pruned(rng, 0.03, SIGNS), ONE)
    packed = lowered(result)
    assert len(sparse_layers(packed)) == 1
    sample = rng.normal(size=(8, 4, 8)).astype(np.float32)
    assert np.array_equal(evaluate_source(graph(result), sample), answer(packed, sample))


def test_sparse_sums_reach_what_dense_ones_do() -> None:
    weights = pruned(np.random.default_rng(5), 0.2, SIGNS)
    integers = lower(graph(network(weights)), LowerOptions(), until=Level.SOURCE)
    streamlined = run_passes(integers, ["streamline"], LowerOptions())
    (dense,) = [op for op in streamlined.ops if isinstance(op, Conv2d)]
    sparse = sparse_form(dense)
    assert sparse is not None
    want, got = reachable(dense), reachable(sparse)
    assert np.array_equal(want.lo, got.lo) and np.array_equal(want.hi, got.hi)
