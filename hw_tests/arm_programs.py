"""Networks with every kind of layer, compiled for arm."""

from __future__ import annotations

from pathlib import Path

from tests.graphs import random_codes, random_graph

from bnnc.arm import build as arm
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.passes.pack import PackBits
from bnnc.targets import target

SEEDS = range(8)


def network(seed: int) -> tuple[Graph, Array]:
    """A packed graph and codes (20, ...) for it."""
    graph = PackBits().run(random_graph(seed))
    return graph, random_codes(graph, 20, seed)


def build(seed: int, folder: Path, cpu: str | None = None, threads: int = 1) -> None:
    """The program of `network(seed)` in the empty folder."""
    arm.build(network(seed)[0], target("arm", cpu), folder, threads=threads)
