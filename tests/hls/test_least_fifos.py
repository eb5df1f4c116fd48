"""All depths below those that are found, tried on the clock: none keeps the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count, islice, product
from math import prod

import pytest
from tests.hls.clocked import clocked
from tests.hls.pipelines import random_stages

from bnnc.hls.model.sizing import LATENCIES, LEAST, fifos, slowest
from bnnc.hls.network import Stage

SAMPLES, LAST = 30, 12
TRIED = range(10, 50)
"""Combinations of depths that there may be below those of a pipeline."""


def keeps_the_rate(stages: Sequence[Stage], depths: Mapping[str, int]) -> bool:
    """At all of LATENCIES the last samples come as often as the slowest unit allows."""
    return all(_interval(stages, depths, latency) == slowest(stages) for latency in LATENCIES)


def _interval(stages: Sequence[Stage], depths: Mapping[str, int], latency: int | None) -> float:
    sink = clocked(stages, depths, SAMPLES, latency)[0][-1]
    if not sink.is_done:
        return float("inf")
    return (sink.ended[SAMPLES - 1] - sink.ended[SAMPLES - 1 - LAST]) / LAST


@cache
def seeds(n: int) -> list[int]:
    """The first pipelines with as many combinations as TRIED says."""

    def combinations(seed: int) -> int:
        return prod(fifo.depth - LEAST + 1 for fifo in fifos(random_stages(seed)))

    return list(islice((seed for seed in count() if combinations(seed) in TRIED), n))


@pytest.mark.parametrize("number", range(6))
def test_no_smaller_depths_keep_the_rate(number: int) -> None:
    stages = random_stages(seeds(6)[number])
    depths = {fifo.name: fifo.depth for fifo in fifos(stages)}
    assert keeps_the_rate(stages, depths)
    for tried in product(*(range(LEAST, depth + 1) for depth in depths.values())):
        smaller = dict(zip(depths, tried, strict=True))
        assert smaller == depths or not keeps_the_rate(stages, smaller), smaller
