"""Executor "sim": the simulator."""

from __future__ import annotations

from dataclasses import dataclass

from bnnc.executors.registry import Progress
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.sim import simulator


@dataclass(frozen=True)
class SimExecutor:
    """Runs the core of an integer or packed graph in NumPy."""

    graph: Graph
    name: str = "sim"
    how: str = ""

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape).

        `progress` is told how many samples were finished since it was called last.
        """
        return simulator.run(self.graph, codes, progress)
