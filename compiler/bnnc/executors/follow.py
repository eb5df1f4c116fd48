"""Follows the source network quantizer by quantizer, so that a difference is judged where it arises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bnnc.executors.locate import Mismatch, first_mismatch
from bnnc.ir.edge_ops import EncodeInput
from bnnc.ir.elem import I32
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input
from bnnc.sim import simulator

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor

Quantizer = EncodeInput | Threshold | Table
NEIGHBOURS = (-2, -1, 1, 2)  # sums of an even number of +-1 are even


@dataclass
class Followed:
    """The simulator's values when every layer reads what the source's quantizers gave.

    `ties` counts quantized values that differ because the float sum in front of them fell on the other side
    of a cut; `mismatch` is the first that differs otherwise.
    """

    values: dict[Op, Array] = field(default_factory=dict)
    ties: int = 0
    mismatch: Mismatch | None = None


def follow(graph: Graph, x: Array, codes: Array, source: SourceExecutor) -> Followed:
    """Run the simulator on codes (N, ..) beside the source on x, with the source's codes in place of its own.

    A float sum of products with scales that are no powers of two may be off by some ulp from the real number
    that the integer sum stands for. Where a cut of the quantizer lies right there (an exact 0 in front of a
    sign, say) the source's code is that of a neighbouring integer, and all that comes behind follows from it.
    """
    quantizers = list(_quantizers(graph))
    named = [op for quantizer in quantizers for op in (quantizer, *quantizer.operands)]
    theirs = source.values(x, [op.name for op in named])
    found, encoder = Followed(), core_input(graph)
    for op in simulator.core_ops(graph):
        operands = (found.values[operand] for operand in op.operands) if op is not encoder else ()
        found.values[op] = simulator.evaluate(op, *operands) if op is not encoder else codes
        if op in quantizers and op.name in theirs:
            _take_over(op, theirs, found)
        if found.mismatch:
            break
    return found


def _quantizers(graph: Graph) -> Iterator[Quantizer]:
    """Operations that stand for quantizers of the source. A declared domain is none, `encode` checks it."""
    for op in graph.ops:
        if isinstance(op, Threshold | Table) or (isinstance(op, EncodeInput) and not op.values.size):
            yield op


def _take_over(op: Op, theirs: Mapping[str, Array], found: Followed) -> None:
    """Compare the codes of a quantizer, and go on with the source's."""
    ours = found.values[op]
    if theirs[op.name].size != ours.size:
        return  # another layout than the source's; the end of the network still tells
    codes = _codes(op, theirs[op.name], ours)
    differs = codes != ours
    if not differs.any():
        return
    ties = differs & _is_tie(op, codes, theirs, found)
    found.ties += int(ties.sum())
    found.values[op] = codes
    if (differs & ~ties).any():
        found.mismatch = first_mismatch(op, differs & ~ties, codes, ours, "sim", "source")


def _codes(op: Op, values: Array, like: Array) -> Array:
    """The integers of the source's real values, in the layout and type of `like`."""
    scale = op.constants["scale"].astype(np.float64)
    if isinstance(op, EncodeInput):
        scale = scale.reshape(-1, *(1 for _ in like.shape[2:]))
    return np.rint(_in_layout(op, values, like.shape) / scale).astype(like.dtype)


def _in_layout(op: Op, values: Array, shape: tuple[int, ...]) -> Array:
    """Values of the source (N, C, H, W), or flattened, with the channel last; the input keeps its layout."""
    if isinstance(op, EncodeInput) or len(shape) != 4:
        return values.reshape(shape)
    n, height, width, channels = shape
    return values.reshape(n, channels, height, width).transpose(0, 2, 3, 1)


def _is_tie(op: Op, codes: Array, theirs: Mapping[str, Array], found: Followed) -> Array:
    """Where `codes` belong to an integer beside the one that `op` reads, whose float sum was rounded."""
    ties = np.zeros(codes.shape, bool)
    if isinstance(op, EncodeInput) or op.operands[0].type.elem != I32:
        return ties
    sums = found.values[op.operands[0]]
    unit = 1 << op.shift if isinstance(op, Table) else 1
    for step in NEIGHBOURS:
        ties |= simulator.evaluate(op, sums + np.int32(step * unit)) == codes
    return ties & _rounded(op, sums, theirs.get(op.operands[0].name))


def _rounded(op: Op, sums: Array, values: Array | None) -> Array:
    """Where the source's float sum is not the integer sum times one number a channel, rounded once.

    Everywhere if the source's sums are not known: nothing speaks against a tie.
    """
    if values is None or values.size != sums.size:
        return np.ones(sums.shape, bool)
    real, wide = _in_layout(op, values, sums.shape), sums.astype(np.float64)
    axes = tuple(range(sums.ndim - 1))
    scale = (wide * real).sum(axes) / np.maximum((wide * wide).sum(axes), 1)
    rounded: Array = real != sums.astype(np.float32) * scale.astype(np.float32)
    return rounded
