"""Exact k-means in one dimension: against all partitions, against the published scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.published import FIRST, RESNET_18, SKETCH_A_NET

from bnnc.plan import kmeans_1d

Partition = list[list[int]]

NUMBERS = st.one_of(
    st.integers(-4, 4).map(float),  # ties, equal distances
    st.floats(-1e6, 1e6, allow_nan=False),
)


def partitions(items: Sequence[int], k: int) -> Iterator[Partition]:
    """All partitions of items into k sets that are not empty."""
    if not items:
        if k == 0:
            yield []
        return
    head, rest = items[0], items[1:]
    for smaller in partitions(rest, k - 1) if k else ():
        yield [[head], *smaller]
    for same in partitions(rest, k):
        for index in range(len(same)):
            yield [*same[:index], [head, *same[index]], *same[index + 1 :]]


def cost(values: Sequence[float], partition: Sequence[Sequence[int]]) -> Fraction:
    total = Fraction(0)
    for group in partition:
        exact = [Fraction(values[index]) for index in group]
        mean = sum(exact) / len(exact)
        total += sum((x - mean) ** 2 for x in exact)
    return total


@given(st.lists(NUMBERS, min_size=1, max_size=7), st.integers(1, 4))
def test_no_partition_is_better(values: list[float], k: int) -> None:
    found = kmeans_1d(values, k)
    assert len(found) == min(k, len(set(values)))
    assert cost(values, found) == min(cost(values, p) for p in partitions(range(len(values)), len(found)))


@given(st.lists(NUMBERS, max_size=12), st.integers(1, 5))
def test_clusters_are_intervals_in_descending_order(values: list[float], k: int) -> None:
    found = kmeans_1d(values, k)
    assert sorted(index for group in found for index in group) == list(range(len(values)))
    assert all(list(group) == sorted(group) for group in found)
    bounds = [(min(values[i] for i in group), max(values[i] for i in group)) for group in found]
    assert all(lower[1] < upper[0] for upper, lower in zip(bounds, bounds[1:], strict=False))


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(values: list[float], k: int, random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    groups = [sorted(values[i] for i in group) for group in kmeans_1d(values, k)]
    assert [sorted(shuffled[i] for i in group) for group in kmeans_1d(shuffled, k)] == groups


def test_of_equally_good_partitions_the_high_clusters_are_small() -> None:
    assert kmeans_1d([0, 1, 2], 2) == ((2,), (0, 1))
    assert kmeans_1d([0, 1, 2, 3, 4], 3) == ((4,), (2, 3), (0, 1))


def test_equal_values_share_a_cluster() -> None:
    assert kmeans_1d([3, 1, 3, 1, 3], 4) == ((0, 2, 4), (1, 3))
    assert kmeans_1d([5, 5], 2) == ((0, 1),)


def test_multiplicity_counts() -> None:
    assert kmeans_1d([0, 4, 10], 2) == ((2,), (0, 1))
    assert kmeans_1d([0, 0, 0, 0, 0, 0, 0, 5, 10], 2) == ((7, 8), (0, 1, 2, 3, 4, 5, 6))


def test_nothing_to_cluster() -> None:
    assert kmeans_1d([], 3) == ()


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        (SKETCH_A_NET, 4, [{7}, {6}, {3, 4, 5}, {2}]),
        (RESNET_18, 3, [{14, 16, 17}, {10, 12, 13, 15}, {2, 3, 4, 5, 6, 7, 8, 9, 11}]),
    ],
)
def test_published_scores(scores: tuple[float, ...], k: int, expected: list[set[int]]) -> None:
    assert [{index + FIRST for index in group} for group in kmeans_1d(scores, k)] == expected
