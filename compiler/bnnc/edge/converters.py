"""The float edges as C: real input to codes, raw integers to the output of the trained network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bnnc.edge.elementwise import Constant, expression
from bnnc.edge.numbers import initializer
from bnnc.ir.edge_ops import Cast, ChannelsFirst, Reshape, ToFloat
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op, map_shape, tensor_of
from bnnc.ir.parts import core_input, tail
from bnnc.ir.source_ops import Elementwise, LogSoftmax, Softmax
from bnnc.sim.edge import value_tolerance


@dataclass(frozen=True)
class Table:
    """A constant array of float or double in the C file."""

    kind: str
    name: str
    shape: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Encoder:
    """C expressions of the encoder's tables for the channel at hand; empty where the model has none."""

    channels: bool
    inner: int
    n_cuts: int
    cuts: str
    values: str
    tolerance: str
    reject: str


@dataclass(frozen=True)
class Step:
    """A loop over all elements with these lines, or one statement on the whole output."""

    lines: tuple[str, ...] = ()
    whole: str = ""


@dataclass
class Tables:
    """The constant arrays that were asked for, in order."""

    made: list[Table] = field(default_factory=list)

    def add(self, name: str, array: Array) -> str:
        """Define float32 or float64 numbers under a name, which is returned."""
        kind = "double" if array.dtype == np.float64 else "float"
        self.made.append(Table(kind, name, array.shape, initializer(array)))
        return name


def encoder(graph: Graph, tables: Tables) -> Encoder:
    """The head of the graph."""
    op = core_input(graph)
    shape = tensor_of(op).shape
    parts = (op.cuts, op.values, op.reject)
    return Encoder(
        channels=any(part.size and len(part) > 1 for part in parts),
        inner=tensor_of(op).size // shape[0],
        n_cuts=op.cuts.shape[1],
        cuts=_row("cuts", op.cuts, tables) or "NULL",
        values=_row("values", op.values, tables),
        tolerance=_row("tolerance", value_tolerance(op), tables),
        reject=_row("reject", op.reject, tables),
    )


def _row(name: str, table: Array, tables: Tables) -> str:
    """The row of the channel at hand."""
    if table.size == 0:
        return ""
    return f"{tables.add(name, table)}[{'c' if len(table) > 1 else '0'}]"


def decoder(graph: Graph, tables: Tables) -> tuple[Step, ...]:
    """The tail of the graph: `raw` to `y`."""
    loops = _Loops(tables, "y")
    for op in tail(graph):
        loops.append(op)
    loops.close()
    return tuple(loops.steps)


def order(graph: Graph) -> tuple[str, ...]:
    """The lines of a loop that copies `raw` to `integers`, in the order of the source's output."""
    loops = _Loops(Tables(), "integers")
    for op in tail(graph):
        if isinstance(op, ChannelsFirst):
            loops.append(op)
    loops.close()
    (step,) = loops.steps
    return step.lines


class _Loops:
    """Steps in the making: the lines of the open loop over raw integers or, behind a softmax, over `y`.

    In a loop `i` counts its source in order; the value of element i goes to `position` of the output.
    """

    def __init__(self, tables: Tables, target: str) -> None:
        self.steps: list[Step] = []
        self._tables = tables
        self._target = target
        self._lines: list[str] = []
        self._value = "raw[i]"
        self._position = "i"
        self._number = 0

    def append(self, op: Op) -> None:
        """Compute `op` in the open loop, or in a new one behind a softmax."""
        self._number += 1
        match op:
            case Reshape() | Cast():
                pass
            case ChannelsFirst():
                self._move(op)
            case ToFloat():
                self._assign(f"(float){self._value}")
            case Softmax() | LogSoftmax():
                self.close()
                self._over_output(f"bnnc_{op.mnemonic()}(y, {tensor_of(op).size});")
            case Elementwise():
                self._elementwise(op)
            case _:
                raise AssertionError(f"{op.mnemonic()} is no operation of the tail")

    def close(self) -> None:
        """End the open loop, unless it would only copy the output onto itself."""
        if self._value != "y[i]" or self._lines:
            self.steps.append(Step((*self._lines, f"{self._target}[{self._position}] = {self._value};")))

    def _over_output(self, statement: str) -> None:
        self.steps.append(Step(whole=statement))
        self._lines, self._value, self._position = [], "y[i]", "i"

    def _assign(self, value: str) -> None:
        declared = self._value == "v"
        self._lines.append(f"v = {value};" if declared else f"float v = {value};")
        self._value = "v"

    def _move(self, op: ChannelsFirst) -> None:
        if self.steps:
            remedy = "move the transpose in front of the softmax"
            raise op.refusal("a map behind a softmax is not supported", remedy)
        height, width, channels = map_shape(op.x)
        at, moved = self._position, f"p{self._number}"
        self._lines.append(
            f"const size_t {moved} = {at} % {channels} * {height * width} + {at} / {channels};"
        )
        self._position = moved

    def _elementwise(self, op: Elementwise) -> None:
        shape = tensor_of(op).shape
        inner = tensor_of(op).size // shape[0] if shape else 1
        channel = self._position if inner == 1 else f"{self._position} / {inner}"
        if self._value == "y[i]":
            self._assign(self._value)

        def constant(name: str, array: Array) -> Constant:
            return f"{self._tables.add(f'{name}_{self._number}', array)}[{channel}]"

        for value in expression(op, constant):
            self._assign(value)
