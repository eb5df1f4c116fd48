"""A graph: the operations reachable from one result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Self

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import Input
from bnnc.ir.op import Op


class Level(Enum):
    """How far a graph has been lowered. A pass lowers, never raises."""

    SOURCE = "source"
    INTEGER = "integer"
    PACKED = "packed"


@dataclass(frozen=True)
class Note:
    """A rounding by which a pass left the source's real numbers: at which node of the source, and what."""

    node: str
    text: str

    def __str__(self) -> str:
        return f"node {self.node!r}: {self.text}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network with one input and one result.

    `notes` tell of each rounding by which a pass left the source's real numbers, and of nothing else: a graph
    without notes computes the source network exactly, one with notes approximates it.
    """

    name: str
    level: Level
    result: Op
    notes: tuple[Note, ...] = ()

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """Every operation once, operands before users, in an order that depends on the graph alone."""
        return tuple(_topological(self.result))

    @property
    def is_approximate(self) -> bool:
        """Whether layers of real numbers were quantized by bnnc, so that results resemble the source's."""
        return bool(self.notes)

    @cached_property
    def users(self) -> dict[Op, tuple[Op, ...]]:
        """The operations that read each operation; none read the result."""
        users: dict[Op, tuple[Op, ...]] = dict.fromkeys(self.ops, ())
        for op in self.ops:
            for operand in dict.fromkeys(op.operands):
                users[operand] += (op,)
        return users

    @cached_property
    def input(self) -> Input:
        """The one `Input`; BnncError when there is none or another."""
        inputs = [op for op in self.ops if isinstance(op, Input)]
        if len(inputs) != 1:
            names = ", ".join(repr(op.name) for op in inputs) or "none"
            raise BnncError.at(
                "", f"a network with one input is needed; this one has {len(inputs)} ({names})"
            )
        return inputs[0]

    def rewrite(self, change: Callable[[Op], Op]) -> Self:
        """Replace every operation, operands first.

        `change` gets it on its new operands and returns its successor.
        """
        done: dict[Op, Op] = {}
        for op in self.ops:
            done[op] = change(op.with_operands(*(done[operand] for operand in op.operands)))
        return replace(self, result=done[self.result])

    def with_notes(self, *notes: Note) -> Self:
        """The same graph with further notes, each of them about a rounding."""
        return replace(self, notes=self.notes + notes)


def _topological(result: Op) -> Iterator[Op]:
    """Post-order without recursion, so that deep networks are no problem."""
    seen: set[Op] = set()
    stack: list[tuple[Op, bool]] = [(result, False)]
    while stack:
        op, operands_done = stack.pop()
        if operands_done:
            yield op
        elif op not in seen:
            seen.add(op)
            stack.append((op, True))
            stack.extend((operand, False) for operand in reversed(op.operands) if operand not in seen)
