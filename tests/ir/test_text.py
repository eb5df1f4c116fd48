"""The text form: every operation round-trips, hostile names stay one string, wrong lines are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dags import random_dag
from tests.graphs import random_codes, random_graph

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.graph import Graph, Level, Note
from bnnc.ir.op import attribute_fields, constant_fields, field_types
from bnnc.ir.parse import OPS, parse_graph
from bnnc.ir.text import constants, digest, print_graph
from bnnc.passes.pack import PackBits
from bnnc.sim import simulator

HOSTILE = [
    "",
    " ",
    'quote " and \\ backslash \\"',
    '" %0 {x = 1} : f32<3>',
    "return %0",
    "// note",
    "line\nbreak\r\n\tand tab",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "NUL \x00 bell \x07 delete \x7f",
    "../../etc/passwd",
    "größe/слой/层/🙂",
    "\ud800 lone surrogate",
    "x" * 5000,
    "}, {",
    "<>[]@#%",
]


def assert_same_text(graph: Graph) -> Graph:
    """The graph read back from its own text, which prints the same text."""
    text = print_graph(graph)
    again = parse_graph(text, constants(graph))
    assert print_graph(again) == text
    return again


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_back(name: str) -> None:
    graph = Graph(name, Level.SOURCE, src.Relu(name, Input(name, (3,))), notes=(Note(name, name),))
    again = assert_same_text(graph)
    assert (again.name, again.result.name, again.input.name) == (name, name, name)
    assert again.notes == (Note(name, name),)
    assert print_graph(graph).isascii()
    assert len(print_graph(graph).splitlines()) == 5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_any_name_comes_back(name: str) -> None:
    graph = Graph(name, Level.SOURCE, src.Relu(name, Input(name, (3,))))
    assert assert_same_text(graph).result.name == name


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_round_trip(seed: int) -> None:
    for graph in (random_graph(seed), PackBits().run(random_graph(seed))):
        again = assert_same_text(graph)
        codes = random_codes(graph, 3, seed)
        np.testing.assert_array_equal(simulator.run(graph, codes), simulator.run(again, codes))


@pytest.mark.parametrize("seed", range(25))
def test_graphs_with_branches_round_trip(seed: int) -> None:
    for graph in (random_dag(seed), PackBits().run(random_dag(seed))):
        again = assert_same_text(graph)
        codes = random_codes(graph, 2, seed)
        np.testing.assert_array_equal(simulator.run(graph, codes), simulator.run(again, codes))


def test_operations_of_two_operands_keep_their_order() -> None:
    a, b = Input("x", (2, 3, 3)), src.Relu("r", Input("x", (2, 3, 3)))
    again = assert_same_text(Graph("g", Level.SOURCE, src.Concat("c", b, a))).result
    assert isinstance(again, src.Concat)
    assert isinstance(again.a, src.Relu) and isinstance(again.b, Input)


FLOATS = [0.1, -0.0, 1e-45, 3.4028235e38, float("inf"), float("-inf"), float(np.float32(1) / np.float32(3))]


@pytest.mark.parametrize("value", FLOATS)
def test_floats_keep_every_bit(value: float) -> None:
    x = Input("x", (2,))
    constant = np.array([value, np.nan], np.float32)
    graph = Graph("g", Level.SOURCE, src.Clip("clip", src.Mul("mul", x, constant), value, np.float64(value)))
    again = assert_same_text(graph).result
    assert isinstance(again, src.Clip)
    assert again.lo == again.hi == value
    assert isinstance(again.x, src.Mul)
    assert again.x.c.tobytes() == constant.tobytes()


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (16,), (17,), (2, 3, 4)])
def test_constants_keep_type_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    """Up to 16 elements in the text, more of them beside it."""
    array = (np.arange(np.prod(shape, dtype=int)) * 37 % 101).astype(dtype).reshape(shape)
    op = src.MultiThreshold("n", Input("x", (1,)), array.reshape(1, -1), 1.0, 0.0)
    graph = Graph("g", Level.SOURCE, op)
    again = assert_same_text(graph).result
    assert isinstance(again, src.MultiThreshold)
    assert again.thresholds.dtype == dtype
    np.testing.assert_array_equal(again.thresholds, array.reshape(1, -1))
    assert len(constants(graph)) == (array.size > 16)


def test_digest_is_of_type_shape_and_bytes() -> None:
    array = np.arange(20, dtype=np.int32)
    others = [array.astype(np.uint32), array.reshape(4, 5), array[::-1], array + 1]
    assert len({digest(array), *(digest(other) for other in others)}) == 5
    assert digest(array) == digest(array.astype(">i4")) == digest(np.repeat(array, 2)[::2])


def test_equal_constants_are_kept_once() -> None:
    array = np.arange(20, dtype=np.float32)
    x = Input("x", (20,))
    graph = Graph("g", Level.SOURCE, src.Add("b", src.Mul("a", x, array), array.copy()))
    assert len(constants(graph)) == 1


def test_every_operation_can_be_written() -> None:
    """Field types are ones that the text form knows: operands, arrays, and these attributes."""
    for cls in OPS.values():
        for name in attribute_fields(cls):
            hint = field_types(cls)[name]
            plain = get_args(hint)[0] if get_origin(hint) is tuple else hint
            assert plain in (int, float, bool, str, Elem), f"{cls.__name__}.{name}: {hint}"
        assert all(get_origin(field_types(cls)[name]) is np.ndarray for name in constant_fields(cls))


def test_mnemonics_are_unique() -> None:
    assert len({cls.mnemonic() for cls in OPS.values()}) == len(set(OPS.values())) == len(OPS)
    assert {"xnor_conv2d", "top_k", "relu", "encode_input"} <= set(OPS)


def test_a_value_used_twice_is_printed_once() -> None:
    graph = random_graph(4)
    lines = print_graph(graph).splitlines()
    assert len([line for line in lines if line.startswith("%")]) == len(graph.ops)


GOOD = """graph "g" source
%0 = input "x" {shape = [3]} : f32<3>
%1 = mul "m" %0 {c = dense<1.0, 2.0, 3.0> float32[3]} : f32<3>
%2 = clip "c" %1 {lo = 0.0, hi = 1.0} : f32<3>
return %2
"""

WRONG = {
    "an unknown operation": (lambda t: t.replace("= mul", "= mull"), "line 3"),
    "an unknown level": (lambda t: t.replace("source", "sauce"), "line 1"),
    "no level": (lambda t: t.replace(" source", ""), "line 1"),
    "an operand from below": (lambda t: t.replace('"m" %0', '"m" %2'), "line 3"),
    "too few operands": (lambda t: t.replace('"m" %0', '"m"'), "line 3"),
    "too many operands": (lambda t: t.replace('"m" %0', '"m" %0 %0'), "line 3"),
    "another type": (lambda t: t.replace(": f32<3>", ": f32<4>"), "line 2"),
    "a field too many": (lambda t: t.replace("hi = 1.0", "hi = 1.0, ho = 2.0"), "line 4"),
    "a missing field": (lambda t: t.replace(", hi = 1.0", ""), "line 4"),
    "no number": (lambda t: t.replace("hi = 1.0", "hi = one"), "line 4"),
    "an unknown dtype": (lambda t: t.replace("float32[3]", "float31[3]"), "line 3"),
    "another number of elements": (lambda t: t.replace("float32[3]", "float32[4]"), "line 3"),
    "a constant that is not there": (lambda t: t.replace("dense<1.0, 2.0, 3.0>", "@012345abcdef"), "line 3"),
    "no operation at all": (lambda t: t.replace("%1 = ", "%1 : "), "line 3"),
    "an unfinished string": (lambda t: t.replace('"m"', '"m'), "line 3"),
    "an unknown escape": (lambda t: t.replace('"m"', '"\\q"'), "line 3"),
    "no result": (lambda t: t.replace("return %2", ""), "return %N"),
    "an unknown result": (lambda t: t.replace("return %2", "return %7"), "return %N"),
    "no head": (lambda t: t.replace('graph "g" source', ""), "graph NAME LEVEL"),
    "nothing": (lambda t: "", "graph NAME LEVEL"),
    "a constant that does not fit": (lambda t: t.replace("float32[3]", "float32[3, 1]"), "node 'm'"),
    "a shape that is none": (lambda t: t.replace("[3]} : f32<3>", "[-3]} : f32<-3>"), "node 'x'"),
}


@pytest.mark.parametrize("change", WRONG)
def test_wrong_text_is_refused(change: str) -> None:
    damage, where = WRONG[change]
    assert isinstance(damage, Callable)  # type: ignore[arg-type]
    with pytest.raises(BnncError, match=where):
        parse_graph(damage(GOOD))


def test_the_example_of_the_wrong_ones_is_right() -> None:
    graph = parse_graph("\n// a comment\n" + GOOD)
    assert print_graph(graph) == GOOD
    assert print_graph(replace(graph, name="h")) == GOOD.replace('"g"', '"h"')


def test_wrong_attributes_of_every_kind() -> None:
    x = Input("x", (1, 2, 2))
    none = np.zeros((0, 0), np.float32)
    encode = EncodeInput("e", x, np.zeros((1, 1), np.float32), none, none, np.array(1, np.float32), -1, B1_PM)
    text = print_graph(Graph("g", Level.INTEGER, encode))
    changes: list[tuple[str, Any]] = [("= b1_pm", "= b1"), ("= true", "= yes"), ("first = -1", "first = 1.5")]
    for old, new in changes:
        assert old in text
        with pytest.raises(BnncError, match="line 3"):
            parse_graph(text.replace(old, new))
