"""Exact k-means in one dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise

Indices = tuple[int, ...]
Spread = Callable[[int, int], Fraction]


def kmeans_1d(values: Sequence[float], k: int) -> tuple[Indices, ...]:
    """The indices of `values` in k clusters of the least sum of squared distances to the clusters' means.

    The highest cluster stands first, indices ascend. Equal values share a cluster, so there are no more
    clusters than different values. Of equally good partitions it is the one with the fewest different values
    in the highest cluster, then in the next. The sums are exact rational numbers: no rounding decides.
    """
    levels = sorted(set(values))
    starts = _best_starts(_spread(values, levels), len(levels), min(k, len(levels)))
    clusters = []
    for start, end in pairwise((*starts, len(levels))):
        members = set(levels[start:end])
        clusters.append(tuple(index for index, value in enumerate(values) if value in members))
    return tuple(reversed(clusters))


def _spread(values: Sequence[float], levels: Sequence[float]) -> Spread:
    """Of the values that equal levels[start:end], the sum of squared distances to their mean.

    sum (x - mean)^2 = sum x^2 - (sum x)^2 / n, each sum a difference of two prefix sums.
    """
    counts = [values.count(level) for level in levels]
    exact = [Fraction(level) for level in levels]
    n = list(accumulate(counts, initial=0))
    first = list(accumulate((c * x for c, x in zip(counts, exact, strict=True)), initial=Fraction(0)))
    second = list(accumulate((c * x * x for c, x in zip(counts, exact, strict=True)), initial=Fraction(0)))

    @cache
    def spread(start: int, end: int) -> Fraction:
        total = first[end] - first[start]
        return second[end] - second[start] - total * total / (n[end] - n[start])

    return spread


def _best_starts(spread: Spread, n: int, k: int) -> Indices:
    """Where the k clusters of n ascending levels begin; a cluster of an optimum is an interval."""
    best: dict[int, tuple[Fraction, Indices]] = {0: (Fraction(0), ())}
    for used in range(1, k + 1):
        best = {end: _extended(best, end, spread) for end in range(used, n + 1)}
    return best[n][1]


def _extended(
    best: dict[int, tuple[Fraction, Indices]], end: int, spread: Spread
) -> tuple[Fraction, Indices]:
    """The best partition of the levels below `end` whose last cluster follows one of `best`."""
    partitions = [(cost + spread(s, end), (*starts, s)) for s, (cost, starts) in best.items() if s < end]
    return min(partitions, key=lambda partition: (partition[0], -partition[1][-1]))
