"""Layers: what is refused, what is moved, which integers a stream holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.graphs import encoder
from tests.hls.branches import choose, conv, sign
from tests.hls.lowered import lower
from tests.hls.projects import layer, map_input, narrow_integers, narrow_pools, packed

from bnnc.errors import BnncError
from bnnc.hls.activations import narrowing
from bnnc.hls.branch_units import moves_together
from bnnc.hls.core import buildable_core
from bnnc.hls.lanes import BIPOLAR, Lane, lane_for, signed_bits
from bnnc.hls.names import Names, identifier
from bnnc.hls.plan import plan_layers
from bnnc.ir.edge_ops import EncodeInput, Input, Reshape
from bnnc.ir.elem import B1_PM, I8, Elem, elem
from bnnc.ir.graph import Graph
from bnnc.ir.op import Op, operation, tensor_of
from bnnc.ir.types import Tensor
from bnnc.ir.value_ops import AddMaps, ConcatChannels

ONE = np.ones((), np.float32)


def test_float_input_without_a_domain() -> None:
    rng = np.random.default_rng(0)
    codes = replace(encoder(rng, Input("pixels", (6,)), "b1_pm"), is_domain=False)
    assert isinstance(codes, EncodeInput)
    graph = packed("g", layer(rng, Reshape("flat", codes, (1, 1, 6)), "fc", 3, (1, 1), B1_PM, B1_PM))
    with pytest.raises(
        BnncError, match=r"input 'pixels': .*; declare them, as in --input-domain u8:scale=1/255"
    ):
        buildable_core(graph)


@operation
class Riddle(Op):
    """Something that no target knows."""

    x: Op

    def infer(self) -> Tensor:
        return tensor_of(self.x)


def test_every_operation_without_a_unit_is_named() -> None:
    x: Op = map_input(np.random.default_rng(0), (4, 5, 5))
    for name in ("a", "b"):
        x = Riddle(name, x)
    with pytest.raises(BnncError) as caught:
        buildable_core(packed("g", x))
    lines = str(caught.value).splitlines()
    assert lines == [
        f"node '{name}' (riddle): not supported by target hls; use --target arm" for name in "ab"
    ]


def test_lanes_hold_their_integers() -> None:
    assert lane_for(0, 1) == Lane("Unsigned", 1)
    assert lane_for(0, 0) == Lane("Unsigned", 1)
    assert lane_for(-1, 1) == Lane("Signed", 2)
    assert lane_for(-128, 127) == Lane("Signed", 8)
    assert lane_for(-128, 128) == Lane("Signed", 9)
    assert [signed_bits(-1, 0), signed_bits(0, 0), signed_bits(-2, 1), signed_bits(0, 1)] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("lo", "hi", "kind", "lane"),
    [
        (-300, 90, I8, Lane("Signed", 8)),
        (-3, 90, I8, Lane("Signed", 8)),
        (0, 300, elem("u4"), Lane("Unsigned", 4)),
        (-7, 7, elem("b1_01"), Lane("Unsigned", 1)),
        (-7, 7, elem("ter"), Lane("Signed", 2)),
        (-1, 1, B1_PM, BIPOLAR),
    ],
)
def test_narrow_takes_the_bits_that_both_ranges_need(lo: int, hi: int, kind: Elem, lane: Lane) -> None:
    act = narrowing(kind, lo, hi)
    assert (act.op, act.lane, act.lo, act.hi) == (None, lane, max(lo, kind.lo), min(hi, kind.hi))


@pytest.mark.parametrize(
    ("graph", "kinds"),
    [
        (narrow_integers(), "Transpose Map Matrix Matrix Pool Matrix Map"),
        (narrow_pools(), "Transpose Map Matrix Pool Pool Map Pool Map Matrix Map"),
    ],
    ids=["of matrices", "of pools"],
)
def test_narrow_is_a_layer_only_where_bits_are_to_spare(graph: Graph, kinds: str) -> None:
    layers = plan_layers(buildable_core(graph), Names()).layers
    assert [type(entry).__name__ for entry in layers] == [f"{kind}Layer" for kind in kinds.split()]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("conv1", "conv1"),
        ("/a/Conv_0", "a_Conv_0"),
        ("9", "layer_9"),
        ("", "layer"),
        ("bnnc_x", "layer_bnnc_x"),
    ],
)
def test_identifiers(text: str, name: str) -> None:
    assert identifier(text) == name


def test_names_differ_on_any_file_system() -> None:
    names = Names()
    assert [names.take(name) for name in ("a", "A", "a", "a_2")] == ["a", "A_2", "a_3", "a_2_2"]


def test_a_sum_with_two_readers_keeps_its_activations_apart() -> None:
    rng = np.random.default_rng(0)
    x = conv(rng, map_input(rng, (2, 4, 4)), "conv", 3, (1, 1), B1_PM)
    left, right = sign(rng, x, "left", 9), sign(rng, x, "right", 9)
    plan = plan_layers(buildable_core(packed("g", ConcatChannels("both", left, right))), Names())
    kinds = [type(entry).__name__.removesuffix("Layer") for entry in plan.layers]
    assert kinds == ["Transpose", "Matrix", "Map", "Map", "Concat", "Map"]
    assert plan.reads == ((0,), (1,), (2,), (2,), (3, 4), (5,))
    assert [plan.readers(value) for value in range(5)] == [1, 1, 2, 1, 1]


def test_a_value_that_is_read_twice_by_the_same_operation() -> None:
    rng = np.random.default_rng(0)
    x = map_input(rng, (2, 4, 4))
    acc = lower(packed("g", AddMaps("twice", x, x, elem("u9"))), Names())
    assert [stage.unit.name for stage in acc.stages] == [
        *("reorder_widen", "reorder_reorder", "reorder_fork", "twice_add", "output_map")
    ]
    fork, add = acc.stages[2:4]
    assert fork.writes == add.reads and len(set(add.reads)) == 2


def test_three_readers_need_two_forks() -> None:
    rng = np.random.default_rng(0)
    x = map_input(rng, (2, 4, 4))
    graph = packed("g", ConcatChannels("c", ConcatChannels("b", x, x), x))
    units = [stage.unit.name for stage in lower(graph, Names()).stages]
    assert [name for name in units if "fork" in name] == ["reorder_fork", "reorder_fork_2"]


def test_streams_and_functions_share_no_name() -> None:
    rng = np.random.default_rng(0)
    x: Op = map_input(rng, (2, 4, 4))
    for name in ("conv", "from_conv"):
        x = layer(rng, x, name, 4, (1, 1), B1_PM, B1_PM)
    acc = lower(packed("g", x), Names())
    names = [stage.unit.name for stage in acc.stages] + [fifo.name for fifo in acc.fifos]
    assert len(set(names)) == len(names)


def test_channels_that_stay_together_share_words() -> None:
    x = map_input(np.random.default_rng(0), (12, 2, 2))
    together = {
        6: list(range(6, 12)),
        4: [8, 9, 10, 11, 0, 1, 2, 3],
        2: [0, 1, 4, 5, 2, 3],
        1: [1, 2, 3, 4],
    }
    for lanes, index in together.items():
        found = [n for n in (6, 4, 3, 2, 1) if moves_together(choose(x, "n", index).index, n)]
        assert found[0] == lanes
