"""An executor that lies is found out: layer, element and both values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bnnc.errors import BnncError
from bnnc.executors.locate import Mismatch, first_difference, locate
from bnnc.ir.edge_ops import EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_result
from bnnc.passes.pack import PackBits
from bnnc.sim import simulator

NONE = np.zeros((0, 0), np.float32)
ONE = np.array(1, np.float32)


@dataclass(frozen=True)
class Honest:
    graph: Graph
    name: str = "sim"
    how: str = ""

    def run(self, codes: Array, progress: Callable[[int], None] | None = None) -> Array:
        return simulator.run(self.graph, codes)


@dataclass(frozen=True)
class Liar:
    """Computes an operation of a given name and kind wrong: one element of one sample."""

    graph: Graph
    layer: str
    kind: str
    at: tuple[int, ...]
    name: str = "arm"
    how: str = ""

    def run(self, codes: Array, progress: Callable[[int], None] | None = None) -> Array:
        values: dict[Op, Array] = {}
        for op in simulator.core_ops(self.graph):
            if isinstance(op, EncodeInput):
                values[op] = codes
                continue
            values[op] = simulator.evaluate(op, *(values[operand] for operand in op.operands))
            if (op.name, op.mnemonic()) == (self.layer, self.kind):
                values[op] = values[op].copy()
                values[op][self.at] *= -1
        return values[core_result(self.graph)]


def mlp(layers: int, width: int = 40, seed: int = 1) -> Graph:
    """A packed network of binary dense layers `fc0`, `fc1`, .. with `sign0`, `sign1`, .. between them."""
    rng = np.random.default_rng(seed)
    codes = EncodeInput(
        "codes", Input("x", (width,)), np.zeros((1, 1), np.float32), NONE, NONE, ONE, -1, B1_PM
    )
    x: Op = Reshape("flat", codes, (1, 1, width))
    for i in range(layers):
        x = Conv2d(f"fc{i}", x, 2 * rng.integers(0, 2, (width, 1, 1, width)) - 1, B1_PM)
        if i < layers - 1:
            x = sign(f"sign{i}", x)
    return PackBits().run(Graph("mlp", Level.INTEGER, ToFloat("float", Reshape("y", x, (width,)))))


def sign(name: str, x: Op) -> Threshold:
    channels = x.type.shape[-1]
    base, cuts, jumps = (
        np.full(shape, value) for shape, value in (((channels,), -1), ((channels, 1), 1), ((channels, 1), 2))
    )
    return Threshold(name, x, base, cuts, jumps, ONE, B1_PM)


def codes_for(graph: Graph, n: int = 5) -> Array:
    shape = graph.input.shape
    return (2 * np.random.default_rng(3).integers(0, 2, (n, *shape)) - 1).astype(np.int8)


def find(graph: Graph, layer: str, kind: str, at: tuple[int, ...]) -> Mismatch:
    """What `locate` says of a liar."""

    def open_executor(name: str, part: Graph) -> Honest | Liar:
        return Honest(part) if name == "sim" else Liar(part, layer, kind, at)

    codes = codes_for(graph)
    expected, actual = Honest(graph).run(codes), Liar(graph, layer, kind, at).run(codes)
    found = first_difference(core_result(graph), expected, actual, "arm")
    assert found is not None, "the lie does not reach the end of the network"
    return locate(graph, "arm", codes, found, open_executor)


@pytest.mark.parametrize("layer", [f"sign{i}" for i in range(6)])
def test_the_layer_that_lies_is_named(layer: str) -> None:
    graph = mlp(7)
    found = find(graph, layer, "threshold", (2, 0, 0, 7))
    assert (found.layer, found.op, found.sample, found.element) == (layer, "threshold", 2, (0, 0, 7))
    assert found.expected == -found.actual


def test_a_wrong_last_layer_is_named_with_both_values() -> None:
    graph = mlp(3)
    truth = Honest(graph).run(codes_for(graph))
    sample, *element = np.argwhere(truth != 0)[0].tolist()
    found = find(graph, "fc2", "xnor_conv2d", (sample, *element))
    value = truth[(sample, *element)].item()
    assert found == Mismatch("fc2", "xnor_conv2d", sample, tuple(element), value, -value, "arm")
    place = f"layer 'fc2' (xnor_conv2d), sample {sample}, element {element}"
    assert str(found) == f"{place}: sim gives {value}, arm gives {-value}"


def test_a_lie_of_the_whole_alone_is_reported_at_the_end() -> None:
    graph = mlp(3)
    codes = codes_for(graph)
    found = Mismatch("fc2", "xnor_conv2d", 0, (0, 0, 0), 1, 2, "arm")
    assert locate(graph, "arm", codes, found, lambda name, part: Honest(part)) == found


def test_parts_that_a_target_cannot_build_do_not_stop_the_search() -> None:
    graph = mlp(5)

    def open_executor(name: str, part: Graph) -> Honest | Liar:
        if name == "arm" and core_result(part).name == "fc2":
            raise BnncError("no such part")
        return Honest(part) if name == "sim" else Liar(part, "sign2", "threshold", (0, 0, 0, 0))

    codes = codes_for(graph)
    found = Mismatch("fc4", "xnor_conv2d", 0, (0, 0, 0), 1, 2, "arm")
    assert locate(graph, "arm", codes, found, open_executor).layer == "sign2"
