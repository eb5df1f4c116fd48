"""Random graphs of sums, joins, splits, shuffles and repetitions compute what onnxruntime computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from tests.frontends.reading import read
from tests.frontends.semantics import evaluate

from bnnc.executors.source import SourceExecutor
from bnnc.frontends.onnx_file import model_bytes
from bnnc.ir.graph import Graph, Level

Map = tuple[int, int, int]
SIZE: Map = (4, 6, 4)
LIMIT = 20  # channels


@dataclass
class _Builder:
    """A graph that grows; `maps` are the tensors (C, H, W) that further operations may read."""

    rng: np.random.Generator
    maps: dict[str, Map] = field(default_factory=lambda: {"x": SIZE})
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)

    def grow(self) -> None:
        """One more operation, or idiom of several, on one of the youngest maps."""
        kinds = (
            *(self.activate, self.meet, self.meet, self.meet, self.split, self.gather),
            *(self.shuffle, self.tile, self.thin, self.repeat, self.pool),
        )
        name = self.any(list(self.maps)[-4:])
        kinds[self.rng.integers(len(kinds))](name, *self.maps[name])

    def any(self, choices: list[str]) -> str:
        """One of several names."""
        return choices[self.rng.integers(len(choices))]

    def emit(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Append a node; returns its results."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op_type, inputs, names, **attributes))
        return names

    def ints(self, *values: int) -> str:
        """An int64 constant."""
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def activate(self, x: str, *shape: int) -> None:
        """Something elementwise."""
        [y] = self.emit(self.any(["Relu", "Abs", "Neg"]), x)
        self.maps[y] = self.maps[x]

    def meet(self, x: str, c: int, h: int, w: int) -> None:
        """x and another map, added or behind each other."""
        other = self.any([name for name, shape in self.maps.items() if shape[1:] == (h, w)])
        more = self.maps[other][0]
        if more == c and self.rng.random() < 0.7:
            [y] = self.emit(self.any(["Add", "Sub", "Sum"]), x, other)
            self.maps[y] = (c, h, w)
        elif more + c <= LIMIT:
            [y] = self.emit("Concat", other, x, axis=1)
            self.maps[y] = (more + c, h, w)

    def split(self, x: str, c: int, h: int, w: int) -> None:
        """Two parts."""
        if c > 1:
            first = int(self.rng.integers(1, c))
            a, b = self.emit("Split", x, self.ints(first, c - first), outputs=2, axis=1)
            self.maps |= {a: (first, h, w), b: (c - first, h, w)}

    def gather(self, x: str, c: int, h: int, w: int) -> None:
        """Channels in any order."""
        index = self.rng.integers(-c, c, self.rng.integers(1, 7)).tolist()
        [y] = self.emit("Gather", x, self.ints(*index), axis=1)
        self.maps[y] = (len(index), h, w)

    def shuffle(self, x: str, c: int, h: int, w: int) -> None:
        """Two groups, interleaved."""
        if c % 2 == 0:
            [groups] = self.emit("Reshape", x, self.ints(0, 2, c // 2, h, w))
            [turned] = self.emit("Transpose", groups, perm=[0, 2, 1, 3, 4])
            [y] = self.emit("Reshape", turned, self.ints(0, c, h, w))
            self.maps[y] = (c, h, w)

    def tile(self, x: str, c: int, h: int, w: int) -> None:
        """All channels again."""
        if 2 * c <= LIMIT:
            [y] = self.emit("Tile", x, self.ints(1, 2, 1, 1))
            self.maps[y] = (2 * c, h, w)

    def thin(self, x: str, c: int, h: int, w: int) -> None:
        """Every other channel, from one of them on."""
        start = int(self.rng.integers(c))
        [y] = self.emit("Slice", x, *(self.ints(n) for n in (start, c, 1, 2)))
        self.maps[y] = (-(-(c - start) // 2), h, w)

    def repeat(self, x: str, c: int, h: int, w: int) -> None:
        """Every channel twice."""
        if 2 * c <= LIMIT:
            [apart] = self.emit("Unsqueeze", x, self.ints(2))
            [twice] = self.emit("Expand", apart, self.ints(1, 1, 2, 1, 1))
            [y] = self.emit("Reshape", twice, self.ints(0, 2 * c, h, w))
            self.maps[y] = (2 * c, h, w)

    def pool(self, x: str, c: int, h: int, w: int) -> None:
        """Two by two."""
        if min(h, w) > 1:
            [y] = self.emit("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
            self.maps[y] = (c, h // 2, w // 2)

    def model(self) -> ModelProto:
        """The graph up to the youngest map."""
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *SIZE])
        y = helper.make_tensor_value_info(list(self.maps)[-1], TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize(
    "seed", [*range(60), *(pytest.param(s, marks=pytest.mark.slow) for s in range(60, 600))]
)
def test_computes_the_same(seed: int) -> None:
    builder = _Builder(np.random.default_rng(seed))
    builder.activate("x")
    for _ in range(14):
        builder.grow()
    model = builder.model()
    graph = read(model)
    x = np.random.default_rng(seed).integers(-9, 10, (2, *SIZE)).astype(np.float32)
    executor = SourceExecutor(model_bytes(model))
    assert np.array_equal(evaluate(graph, x), executor.run(x))
    values = executor.values(x, [op.name for op in graph.ops])
    for op in graph.ops:
        if op.name in values:
            assert np.array_equal(evaluate(Graph("part", Level.SOURCE, op), x), values[op.name]), op.name
