"""Compares the source's numbers with the simulator's: exactly, to rounding, or by how much they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bnnc.executors.locate import Mismatch, Open, cut_off
from bnnc.ir.edge_ops import EncodeInput
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Table, Threshold, TopK
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_result, tail
from bnnc.ir.source_ops import LogSoftmax, Softmax
from bnnc.sim.edge import decode

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor

# Exponentials of two libraries differ by a few units in the last place, and so do sums of up to 1000 of
# them; a float sum that is off by some ulp in front of an exponential moves it by as much again.
SOFTMAX_TOLERANCE = 2.0**-18

Quantizer = EncodeInput | Threshold | Table


@dataclass(frozen=True)
class Comparison:
    """`ok` when the source agrees as far as it can; `equal` when every number is the same."""

    ok: bool
    equal: bool
    text: str
    mismatch: Mismatch | None = None


def compare_source(
    graph: Graph, x: Array, codes: Array, raw: Array, source: SourceExecutor, open_executor: Open
) -> Comparison:
    """The source on x (N, *input) against the raw integers of the simulator on codes."""
    expected, y = source.run(x), decode(graph, raw)
    assert expected.shape == y.shape, f"the source answers {expected.shape}, not {y.shape}"
    if np.array_equal(expected, y):
        return Comparison(True, True, "every output is equal")
    if quantized_at_import(graph):
        return Comparison(True, False, _distance(expected, y))
    if _equal_to_rounding(graph, raw, expected, y):
        return Comparison(True, False, f"equal to rounding ({_rounding(expected, y)})")
    if _ties_only(graph, codes, expected, y, open_executor):
        return Comparison(True, False, "equal but for exact ties, which float sums break")
    mismatch = _locate(graph, x, codes, source, open_executor) or _at_output(graph, expected, y)
    return Comparison(False, False, _distance(expected, y), mismatch)


def quantized_at_import(graph: Graph) -> bool:
    """Whether layers of real numbers were approximated: the passes note each rounding that they do."""
    return bool(graph.notes)


def _equal_to_rounding(graph: Graph, raw: Array, expected: Array, y: Array) -> bool:
    """Whether the source's numbers belong to the simulator's integers.

    A float sum of products of codes with scales that are no powers of two is off by some ulp from the real
    number that the integer stands for. It still is closer to it than half the distance to the next integer's.
    """
    if expected.dtype.kind != "f" or not tail(graph):
        return False
    if any(isinstance(op, Softmax | LogSoftmax) for op in tail(graph)):
        return np.allclose(y, expected, rtol=SOFTMAX_TOLERANCE, atol=SOFTMAX_TOLERANCE)
    wide = raw.astype(np.int64)
    steps = [np.abs(decode(graph, wide + step).astype(np.float64) - y) for step in (-1, 1)]
    return bool((np.abs(expected.astype(np.float64) - y) <= np.minimum(*steps) / 2).all())


def _rounding(expected: Array, y: Array) -> str:
    """In units in the last place of the sample's largest output: a sum near 0 has lost all of its own."""
    distance = np.abs(expected.astype(np.float64) - y)
    largest = np.abs(y).reshape(len(y), -1).max(axis=1).astype(np.float32)
    worst = (distance.reshape(len(y), -1).max(axis=1) / np.spacing(largest)).max()
    return f"max {worst:.0f} ulp of a sample's largest output, {distance.max():.2g} absolute"


def _ties_only(graph: Graph, codes: Array, expected: Array, y: Array, open_executor: Open) -> bool:
    """Whether indices of the largest elements differ only where those elements are equal integers."""
    result = core_result(graph)
    if not isinstance(result, TopK):
        return False
    scores = open_executor("sim", cut_off(graph, result.x)).run(codes).reshape(len(codes), -1)
    theirs, ours = (index.reshape(len(codes), -1) for index in (expected, y))
    return np.array_equal(np.take_along_axis(scores, theirs, 1), np.take_along_axis(scores, ours, 1))


def _distance(expected: Array, y: Array) -> str:
    if expected.dtype.kind != "f":
        return f"approximate: {100 * np.mean(expected == y):.2f} % of the outputs are equal"
    top1 = [array.reshape(len(array), -1).argmax(axis=1) for array in (expected, y)]
    error = np.abs(expected.astype(np.float64) - y)
    agreement = 100 * np.mean(top1[0] == top1[1])
    return (
        f"approximate: top-1 agreement {agreement:.2f} %, error max {error.max():.3g} mean {error.mean():.3g}"
    )


def _locate(
    graph: Graph, x: Array, codes: Array, source: SourceExecutor, open_executor: Open
) -> Mismatch | None:
    """The first quantizer whose value in the source is not the one of the simulator's integer."""
    quantizers = list(_quantizers(graph))
    values = source.values(x, [op.name for op in quantizers])
    for op in (op for op in quantizers if op.name in values):
        ours = codes if isinstance(op, EncodeInput) else open_executor("sim", cut_off(graph, op)).run(codes)
        if found := _quantizer_difference(op, ours, values[op.name]):
            return found
    return None


def _quantizers(graph: Graph) -> Iterator[Quantizer]:
    """Operations that stand for quantizers of the source. A declared domain is none, `encode` checks it."""
    for op in graph.ops:
        if isinstance(op, Threshold | Table) or (isinstance(op, EncodeInput) and not op.values.size):
            yield op


def _quantizer_difference(op: Quantizer, ours: Array, theirs: Array) -> Mismatch | None:
    """A value of the source belongs to the integer q where it is nearest to q * scale."""
    ours, scale = _source_layout(op, ours, theirs)
    if ours.size != theirs.size:
        return None  # layouts changed in between; the end of the network still tells
    real = ours.reshape(theirs.shape) * scale.astype(np.float64)
    differing = np.argwhere(np.abs(real - theirs) > np.abs(scale) / 2)
    if not len(differing):
        return None
    sample, *element = differing[0].tolist()
    at = tuple(differing[0])
    return Mismatch(
        *(op.name, op.mnemonic(), sample, tuple(element)), theirs[at].item(), float(real[at]), "sim", "source"
    )


def _source_layout(op: Op, ours: Array, theirs: Array) -> tuple[Array, Array]:
    """The integers with channels first, as in the source, and the scale so that it broadcasts over them."""
    scale: Array = op.constants["scale"]
    if not isinstance(op, EncodeInput) and ours.ndim == 4:
        ours = ours.transpose(0, 3, 1, 2)
    return ours, scale.reshape(-1, *(1 for _ in theirs.shape[2:]))


def _at_output(graph: Graph, expected: Array, y: Array) -> Mismatch:
    sample, *element = np.argwhere(expected != y)[0].tolist()
    at = (sample, *element)
    op = graph.result
    return Mismatch(
        op.name, op.mnemonic(), sample, tuple(element), expected[at].item(), y[at].item(), "sim", "source"
    )
