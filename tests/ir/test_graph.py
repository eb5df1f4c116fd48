"""Graphs: order, users, rewriting, and the parts of a lowered one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.dags import random_dag
from tests.graphs import random_graph

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.graph import Graph, Level, Note
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op
from bnnc.ir.parts import core_input, core_result, tail
from bnnc.ir.source_ops import AddTensors, Relu
from bnnc.ir.value_ops import AddMaps


def chain(length: int) -> Graph:
    op: Op = Input("x", (3,))
    for i in range(length):
        op = Relu(f"relu {i}", op)
    return Graph("chain", Level.SOURCE, op)


def test_operands_come_before_users() -> None:
    for graph in (*(random_graph(seed) for seed in range(10)), *(random_dag(seed) for seed in range(10))):
        place = {op: i for i, op in enumerate(graph.ops)}
        assert len(place) == len(graph.ops)
        assert all(place[operand] < place[op] for op in graph.ops for operand in op.operands)
        assert graph.ops[-1] is graph.result


def test_deep_networks_need_no_recursion() -> None:
    graph = chain(5000)
    assert len(graph.ops) == 5001
    assert len(graph.rewrite(lambda op: op).ops) == 5001


def test_users() -> None:
    graph = random_graph(1)
    for op, users in graph.users.items():
        assert all(op in user.operands for user in users)
    assert graph.users[graph.result] == ()


def test_both_branches_have_their_users() -> None:
    x = Input("x", (3, 2, 2))
    branch = Relu("r", x)
    graph = Graph("g", Level.SOURCE, AddTensors("a", x, branch))
    assert graph.users == {x: (branch, graph.result), branch: (graph.result,), graph.result: ()}
    doubled = Graph("g", Level.SOURCE, AddTensors("a", x, x))
    assert doubled.users[x] == (doubled.result,)


def test_rewriting_keeps_what_branches_share() -> None:
    x = Relu("old", Input("x", (3, 2, 2)))
    graph = Graph("g", Level.SOURCE, AddTensors("a", x, Relu("r", x)))
    again = graph.rewrite(lambda op: Relu("new", *op.operands) if op.name == "old" else op)
    assert [op.name for op in again.ops] == ["x", "new", "r", "a"]
    first, second = again.result.operands
    assert second.operands == (first,)


def test_rewriting_nothing_keeps_every_operation() -> None:
    graph = random_graph(2)
    assert graph.rewrite(lambda op: op).ops == graph.ops


def test_rewriting_replaces_users_of_what_changed() -> None:
    graph = chain(3)
    first = graph.ops[1]
    again = graph.rewrite(lambda op: Relu("new", *op.operands) if op.name == first.name else op)
    assert [op.name for op in again.ops] == ["x", "new", "relu 1", "relu 2"]
    assert graph.ops[1] is first


def test_notes_are_added() -> None:
    first, second, third = (Note(name, "rounded") for name in "abc")
    graph = random_graph(0).with_notes(first).with_notes(second, third)
    assert graph.notes == (first, second, third) and graph.is_approximate


def test_one_input() -> None:
    assert chain(2).input.name == "x"


def test_parts_make_up_the_graph() -> None:
    for graph in (*(random_graph(seed) for seed in range(20)), *(random_dag(seed) for seed in range(20))):
        encoder, result = core_input(graph), core_result(graph)
        assert isinstance(encoder, EncodeInput)
        assert not any(isinstance(op, Conv2d | AddMaps) for op in tail(graph))
        assert graph.ops[graph.ops.index(result) + 1 :] == tail(graph)
        assert np.issubdtype(result.type.elem.dtype, np.integer)


def test_a_source_graph_has_no_core() -> None:
    with pytest.raises(BnncError, match="0 input encoders"):
        core_input(chain(1))
