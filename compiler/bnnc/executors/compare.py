"""Compares the source's numbers with the simulator's: exactly, to rounding, or layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bnnc.executors.chains import MAX_SUM_ULPS
from bnnc.executors.follow import Followed, follow
from bnnc.executors.locate import Mismatch, first_mismatch
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import TopK
from bnnc.ir.op import Array
from bnnc.ir.parts import core_result, tail
from bnnc.ir.source_ops import LogSoftmax, Softmax
from bnnc.sim.edge import decode

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor

# Exponentials of two libraries differ by a few units in the last place, and so do sums of up to 1000 of
# them; a float sum that is off by some ulp in front of an exponential moves it by as much again.
SOFTMAX_TOLERANCE = 2.0**-18


@dataclass(frozen=True)
class Comparison:
    """`ok` when the source agrees as far as it can; `equal` when every number is the same.

    `numbers` are the measures that `text` tells, by name.
    """

    ok: bool
    equal: bool
    text: str
    mismatch: Mismatch | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


def compare_source(graph: Graph, x: Array, codes: Array, raw: Array, source: SourceExecutor) -> Comparison:
    """The source on x (N, *input) against the raw integers of the simulator on codes."""
    expected, y = source.run(x), decode(graph, raw)
    assert expected.shape == y.shape, f"the source answers {expected.shape}, not {y.shape}"
    if not _hides_layers(graph) and not graph.is_approximate:
        if np.array_equal(expected, y):
            return Comparison(True, True, "every output is equal")
        if _equal_to_rounding(graph, raw, expected):
            return _rounded(expected, y)
    return _judge(graph, follow(graph, x, codes, source), expected, y)


def _hides_layers(graph: Graph) -> bool:
    """Whether equal outputs say little of the layers in front: indices, and exponentials that saturate."""
    ends = (core_result(graph), *tail(graph))
    return any(isinstance(op, TopK | Softmax | LogSoftmax) for op in ends)


def _judge(graph: Graph, followed: Followed, expected: Array, y: Array) -> Comparison:
    """What was found layer by layer, and the last one from the source's own codes."""
    if followed.mismatch:
        return _disagreement(expected, y, followed.mismatch)
    if followed.is_exact:
        theirs = decode(graph, followed.raw)
        if not (_equal_to_rounding(graph, followed.raw, expected) or _ties_only(graph, followed, expected)):
            found = first_mismatch(graph.result, expected != theirs, expected, theirs, "sim", "source")
            return _disagreement(expected, y, found)
    if np.array_equal(expected, y):
        return Comparison(True, True, "every output is equal", numbers=_counts(followed))
    if graph.is_approximate:
        return _approximate(followed, expected, y)
    if not followed.ties and _equal_to_rounding(graph, followed.raw, expected):
        return _rounded(expected, y)
    return _tied(graph, followed, expected, y)


def _rounded(expected: Array, y: Array) -> Comparison:
    numbers = _rounding(expected, y)
    return Comparison(True, False, f"equal to rounding ({_in_words(numbers)})", numbers=numbers)


def _approximate(followed: Followed, expected: Array, y: Array) -> Comparison:
    """Layers of real numbers were quantized; all that reads the source's codes is exact nevertheless."""
    distance = _distance(expected, y)
    text = f"approximate: {_in_words(distance)}"
    if followed.taken:
        share = f"{followed.differing} of {followed.taken} codes"
        text += f"; {share} behind approximated layers differ, the other layers agree"
    return Comparison(True, False, text, numbers=distance | _counts(followed))


def _tied(graph: Graph, followed: Followed, expected: Array, y: Array) -> Comparison:
    changed = expected if expected.dtype.kind != "f" else decode(graph, followed.raw)
    samples = int((changed != y).reshape(len(y), -1).any(axis=1).sum())
    what = f"{followed.ties} quantized values, outputs of {samples} samples"
    text = f"equal but for ties that the source's float sums break ({what})"
    return Comparison(True, False, text, numbers=_counts(followed) | {"tied_samples": samples})


def _counts(followed: Followed) -> dict[str, float]:
    counts: dict[str, float] = {"ties": followed.ties}
    if followed.taken:
        counts |= {"approximated_codes": followed.taken, "differing_codes": followed.differing}
    return counts


def _disagreement(expected: Array, y: Array, mismatch: Mismatch) -> Comparison:
    numbers = _distance(expected, y)
    return Comparison(False, False, _in_words(numbers), mismatch, numbers)


def _equal_to_rounding(graph: Graph, raw: Array, expected: Array) -> bool:
    """Whether the source's numbers belong to the simulator's integers.

    A float sum of products of codes with scales that are no powers of two is off by some ulp from the real
    number that the integer stands for. It still is closer to it than half the distance to the next integer's.
    """
    y = decode(graph, raw)
    if np.array_equal(expected, y):
        return True
    if expected.dtype.kind != "f":
        return False
    if any(isinstance(op, Softmax | LogSoftmax) for op in tail(graph)):
        return np.allclose(y, expected, rtol=SOFTMAX_TOLERANCE, atol=SOFTMAX_TOLERANCE)
    if _rounding(expected, y)["max_ulp"] > MAX_SUM_ULPS:
        return False
    wide = raw.astype(np.int64)
    steps = [np.abs(decode(graph, wide + step).astype(np.float64) - y) for step in (-1, 1)]
    return bool((np.abs(expected.astype(np.float64) - y) <= np.minimum(*steps) / 2).all())


def _rounding(expected: Array, y: Array) -> dict[str, float]:
    """In units in the last place of the sample's largest output: a sum near 0 has lost all of its own."""
    distance = np.abs(expected.astype(np.float64) - y)
    largest = np.abs(y).reshape(len(y), -1).max(axis=1).astype(np.float32)
    ulps = distance.reshape(len(y), -1).max(axis=1) / np.spacing(largest)
    return {"max_ulp": float(ulps.max()), "max_error": float(distance.max())}


def _ties_only(graph: Graph, followed: Followed, expected: Array) -> bool:
    """Whether indices of the largest elements differ only where those elements are equal integers."""
    if followed.ranked is None:
        return False
    n = len(expected)
    scores, ours = followed.ranked.reshape(n, -1), followed.raw.reshape(n, -1)
    theirs = expected.reshape(n, -1)
    return np.array_equal(np.take_along_axis(scores, theirs, 1), np.take_along_axis(scores, ours, 1))


def _distance(expected: Array, y: Array) -> dict[str, float]:
    """How far apart outputs are; shares are of 1. Of indices only the first, the best, is the top-1."""
    theirs, ours = (array.reshape(len(array), -1) for array in (expected, y))
    if expected.dtype.kind != "f":
        top1 = float(np.mean(theirs[:, 0] == ours[:, 0]))
        return {"top1_agreement": top1, "equal_outputs": float(np.mean(expected == y))}
    error = np.abs(expected.astype(np.float64) - y)
    top1 = float(np.mean(theirs.argmax(axis=1) == ours.argmax(axis=1)))
    return {"top1_agreement": top1, "max_error": float(error.max()), "mean_error": float(error.mean())}


def _in_words(numbers: Mapping[str, float]) -> str:
    match numbers:
        case {"max_ulp": ulp, "max_error": error}:
            return f"max {ulp:.0f} ulp of a sample's largest output, {error:.2g} absolute"
        case {"equal_outputs": share}:
            return f"{100 * share:.2f} % of the outputs are equal"
    top1, largest, mean = (numbers[key] for key in ("top1_agreement", "max_error", "mean_error"))
    return f"top-1 agreement {100 * top1:.2f} %, error max {largest:.3g} mean {mean:.3g}"
