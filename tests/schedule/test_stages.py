"""Stages: what is fused, what is not, and what stages are called."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from tests.dags import random_dag
from tests.graphs import random_graph

from bnnc.ir.edge_ops import ChannelsLast, EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM, I8, I16, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d, Threshold
from bnnc.ir.op import Op
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.value_ops import AddMaps, ConcatChannels, Rescale
from bnnc.passes.pack import PackBits
from bnnc.schedule.stages import MAX_NAME, stage_name, stages, storage
from bnnc.sim.simulator import core_ops

NONE = np.zeros((0, 0), np.float32)


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
    both = Graph("g", Level.PACKED, ConcatChannels("pair", step("a", shared), step("b", shared)))
    assert names(both) == ["channels_last", "conv2d", "threshold", "threshold", "concat_channels"]


def clip(name: str, x: Op) -> Rescale:
    channels = x.type.shape[-1]
    row, lines = np.zeros(channels, np.int32), np.ones((2, channels), np.int32)
    return Rescale(name, x, row, lines, 0 * lines, row, np.float32(1), I16.lo, I16.hi, I16)


def residual(main: Op, shortcut: Op) -> Graph:
    total = AddMaps("sum", shortcut, clip("value", main), elem("i17"))
    bits = step("bits", clip("slope", clip("clip", total)))
    return packed(conv("last", bits, 5))


def test_a_branch_is_added_where_the_other_one_is_made() -> None:
    stream = clip("stream", conv("c0", ChannelsLast("l", codes((3, 4, 4))), 8))
    graph = residual(conv("c1", step("t", stream), 8), stream)
    added = "xnor_conv2d+rescale+add_maps+rescale+rescale+threshold+pack"
    assert names(graph) == ["channels_last", "conv2d+rescale", "threshold+pack", added, "xnor_conv2d"]
    assert [op.name for op in stages(graph)[3].inputs] == ["t", "stream"]


def test_of_two_branches_the_later_one_takes_the_sum() -> None:
    head = ChannelsLast("l", codes((3, 4, 4)))
    graph = residual(conv("c2", step("t", conv("c1", head, 8)), 8), clip("short", conv("c0", head, 8)))
    found = names(graph)
    assert found[1] == "conv2d+rescale" and found[3].startswith("xnor_conv2d+rescale+add_maps")


def test_a_sum_with_itself_reads_nothing_else() -> None:
    value = clip("v", conv("c", ChannelsLast("l", codes((3, 4, 4))), 8))
    graph = packed(AddMaps("twice", value, value, elem("i17")))
    assert names(graph) == ["channels_last", "conv2d+rescale+add_maps"]
    assert len(stages(graph)[1].inputs) == 1


def test_the_result_of_the_core_is_not_hidden_in_a_stage() -> None:
    graph = packed(ToFloat("f", Reshape("r", conv("c", Reshape("v", codes((12,)), (1, 1, 12)), 5), (5,))))
    assert stages(graph)[-1].result is core_result(graph)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("build", [random_graph, random_dag])
def test_stages_cover_the_core_in_order(build: Callable[[int], Graph], seed: int) -> None:
    graph = PackBits().run(build(seed))
    ready, covered = {core_input(graph)}, set[Op]()
    for stage in stages(graph):
        assert ready.issuperset(stage.inputs)
        for first, second in zip(stage.ops, stage.ops[1:], strict=False):
            assert first in second.operands and graph.users[first] == (second,)
        ready.add(stage.result)
        covered.update(stage.ops)
    assert storage(core_result(graph)) in ready
    assert covered == {op for op in core_ops(graph)[1:] if not isinstance(op, Reshape)}


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
