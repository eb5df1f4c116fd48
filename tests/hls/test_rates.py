"""The whole pipeline, simulated, has the rate that the folding was chosen for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hls.branches import grouped_network, residual_network, sparse_network
from tests.hls.projects import convolutional_network, every_engine, random_folding, write_project

from bnnc.hls.lower import Accelerator
from bnnc.hls.model.simulate import simulate
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph

NETWORKS = (convolutional_network, residual_network, grouped_network, sparse_network, every_engine)


def simulated_cycles(acc: Accelerator) -> int:
    return simulate(acc.stages, {fifo.name: fifo.depth for fifo in acc.fifos}).ii_cycles


@pytest.mark.parametrize("make", NETWORKS)
def test_samples_follow_each_other_as_the_slowest_unit_allows(make: Callable[[], Graph]) -> None:
    graph = make()
    foldings = [Folding(), *(Folding(base=base) for base in ("minimal", "maximal"))]
    foldings.append(Folding(random_folding(graph, 3)))
    for options in (HlsOptions(max_fps=True), *(HlsOptions(folding=folding) for folding in foldings)):
        acc = fold(graph, Names(), options).accelerator
        assert simulated_cycles(acc) == acc.cycles


@pytest.mark.parametrize("fps", [3_000, 30_000])
def test_a_solved_rate_is_kept(fps: float) -> None:
    acc = fold(residual_network(), Names(), HlsOptions(fps=fps)).accelerator
    assert simulated_cycles(acc) <= 100e6 / fps


def test_words_leave_though_no_sample_follows(tmp_path: Path) -> None:
    """Vitis HLS lets loops begin again by itself: what stands still without input keeps the last words."""
    write_project(residual_network(), tmp_path)
    tools = (tmp_path / "src" / "bnnc_tools.h").read_text()
    vitis = tools[tools.index("__VITIS_HLS__") : tools.index("#else // Vivado HLS")]
    assert "#define BNNC_PIPELINE BNNC_PRAGMA(HLS PIPELINE II = 1 style = flp)" in vitis
