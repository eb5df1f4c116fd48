"""Every unit says what it takes, and more where it does more at once."""

from __future__ import annotations

import pytest
from tests.hls.branches import grouped_network, rescales, residual_network, shuffled_network, sparse_network
from tests.hls.lowered import lower
from tests.hls.projects import (
    Folding,
    convolutional_network,
    every_engine,
    largest_folding,
    pools_and_tables,
    smallest_folding,
)
from tests.hls.test_coded import frequent_network, in_block_ram

from bnnc.hls.coded import compressed
from bnnc.hls.model.calibration import SHELL, UNIT, project_cost
from bnnc.hls.model.resources import Resources
from bnnc.hls.names import Names
from bnnc.ir.graph import Graph

NETWORKS = [
    make()
    for make in (
        *(every_engine, pools_and_tables, residual_network, grouped_network),
        *(sparse_network, shuffled_network, rescales),
    )
]


def taken(graph: Graph, folding: Folding | None = None) -> dict[str, Resources]:
    return {unit.name: unit.resources for unit in lower(graph, Names(), folding).units}


@pytest.mark.parametrize("graph", NETWORKS, ids=lambda graph: str(graph.name))
def test_every_unit_takes_more_than_its_control(graph: Graph) -> None:
    for name, resources in taken(graph).items():
        assert resources.lut >= UNIT.lut and resources.ff >= UNIT.ff, name


@pytest.mark.parametrize("graph", NETWORKS, ids=lambda graph: str(graph.name))
def test_a_project_takes_what_its_parts_take(graph: Graph) -> None:
    accelerator = lower(graph, Names())
    fifos = [(fifo.depth, fifo.bits) for fifo in accelerator.fifos]
    whole = project_cost([unit.resources for unit in accelerator.units], fifos)
    units = [unit.resources for unit in accelerator.units]
    assert whole.bram18 >= SHELL.bram18 + sum(unit.bram18 for unit in units)
    assert whole.lut > SHELL.lut + sum(unit.lut for unit in units)


def test_decoded_weights_take_a_decoder() -> None:
    graph = frequent_network()
    plain = lower(graph, Names(), in_block_ram(graph))
    coded, stored = compressed(plain)
    assert any(matrix.form != "raw" for matrix in stored)
    for before, after in zip(plain.units, coded.units, strict=True):
        more = after.resources.lut - before.resources.lut
        assert more >= UNIT.lut if "huffman" in after.engines else more == 0


def test_matrices_take_more_the_more_is_folded_out() -> None:
    graph = convolutional_network()
    small, large = (taken(graph, folding(graph)) for folding in (smallest_folding, largest_folding))
    for name in small.keys() & large.keys():
        if name.endswith("_mvtu"):
            assert large[name].lut > small[name].lut and large[name].ff > small[name].ff
