"""A target that writes one file and computes with the simulator, so that the command line is tested alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bnnc.executors import cache, workshop
from bnnc.executors import compile as compiling
from bnnc.executors.build import check_buildable
from bnnc.executors.registry import BuildTarget
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input, core_result
from bnnc.sim import simulator

Lie = Callable[[Op, Array], Array]


@dataclass(frozen=True)
class StubExecutor:
    """The simulator; `lie` may change the value of any operation as it is computed."""

    graph: Graph
    name: str
    lie: Lie

    @property
    def how(self) -> str:
        return "stub" if self.name == "arm" else ""

    def run(self, codes: Array, progress: Callable[[int], None] | None = None) -> Array:
        values: dict[Op, Array] = {core_input(self.graph): codes}
        for op in simulator.core_ops(self.graph)[1:]:
            computed = simulator.evaluate(op, *(values[operand] for operand in op.operands))
            values[op] = self.lie(op, computed)
        return values[core_result(self.graph)]


def honest(op: Op, value: Array) -> Array:
    return value


def flip(layer: str, at: tuple[int, ...]) -> Lie:
    """Negates one element of the result of the first operation that has this name."""

    def lie(op: Op, value: Array) -> Array:
        if op.name != layer or op.mnemonic() in ("pack", "unpack"):
            return value
        changed = value.copy()
        changed[at] *= -1
        return changed

    return lie


def install(monkeypatch: pytest.MonkeyPatch, lie: Lie = honest) -> None:
    """Every target becomes the stub."""

    def build(graph: Graph, target: BuildTarget, folder: Path, x: Array | None = None) -> dict[str, Any]:
        check_buildable(graph, target)
        (folder / "program.txt").write_text(f"{graph.name} for {target.kind} {target.cpu}\n")
        (folder / "golden.txt").write_text(str(0 if x is None else x.shape[0]))
        return {"stub": True}

    def opened(name: str, graph: Graph, folder: Path, cache_root: Path) -> StubExecutor:
        assert (folder / "program.txt").read_text().startswith(graph.name)
        return StubExecutor(graph, name, lie)

    monkeypatch.setattr(cache, "source_digest", lambda: "stub")  # nothing of the stub is found by real builds
    for module in (compiling, workshop):
        monkeypatch.setattr(module, "build_executor", build)
    monkeypatch.setattr(workshop, "open_built", opened)
