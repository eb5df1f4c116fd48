"""Random graphs of all operations: the simulator equals the slow definition, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dags import EVERYTHING, random_dag
from tests.graphs import Allowed, random_codes
from tests.sim.test_networks import assert_values_agree

from bnnc.passes.pack import PackBits
from bnnc.passes.sparsify import SparsifyDense
from bnnc.sim import simulator

SEEDS = st.integers(0, 2**32 - 1)
BLOCKS = st.integers(1, 5)


def check(seed: int, blocks: int, allowed: Allowed = EVERYTHING) -> None:
    """The graph as it is and lowered."""
    graph = random_dag(seed, blocks, allowed)
    codes = random_codes(graph, 2, seed)
    assert_values_agree(graph, codes)
    lowered = PackBits().run(SparsifyDense().run(graph))
    assert_values_agree(lowered, codes)
    np.testing.assert_array_equal(simulator.run(graph, codes), simulator.run(lowered, codes))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS, BLOCKS)
def test_dozens(seed: int, blocks: int) -> None:
    check(seed, blocks)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(SEEDS, BLOCKS)
def test_thousands(seed: int, blocks: int) -> None:
    check(seed, blocks)
