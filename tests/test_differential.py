"""The same random graphs of all operations on several executors: every integer is the simulator's.

tests/sim/test_random_graphs.py holds the simulator against the slow definition on such graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.arm.kernel_runner import Case, run_cases
from tests.arm.test_kernels_networks import run_on_host
from tests.dags import random_dag
from tests.graphs import random_codes, random_inputs

from bnnc.executors.build import build_executor, open_built
from bnnc.executors.registry import build_target
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.passes.pack import PackBits
from bnnc.passes.sparsify import SparsifyDense
from bnnc.schedule.stages import stages
from bnnc.sim import simulator
from bnnc.targets import target

DRAWN = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 4))  # seed and blocks
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no simpler graph


def network(seed: int, blocks: int) -> Graph:
    return PackBits().run(SparsifyDense().run(random_dag(seed, blocks)))


@dataclass(frozen=True)
class StageCase(Case):
    """A stage of a network, with the simulator's values of everything."""

    values: Mapping[Op, Array] = field(default_factory=dict)

    @cached_property
    def wanted(self) -> Array:
        return self.values[self.stage.result][0]


def stage_cases(graph: Graph, seed: int) -> list[StageCase]:
    """Every stage alone, on what the simulator gives it for one sample."""
    values = simulator.values(graph, random_codes(graph, 3, seed)[2:])
    cases = []
    for stage in stages(graph):
        first, *others = (values[op][0] for op in stage.inputs)
        cases.append(StageCase(stage.ops, first, tuple(others), values))
    return cases


def check_on_host(seed: int, blocks: int) -> None:
    """Whole networks in this process, in one arena."""
    graph = network(seed, blocks)
    codes = random_codes(graph, 5, seed)
    np.testing.assert_array_equal(run_on_host(graph, codes), simulator.run(graph, codes))


def check_on_arm(drawn: list[tuple[int, int]]) -> None:
    """The stages of several networks in one object, in an emulated core."""
    cases = [case for seed, blocks in drawn for case in stage_cases(network(seed, blocks), seed)]
    for case, actual in zip(cases, run_cases(cases, target("arm")), strict=True):
        np.testing.assert_array_equal(actual, case.wanted, err_msg=case.stage.ops[0].where)


@settings(max_examples=24, deadline=None, derandomize=True, phases=WITHOUT_SHRINKING)
@given(DRAWN)
def test_dozens_on_host(drawn: tuple[int, int]) -> None:
    check_on_host(*drawn)


@settings(max_examples=3, deadline=None, derandomize=True, phases=WITHOUT_SHRINKING)
@given(st.lists(DRAWN, min_size=8, max_size=8))
def test_dozens_on_arm(drawn: list[tuple[int, int]]) -> None:
    check_on_arm(drawn)


@pytest.mark.parametrize(("kind", "compress"), [("host", "none"), ("arm", "huffman")])
@pytest.mark.parametrize("seed", [1, 2])
def test_programs(kind: str, compress: str, seed: int, tmp_path: Path) -> None:
    graph = network(seed, blocks=5)
    x = random_inputs(graph, 2, seed)
    build_executor(graph, build_target(kind, compress=compress), tmp_path, x)
    codes = random_codes(graph, 4, seed)
    actual = open_built(kind, graph, tmp_path, tmp_path).run(codes)
    np.testing.assert_array_equal(actual, simulator.run(graph, codes))


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(8))
@settings(max_examples=150, deadline=None, derandomize=True, phases=WITHOUT_SHRINKING)
@given(drawn=DRAWN)
def test_thousands_on_host(batch: int, drawn: tuple[int, int]) -> None:
    check_on_host(drawn[0] + (batch << 32), drawn[1])


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(8))
@settings(max_examples=16, deadline=None, derandomize=True, phases=WITHOUT_SHRINKING)
@given(drawn=st.lists(DRAWN, min_size=8, max_size=8))
def test_thousands_on_arm(batch: int, drawn: list[tuple[int, int]]) -> None:
    check_on_arm([(seed + (batch << 32), blocks) for seed, blocks in drawn])
