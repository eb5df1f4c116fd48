"""FIFOs of a residual ResNet-18: found in seconds, deep enough, and none of the skips one word too deep."""

from __future__ import annotations

from time import process_time

import pytest
from tests.hls.lowered import lower
from tests.hls.resnet import BLOCKS, GROUPS, resnet18

from bnnc.hls.lower import Accelerator
from bnnc.hls.model.simulate import simulate
from bnnc.hls.model.sizing import LATENCIES, LEAST, slowest
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph


def depths(acc: Accelerator) -> dict[str, int]:
    return {fifo.name: fifo.depth for fifo in acc.fifos}


def skips(acc: Accelerator) -> list[str]:
    """Where a map waits beside a block that keeps its size."""
    return [name for name, n in depths(acc).items() if n > LEAST and name.startswith("copy_from")]


def keeps_the_rate(acc: Accelerator, tried: dict[str, int]) -> bool:
    runs = (simulate(acc.stages, tried, latency=latency) for latency in LATENCIES)
    return all(run.ii_cycles == slowest(acc.stages) for run in runs)


def assert_least(acc: Accelerator) -> None:
    """At full rate, and a word less in any connection around a block costs cycles."""
    found, around = depths(acc), skips(acc)
    kept = keeps_the_rate(acc, found)
    too_deep = [name for name in around if keeps_the_rate(acc, {**found, name: found[name] - 1})]
    assert kept and too_deep == []
    assert len(around) == GROUPS * BLOCKS - 3


def fastest(graph: Graph) -> Accelerator:
    return fold(graph, Names(), HlsOptions(folding=Folding(base="maximal"))).accelerator


def test_skips_of_a_small_one_are_as_deep_as_they_must_be() -> None:
    assert_least(fastest(resnet18(32, 8, 10)))


@pytest.mark.slow
def test_skips_of_imagenet_are_as_deep_as_they_must_be() -> None:
    assert_least(fastest(resnet18()))


@pytest.mark.slow
def test_imagenet_is_sized_in_less_than_two_minutes() -> None:
    """Simulated as well, at each of LATENCIES. With the stem at PE 8, as wide as words may be, a sample takes
    112 * 112 * 7 * 7 * 8 cycles.
    """
    graph, started = resnet18(), process_time()
    acc = lower(graph, Names())
    sized = process_time()
    assert keeps_the_rate(acc, depths(acc))
    assert sized - started < 120 and process_time() - sized < len(LATENCIES) * 120
    assert slowest(acc.stages) == 4_917_248
