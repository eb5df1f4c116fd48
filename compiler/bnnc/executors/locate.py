"""Finds the first layer at which an executor leaves the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from bnnc.errors import BnncError
from bnnc.executors.registry import Executor
from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast, EncodeInput, Input, Reshape
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack, Unpack
from bnnc.ir.parts import core_result
from bnnc.ir.types import Packed

Open = Callable[[str, Graph], Executor]


@dataclass(frozen=True)
class Mismatch:
    """The first element where an executor disagrees. `element` indexes the layer's result, channel last."""

    layer: str
    op: str
    sample: int
    element: tuple[int, ...]
    expected: int | float
    actual: int | float
    executor: str
    reference: str = "sim"

    def __str__(self) -> str:
        place = f"layer {self.layer!r} ({self.op}), sample {self.sample}, element {list(self.element)}"
        return f"{place}: {self.reference} gives {self.expected}, {self.executor} gives {self.actual}"


def first_difference(op: Op, expected: Array, actual: Array, executor: str) -> Mismatch | None:
    """Where two results (N, ...) of `op` differ first, in C order."""
    assert expected.shape == actual.shape, f"{executor} answers {actual.shape}, not {expected.shape}"
    differing = expected != actual
    return first_mismatch(op, differing, expected, actual, executor) if differing.any() else None


def first_mismatch(
    op: Op, where: Array, expected: Array, actual: Array, executor: str, reference: str = "sim"
) -> Mismatch:
    """The mismatch at the first element, in C order, of results (N, ...) of `op` for which `where` holds."""
    sample, *element = np.argwhere(where)[0].tolist()
    at = (sample, *element)
    values = (expected[at].item(), actual[at].item())
    return Mismatch(op.name, op.mnemonic(), sample, tuple(element), *values, executor, reference)


def locate(graph: Graph, name: str, codes: Array, found: Mismatch, open_executor: Open) -> Mismatch:
    """The mismatch at the first layer where executor `name` disagrees, given one at the end of the network.

    Networks that are cut off behind a layer are run by both executors, which agree on the operands of the
    layer that is answered. When no part of the network disagrees alone, the answer is `found`.
    """

    @cache
    def mismatch(op: Op) -> Mismatch | None:
        part = cut_off(graph, op)
        try:
            actual = open_executor(name, part).run(codes)
        except BnncError:
            return None  # a part that the target cannot build shows nothing
        return first_difference(op, open_executor("sim", part).run(codes), actual, name)

    guilty, answer = core_result(graph), found
    while True:
        guilty = _first_in_order(_stages(guilty), guilty, mismatch)
        answer = mismatch(guilty) or answer
        earlier = next((x for x in _stage_operands(guilty) if mismatch(x)), None)
        if earlier is None:
            return answer
        guilty = earlier


def cut_off(graph: Graph, op: Op) -> Graph:
    """The network that ends with `op`; packed results are unpacked."""
    result = Unpack(op.name, op) if isinstance(op.type, Packed) else op
    return replace(graph, result=result, notes=())


def _first_in_order(stages: tuple[Op, ...], last: Op, mismatch: Callable[[Op], Mismatch | None]) -> Op:
    """By bisection: an operation that disagrees right behind one that does not; `last` disagrees."""
    agreeing, disagreeing = -1, len(stages)
    while disagreeing - agreeing > 1:
        middle = (agreeing + disagreeing) // 2
        if mismatch(stages[middle]):
            disagreeing = middle
        else:
            agreeing = middle
    return (*stages, last)[disagreeing]


def _stages(last: Op) -> tuple[Op, ...]:
    """The operations of the core in front of `last`."""
    return tuple(op for op in Graph("", Level.PACKED, last).ops if _is_stage(op) and op is not last)


def _stage_operands(op: Op) -> Iterator[Op]:
    """The nearest operations in front of `op` that compute something."""
    for operand in op.operands:
        if _is_stage(operand):
            yield operand
        else:
            yield from _stage_operands(operand)


def _is_stage(op: Op) -> bool:
    """Whether `op` computes; layouts only move values, and the edge is no part of what a device runs."""
    return not isinstance(op, Input | EncodeInput | ChannelsLast | ChannelsFirst | Reshape | Pack | Unpack)
