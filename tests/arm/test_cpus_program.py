"""Programs for every architecture: the run function in an emulated core, whole programs on emulated Linux."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.graphs import random_graph

from bnnc.arm import build as arm
from bnnc.executors.native import UnicornRunner
from bnnc.ir.graph import Graph
from bnnc.sim.simulator import run
from bnnc.targets import target

LINUX = ["cortex-a7", "rv64gc"]
CPUS = [*LINUX, "rv64gc-zbb", "cortex-m4", "cortex-m7"]
SEEDS = (3, 11, 20)


def build(graph: Graph, cpu: str, folder: Path, compress: str = "none") -> arm.Built:
    return arm.build(graph, target("arm", cpu), folder, tiny.golden(graph), compress)


@pytest.mark.parametrize("cpu", CPUS)
def test_a_network_gives_the_simulators_integers(cpu: str, tmp_path: Path) -> None:
    graph = random_graph(SEEDS[0])
    build(graph, cpu, tmp_path)
    runner, codes = UnicornRunner(graph, tmp_path, count=True), tiny.samples(graph, 3)
    assert np.array_equal(runner.run(codes), run(graph, codes))
    assert len(runner.instructions) == 3 and min(runner.instructions) > 100
