"""PE that does not divide the outputs: the last fold is not full, and nobody behind the layer sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.graphs import encoder
from tests.hls.branches import conv, rescale, sign
from tests.hls.lowered import foldables, lower
from tests.hls.projects import assert_as_sim, layer, map_input, packed

from bnnc.hls.folding import Fold, MatrixSize
from bnnc.hls.lanes import BIPOLAR, Wire
from bnnc.hls.names import Names
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_PM, I8, I16, TER, Elem, elem
from bnnc.ir.graph import Graph
from bnnc.ir.op import Op
from bnnc.ir.value_ops import AddMaps


def sized(outputs: int, inputs: int, y_bits: int = 1) -> MatrixSize:
    return MatrixSize(1, outputs, inputs, inputs, 1, 1, 0, 1, y_bits)


def test_lfc_has_240_cycles() -> None:
    folds = sized(1024, 1024).cycles()
    assert folds[Fold(72, 64)] == 15 * 16
    assert {fold.pe for fold in folds if fold.simd == 64 and folds[fold] == 240} == {72}


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 27), (100, 12), (97, 4), (1, 8), (1024, 784)])
def test_words_behind_the_last_fold_keep_pace(outputs: int, inputs: int) -> None:
    folds = sized(outputs, inputs).cycles()
    for fold, cycles in folds.items():
        assert cycles == -(-outputs // fold.pe) * inputs // fold.simd
        assert outputs % fold.pe == 0 or outputs // np.gcd(outputs, fold.pe) <= cycles
    fewest = {(cycles, fold.simd): fold.pe for fold, cycles in sorted(folds.items(), reverse=True)}
    assert all(fewest[cycles, fold.simd] == fold.pe for fold, cycles in folds.items()), "one PE is enough"


def test_words_of_a_stream_that_is_not_full() -> None:
    assert Wire(BIPOLAR, 72, 2 * 1024, -1, 1, vectors=2).words == 2 * 15
    assert not Wire(BIPOLAR, 72, 2 * 1024, -1, 1, vectors=2).is_full
    assert Wire(BIPOLAR, 72, 144, -1, 1, vectors=2).is_full


def two_layers(kind: Elem) -> Graph:
    """A convolution with few or many steps behind it, then a layer that reads all of it."""
    rng = np.random.default_rng(4)
    x = layer(rng, map_input(rng, (3, 5, 6), "i8"), "conv", 20, (2, 3), I8, kind)
    return packed("two", conv(rng, x, "last", 7, (4, 4), B1_PM))


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("kind", [B1_PM, TER, I8], ids=str)
@pytest.mark.parametrize(("first", "last"), [(3, 3), (8, 2)])
def test_as_sim(kind: Elem, first: int, last: int, tmp_path: Path) -> None:
    graph = two_layers(kind)
    folding = {"conv": {"pe": first, "simd": 3}, "last": {"pe": last, "simd": 10}}
    assert_as_sim(graph, tmp_path, folding)
    stages = lower(graph, Names(), folding).stages
    narrow = next(stage.unit for stage in stages if stage.unit.name == "last_narrow")
    assert narrow.wire.lanes == np.gcd(20, first)


@pytest.mark.usefixtures("cpp")
def test_two_readers_and_codes(tmp_path: Path) -> None:
    """A padded stream behind a rescale forks; the weights are decoded ahead of the engine."""
    rng = np.random.default_rng(5)
    x: Op = Reshape("flat", encoder(rng, Input("x", (24,)), "i8"), (1, 1, 24))
    x = rescale(rng, conv(rng, x, "dense", 30, (1, 1), B1_PM), "values", I16, 900)
    total = AddMaps("sum", x, conv(rng, sign(rng, x, "sign", 900), "again", 30, (1, 1), B1_PM), elem("i18"))
    graph = packed("fork", total)
    folds = {layer.name: layer.cycles for layer in foldables(graph)}
    assert Fold(4, 2) in folds["dense"] and Fold(4, 5) in folds["again"]
    assert_as_sim(graph, tmp_path, {"dense": {"pe": 4, "simd": 2}, "again": {"pe": 4, "simd": 5}})
