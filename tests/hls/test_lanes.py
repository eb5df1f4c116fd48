"""Layers without a matrix, and the ports, have lanes of their own; converters lie between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.hls.branches import residual_network, shuffled_network
from tests.hls.lowered import lower
from tests.hls.projects import (
    assert_as_sim,
    convolutional_network,
    dense_network,
    layer,
    map_input,
    packed,
    pools_and_tables,
)

from bnnc.errors import BnncError
from bnnc.hls.choices import Laned, open_layers, port_cycles
from bnnc.hls.core import buildable_core
from bnnc.hls.lanes import MAX_WORD_BITS, Lane, Wire
from bnnc.hls.names import Names
from bnnc.hls.network import conversion
from bnnc.hls.plan import plan_layers
from bnnc.hls.settings import default_settings
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph


def laned(graph: Graph) -> dict[str, Laned]:
    layers = open_layers(plan_layers(buildable_core(graph), Names()))
    return {entry.name: entry for entry in layers if isinstance(entry, Laned)}


def wire(bits: int, lanes: int, size: int) -> Wire:
    return Wire(Lane("Unsigned", bits), lanes, size, 0, 2**bits - 1)


def test_by_default_the_fewest_that_keep_the_pace() -> None:
    for graph in (convolutional_network(), residual_network(), shuffled_network()):
        layers = open_layers(plan_layers(buildable_core(graph), Names()))
        settings = default_settings(layers)
        target = max(min(entry.cycles.values()) for entry in layers if isinstance(entry, Laned))
        cycles = {entry.name: entry.cycles for entry in layers if isinstance(entry, Laned)}
        slowest = max(cycles[name][lanes] for name, lanes in settings.lanes.items())
        for name, lanes in settings.lanes.items():
            fewer = [n for n in cycles[name] if n < lanes]
            assert all(cycles[name][n] > target for n in fewer), name
        assert slowest <= lower(graph, Names()).cycles


def test_the_input_port_has_a_power_of_two_of_bytes() -> None:
    assert port_cycles(wire(8, 1, 784)) == {1: 784, 2: 392, 4: 196, 8: 98, 16: 49}
    assert port_cycles(wire(16, 1, 24)) == {1: 24, 2: 12, 4: 6, 8: 3}
    assert port_cycles(wire(8, 1, 490)) == {1: 490, 2: 245}


def test_the_output_port_has_up_to_four_results() -> None:
    assert laned(dense_network((8, 4, 12)))["output"].cycles == {1: 12, 2: 6, 3: 4, 4: 3}


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 6, 8, 12, 16])
def test_converters_are_as_fast_as_what_they_join(lanes: int) -> None:
    """By way of the least common multiple, unless that is too wide."""
    for other in (1, 2, 3, 4, 6, 8, 12, 16):
        narrow = conversion(wire(1, lanes, 48 * 16), other)
        words = [48 * 16 // min(a, b) for a, b in zip([lanes, *narrow], narrow, strict=False)]
        assert not words or max(words) == 48 * 16 // min(lanes, other)
        wide = conversion(wire(16, lanes, 48 * 16), other)
        assert all(16 * step <= max(MAX_WORD_BITS, 16 * lanes, 16 * other) for step in wide)
        assert [*narrow[-1:], *wide[-1:]] == ([] if lanes == other else [other, other])


def test_lanes_that_are_not_possible() -> None:
    with pytest.raises(BnncError) as caught:
        lower(convolutional_network(), Names(), {"pool1": {"lanes": 3}, "input": {"pe": 2}})
    text = str(caught.value)
    assert "folding of 'pool1': lanes 3 is not possible; one of 1, 2, 4, 8, 16 is" in text
    assert "folding of 'input': unknown key 'pe'; give lanes" in text


def test_a_layer_may_be_called_like_a_port() -> None:
    rng = np.random.default_rng(0)
    x = map_input(rng, (4, 3, 3))
    for name in ("input", "output"):
        x = layer(rng, x, name, 4, (1, 1), B1_PM, B1_PM)
    acc = lower(packed("net", x), Names(), {"input": {"lanes": 4}, "input_2": {"pe": 2}})
    assert acc.input.lanes == 4 and acc.folds["input_2"].pe == 2


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("lanes", [(2, 1), (16, 4)])
def test_ports_of_several_lanes(lanes: tuple[int, int], tmp_path: Path) -> None:
    folding = {"input": {"lanes": lanes[0]}, "output": {"lanes": lanes[1]}, "fc0": {"pe": 4, "simd": 3}}
    assert_as_sim(dense_network((48, 8, 4)), tmp_path, folding)


@pytest.mark.usefixtures("cpp")
def test_lanes_that_meet_in_other_words(tmp_path: Path) -> None:
    graph = pools_and_tables()
    folding = {
        name: {"lanes": max(entry.cycles) if i % 2 else 1}
        for i, (name, entry) in enumerate(laned(graph).items())
    }
    assert_as_sim(graph, tmp_path, folding)
