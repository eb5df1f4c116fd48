"""What is measured, compiled by bnnc into its cache."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from bnnc.bench.compiled import Compiled, compiled_network
from bnnc.bench.emulated import count
from bnnc.bench.mca import CORES, Loop, Tools, estimate, find_tools
from bnnc.executors.cache import default_root
from bnnc.executors.network import Network, open_network
from bnnc.ir.archive import Archive, save_archive
from bnnc.ir.graph import Graph


def opened(graph: Graph) -> Network:
    """A graph as a network that was read from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{graph.name}.bnnc"
        save_archive(Archive(graph), path)
        return open_network(path, None, default_root(os.environ))


def compiled(graph: Graph, kind: str, cpu: str | None) -> Compiled:
    """A graph as a program for a processor."""
    return compiled_network(opened(graph), kind, cpu)


@cache
def mca() -> Tools | None:
    """llvm-mca, where it is installed."""
    return find_tools()


def counted(graph: Graph, cpu: str, layer: str) -> tuple[int, float | None, Loop | None]:
    """Instructions, cycles and inner loop of the kernel that begins with `layer`, on an ARM core."""
    program = compiled(graph, "arm", cpu)
    [number] = [i for i, stage in enumerate(program.manifest.details["stages"]) if stage["layer"] == layer]
    result, tools = count(program), mca()
    instructions = result.kernels[number].instructions
    if tools is None or cpu not in CORES:
        return instructions, None, None
    return instructions, *estimate(result, tools, CORES[cpu])[number]
