"""Networks give the simulator's integers as small as they can be, as fast as they can be, and as solved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.graphs import random_codes
from tests.hls.branches import grouped_network, rescales, residual_network, sparse_network
from tests.hls.projects import convolutional_network
from tests.hls.published import DOMAINS, published

from bnnc.executors.hls import HlsExecutor
from bnnc.executors.samples import generated_samples
from bnnc.hls.build import build
from bnnc.hls.options import Folding, HlsOptions
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.sim import simulator
from bnnc.sim.edge import encode

pytestmark = pytest.mark.usefixtures("cpp")
FOLDINGS = {
    "minimal": HlsOptions(folding=Folding(base="minimal")),
    "solved": HlsOptions(max_fps=True),
    "maximal": HlsOptions(folding=Folding(base="maximal")),
}
NETWORKS = (convolutional_network, residual_network, grouped_network, sparse_network, rescales)


def assert_bit_equal(graph: Graph, codes: Array, folder: Path, options: HlsOptions) -> None:
    """csim.py compiles with -Wall -Wextra -Werror: there is no warning either."""
    expected = simulator.run(graph, codes)
    build(graph, folder, name=graph.name, golden=(codes, expected), options=options)
    np.testing.assert_array_equal(HlsExecutor(folder, graph).run(codes), expected)


@pytest.mark.parametrize("folding", FOLDINGS)
@pytest.mark.parametrize("make", NETWORKS)
def test_small_networks(make: Callable[[], Graph], folding: str, tmp_path: Path) -> None:
    graph = make()
    assert_bit_equal(graph, random_codes(graph, 4, 7), tmp_path, FOLDINGS[folding])


@pytest.mark.slow
@pytest.mark.parametrize("folding", FOLDINGS)
@pytest.mark.parametrize("name", DOMAINS)
def test_published_networks(name: str, folding: str, shared_data: Path, tmp_path: Path) -> None:
    graph = published(shared_data, name)
    codes = encode(graph, generated_samples(graph, 2))
    assert_bit_equal(graph, codes, tmp_path, FOLDINGS[folding])
