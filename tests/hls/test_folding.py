"""Folding: divisors, balance, and errors for what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.hls.branches import grouped_network
from tests.hls.lowered import foldables, lower
from tests.hls.projects import convolutional_network, dense_network, every_engine

from bnnc.errors import BnncError
from bnnc.hls.choices import Laned
from bnnc.hls.folding import Fold, Foldable, MatrixSize
from bnnc.hls.names import Names
from bnnc.hls.settings import default_settings


def matrix(outputs: int, inputs: int, vectors: int = 1, **bits: int) -> Foldable:
    chosen = {"x_bits": 1, "extra_bits": 0, "w_bits": 1, "y_bits": 1, "groups": 1, "depth": inputs, **bits}
    return Foldable("m", "m", MatrixSize(vectors, outputs, inputs, **chosen).cycles())


def test_words_stay_within_the_limits() -> None:
    assert matrix(64, 256).simd_choices()[-1] == 64
    assert matrix(64, 256, w_bits=8).simd_choices()[-1] == 8
    assert matrix(64, 256, x_bits=4).simd_choices()[-1] == 32
    assert matrix(64, 256, x_bits=2, extra_bits=1).simd_choices()[-1] == 32
    assert matrix(64, 256, y_bits=10).pe_choices()[-1] == 12
    assert matrix(7, 11, y_bits=200).pe_choices() == [1]


def test_words_hold_one_group_or_several_whole_ones() -> None:
    folds = matrix(12, 18, groups=3, depth=6).cycles
    assert {fold for fold in folds if fold.simd <= 6} == {Fold(p, s) for p in (1, 2, 4) for s in (1, 2, 3, 6)}
    assert {fold for fold in folds if fold.simd > 6} == {Fold(12, 18)}
    assert (folds[Fold(4, 6)], folds[Fold(12, 18)]) == (9, 3)
    depthwise = matrix(8, 9, vectors=10, groups=8, depth=1).cycles
    assert depthwise == {Fold(n, n): 10 * 9 * 8 // n for n in (1, 2, 4, 8)}
    assert max(matrix(64, 9, groups=64, depth=1, x_bits=16).cycles).simd == 8


def test_default_is_the_smallest_that_keeps_up() -> None:
    slow, fast = replace(matrix(64, 512, 100), name="slow"), replace(matrix(64, 512), name="fast")
    folds = default_settings([slow, fast]).folds
    assert folds == {"slow": Fold(16, 64), "fast": Fold(11, 1)}
    assert fast.cycles[Fold(10, 1)] > slow.cycles[folds["slow"]] > fast.cycles[Fold(11, 1)]


def test_no_faster_than_the_input_arrives() -> None:
    port = Laned("input", "input", {1: 64})
    assert default_settings([port, matrix(8, 8)]).folds == {"m": Fold(1, 1)}


@pytest.mark.parametrize("graph", [dense_network((196, 64, 48, 10)), convolutional_network(), every_engine()])
def test_default_divides(graph: object) -> None:
    accelerator = lower(graph, Names())  # type: ignore[arg-type]
    for layer in foldables(graph):  # type: ignore[arg-type]
        assert accelerator.folds[layer.name] in layer.cycles


def test_layers_are_named_as_in_the_model_or_the_sources() -> None:
    graph = convolutional_network()
    for name in ("conv1",):
        assert lower(graph, Names(), {name: {"pe": 2}}).folds["conv1"].pe == 2
    graph = every_engine()
    assert lower(graph, Names(), {"u8 by b1_pm": {"pe": 5, "simd": 3}}).folds["u8_by_b1_pm"] == Fold(5, 3)


def test_a_layer_has_one_entry() -> None:
    """Of its two names either will do, but not both."""
    twice = {"u8 by b1_pm": {"pe": 5}, "u8_by_b1_pm": {"pe": 1}}
    with pytest.raises(
        BnncError, match="folding of 'u8 by b1_pm': it is there as 'u8_by_b1_pm' as well; keep"
    ):
        lower(every_engine(), Names(), twice)


def test_unknown_layers_are_answered_with_some_that_are_there() -> None:
    graph = dense_network((8,) * 30)
    with pytest.raises(BnncError) as caught:
        lower(graph, Names(), {"nothing": {"pe": 1}})
    said = str(caught.value)
    assert "there are fc0, fc1, fc10" in said and said.endswith(" more") and "fc9" not in said


def test_groups_say_what_goes_together() -> None:
    for node in ("thirds", "depthwise"):
        assert node in {layer.node for layer in foldables(grouped_network())}
    with pytest.raises(BnncError) as caught:
        lower(grouped_network(), Names(), {"depthwise": {"pe": 3, "simd": 1}})
    assert str(caught.value) == (
        "folding of 'depthwise': pe 3 with simd 1 is not possible: a word holds one group or whole groups, "
        "with all of their outputs; one of pe 1 with simd 1, pe 3 with simd 3 is"
    )


def test_every_mistake_is_named_at_once() -> None:
    folding = {"conv1": {"pe": 17}, "nothing": {"pe": 1}, "conv2": {"simd": 0}, "fc0": {"pes": 1}}
    with pytest.raises(BnncError) as caught:
        lower(convolutional_network(), Names(), folding)
    text = str(caught.value)
    assert "folding of 'conv1': pe 17 is not possible; one of 1, 2, 3, 4, 6, 8, 16 is" in text
    assert "folding of 'nothing': there is no such layer; there are conv0, conv1" in text
    assert "folding of 'conv2': simd 0 is not possible" in text
    assert "folding of 'fc0': unknown key 'pes'; give pe and simd" in text
