"""Pruned dense layers become sparse ones where that costs less, and stay the same function."""

from __future__ import annotations

import numpy as np
import pytest
from tests.passes.builders import ONE, answer, bipolar, f32, flatten, graph, lowered
from tests.passes.float_reference import evaluate_source

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.ranges import reachable
from bnnc.passes.sparse_costs import layer_of, sparse_pays
from bnnc.passes.sparsify import sparse_form
from bnnc.report.layers import layers

INPUTS, OUTPUTS = 256, 64


def pruned(rng: np.random.Generator, density: float, values: Array) -> Array:
    weights = rng.choice(values, (OUTPUTS, INPUTS))
    return np.where(rng.random(weights.shape) < density, weights, 0)


def network(weights: Array) -> Op:
    """Eight-bit inputs, a dense layer in front of a sign."""
    x = src.Quant("input", Input("x", (INPUTS,)), f32(2.0**-5), f32(0), 8, True, True, "ROUND")
    return bipolar(src.Dense("fc", x, weights, f32(2.0**-4)), "sign")


def sparse_layers(packed: Graph) -> list[SparseDense]:
    return [op for op in packed.ops if isinstance(op, SparseDense)]


@pytest.mark.parametrize("values", [[-3, 1, 5], [-(2**15), 2**15 - 1, 300, -7]], ids=["i8", "i16"])
def test_few_weights_become_a_sparse_layer(values: list[int]) -> None:
    rng = np.random.default_rng(0)
    weights = pruned(rng, 0.03, np.array(values, np.int16))
    result = network(weights)
    packed = lowered(result)
    (op,) = sparse_layers(packed)
    assert layer_of(op).nonzeros == np.count_nonzero(weights)
    for x in rng.normal(size=(5, INPUTS)).astype(np.float32):
        assert np.array_equal(evaluate_source(graph(result), x), answer(packed, x))


@pytest.mark.parametrize("density", [0.4, 1.0])
def test_dense_layers_stay_dense(density: float) -> None:
    weights = pruned(np.random.default_rng(1), density, np.array([-2, 1, 3], np.int8))
    assert sparse_layers(lowered(network(weights))) == []


def test_the_report_says_why() -> None:
    rng = np.random.default_rng(2)
    texts = {
        density: " ".join(layer.lowered for layer in layers(lowered(network(pruned(rng, density, SIGNS)))))
        for density in (0.02, 0.45, 1.0)
    }
    assert "of 64 x 256 weights: about" in texts[0.02]
    assert "integer multiply-accumulate" in texts[0.45] and "of 64 x 256 weights: about" in texts[0.45]
    assert "weights: about" not in texts[1.0]


SIGNS = np.array([-5, 4], np.int8)


def test_the_choice_is_that_of_the_costs() -> None:
    """More entries never make the sparse form cheaper."""
    rng = np.random.default_rng(3)
    pays = []
    for density in np.linspace(0.01, 0.49, 13):
        weights = pruned(rng, density, np.array([-2, 1, 3], np.int8))
        found = sparse_layers(lowered(network(weights)))
        pays.append(bool(found))
        assert all(sparse_pays(layer_of(op))[0] for op in found)
    assert pays == sorted(pays, reverse=True) and pays[0] and not pays[-1]


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
    weights = pruned(np.random.default_rng(5), 0.4, SIGNS)
    (dense,) = [op for op in lowered(network(weights)).ops if isinstance(op, Conv2d)]
    sparse = sparse_form(dense)
    assert sparse is not None
    want, got = reachable(dense), reachable(sparse)
    assert np.array_equal(want.lo, got.lo) and np.array_equal(want.hi, got.hi)
