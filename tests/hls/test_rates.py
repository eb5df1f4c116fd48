"""The whole pipeline, simulated, has the rate that the folding was chosen for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hls.branches import grouped_network, residual_network, sparse_network
from tests.hls.projects import convolutional_network, every_engine, random_folding, write_project

from bnnc.errors import BnncError
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.simulate import simulate
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.project.source import VITIS, VIVADO, read_source, text, walk
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


def test_a_given_depth_that_is_in_the_way_of_a_rate_is_named() -> None:
    """A rate that is promised is kept, or refused with the depth that costs it."""
    options = HlsOptions(fps=41_000)
    free = fold(convolutional_network(), Names(), options).accelerator
    deep, *_, roomy = sorted(free.fifos, key=lambda fifo: -fifo.depth)
    few = replace(options, folding=Folding(fifos={deep.name: 6, roomy.name: 500}))
    with pytest.raises(BnncError) as refused:
        fold(convolutional_network(), Names(), few)
    told = (
        r"FIFO '(.*)': with 6 words a sample takes ([\d,]+) cycles, and 41,000 samples a second leave 2,439 "
    )
    found = re.fullmatch(told + "at 100 MHz; leave its depth out", str(refused.value))
    assert found is not None and found[1] == deep.name
    shallow = {fifo.name: 6 if fifo == deep else fifo.depth for fifo in free.fifos}
    assert simulate(free.stages, shallow).ii_cycles == int(found[2].replace(",", "")) > 2439


def test_given_depths_may_cost_what_a_rate_leaves() -> None:
    free = fold(convolutional_network(), Names(), HlsOptions(max_fps=True)).accelerator
    deep = max(free.fifos, key=lambda fifo: fifo.depth)
    given = HlsOptions(fps=20_000, folding=Folding(fifos={deep.name: 6}))
    acc = fold(convolutional_network(), Names(), given).accelerator
    assert simulated_cycles(acc) <= 5_000 and {fifo.name: fifo.depth for fifo in acc.fifos}[deep.name] == 6


@pytest.mark.usefixtures("cpp")
def test_pipelines_flush_in_vitis(tmp_path: Path) -> None:
    """Its loops begin again by themselves: what stands still without input keeps the last words."""
    write_project(residual_network(), tmp_path)
    for tool, style in ((VITIS, " style = flp"), (VIVADO, "")):
        pragmas = {text(node).strip() for node in walk(read_source(tmp_path, tool).root, "preproc_call")}
        pipelines = {pragma for pragma in pragmas if pragma.startswith("#pragma HLS PIPELINE")}
        assert pipelines == {f"#pragma HLS PIPELINE II = 1{style}"}, tool.name
