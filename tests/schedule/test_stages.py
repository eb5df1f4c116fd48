"""Stages: what is fused, what is not, and what stages are called."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.graphs import random_graph

from bnnc.ir.edge_ops import ChannelsLast, EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM, I8, I16, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Threshold
from bnnc.ir.op import Op, operation, tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.types import Tensor
from bnnc.passes.pack import PackBits
from bnnc.schedule.stages import MAX_NAME, stage_name, stages, storage

NONE = np.zeros((0, 0), np.float32)


@operation
class _Pair(Op):
    """Two operands: no operation of ours has them yet."""

    a: Op
    b: Op

    def infer(self) -> Tensor:
        return tensor_of(self.a)


def codes(shape: tuple[int, ...]) -> EncodeInput:
    cuts = np.arange(-128, 127, dtype=np.float32)[None] + np.float32(0.5)
    return EncodeInput("in", Input("x", shape), cuts, NONE, NONE, np.float32(1), -128, I8)


def conv(name: str, x: Op, outputs: int) -> Conv2d:
    return Conv2d(name, x, np.ones((outputs, 1, 1, x.type.shape[-1]), np.int8), B1_PM)


def step(name: str, x: Op) -> Threshold:
    channels = x.type.shape[-1]
    cuts, jumps = np.zeros((channels, 1), np.int32), np.full((channels, 1), 2, np.int32)
    return Threshold(name, x, np.full(channels, -1, np.int32), cuts, jumps, np.float32(1), B1_PM)


def names(graph: Graph) -> list[str]:
    return ["+".join(op.mnemonic() for op in stage.ops) for stage in stages(graph)]


def packed(result: Op) -> Graph:
    return PackBits().run(Graph("g", Level.INTEGER, result))


def test_a_convolution_takes_its_step_and_packing_along() -> None:
    x = step("t0", conv("c0", ChannelsLast("l", codes((3, 4, 4))), 8))
    pooled = MaxPool2d("p", x, (2, 2), (2, 2))
    graph = packed(ToFloat("f", conv("c1", pooled, 5)))
    wanted = ["channels_last", "conv2d+threshold+pack", "packed_max_pool2d", "xnor_conv2d"]
    assert names(graph) == wanted


def test_integers_are_narrowed_where_they_are_made() -> None:
    x: Op = SumPool2d("s", conv("c0", ChannelsLast("l", codes((3, 4, 4))), 8), (2, 2), (2, 2))
    last = conv("c2", Narrow("n1", conv("c1", Narrow("n0", x, I16), 5), I8), 4)
    wanted = ["channels_last", "conv2d", "sum_pool2d+narrow", "conv2d+narrow", "conv2d"]
    assert names(packed(last)) == wanted


def test_narrowed_integers_are_packed_at_once() -> None:
    small = Narrow("n", conv("c0", ChannelsLast("l", codes((3, 4, 4))), 8), elem("i2"))
    wanted = ["channels_last", "conv2d+narrow+pack", "bit_conv2d"]
    assert names(packed(conv("c1", small, 5))) == wanted


def test_a_view_is_no_stage() -> None:
    graph = packed(conv("c", Reshape("r", codes((1, 2, 6)), (1, 1, 12)), 5))
    (stage,) = stages(graph)
    assert stage.inputs == (core_input(graph),) and stage.ops == (core_result(graph),)


def test_a_value_with_two_users_is_a_stage_of_its_own() -> None:
    shared = conv("c", ChannelsLast("l", codes((3, 4, 4))), 8)
    both = Graph("g", Level.PACKED, _Pair("pair", step("a", shared), step("b", shared)))
    assert [op.mnemonic() for stage in stages(both) for op in stage.ops][1:3] == ["conv2d", "threshold"]
    assert len(stages(both)[1].ops) == 1


def test_the_result_of_the_core_is_not_hidden_in_a_stage() -> None:
    graph = packed(ToFloat("f", Reshape("r", conv("c", Reshape("v", codes((12,)), (1, 1, 12)), 5), (5,))))
    assert stages(graph)[-1].result is core_result(graph)


@pytest.mark.parametrize("seed", range(20))
def test_stages_cover_the_core_in_order(seed: int) -> None:
    graph = PackBits().run(random_graph(seed))
    ready = {core_input(graph)}
    for stage in stages(graph):
        assert ready.issuperset(stage.inputs)
        for first, second in zip(stage.ops, stage.ops[1:], strict=False):
            assert second.operands == (first,) and graph.users[first] == (second,)
        ready.add(stage.result)
    assert storage(core_result(graph)) in ready


@pytest.mark.parametrize(
    "source",
    [
        "/conv 1/Conv",
        "fc1",
        "",
        '"); system("rm',
        "../../etc/passwd",
        "größe",
        "a\nb",
        "x" * 200,
        "*/ int y; /*",
    ],
)
def test_names_are_identifiers(source: str) -> None:
    name = stage_name(7, source)
    assert re.fullmatch(r"s07[A-Za-z0-9_]*", name) and len(name) <= MAX_NAME


def test_names_are_unique() -> None:
    x: Op = ChannelsLast("l", codes((3, 4, 4)))
    for _ in range(4):
        x = step("same", conv("same", x, 8))
    found = [stage.name for stage in stages(packed(x))]
    assert len(set(found)) == len(found)
