"""Compares the executors of a network with the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bnnc.executors.compare import compare_source
from bnnc.executors.locate import Mismatch, Open, first_difference, locate
from bnnc.executors.registry import Progress
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_result
from bnnc.sim.edge import encode

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor


@dataclass(frozen=True)
class Verdict:
    """How an executor compares with the simulator. `ok` allows what `comparison` says, `equal` nothing.

    `how` is by what means the executor ran; `numbers` are the measures in `comparison`, by name.
    """

    executor: str
    samples: int
    ok: bool
    equal: bool
    comparison: str
    mismatch: Mismatch | None = None
    how: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The executor and its means: `arm (unicorn)`."""
        return f"{self.executor} ({self.how})" if self.how else self.executor


def verify(
    graph: Graph,
    names: Iterable[str],
    x: Array,
    open_executor: Open,
    open_source: Callable[[], SourceExecutor],
    progress: Progress | None = None,
) -> tuple[Verdict, ...]:
    """Run float32 x (N, *input) on every executor. `open_executor` is asked for parts of `graph` as well."""
    codes = encode(graph, x)
    raw = open_executor("sim", graph).run(codes)
    verdicts = []
    for name in names:
        if name == "source":
            verdicts.append(_verify_source(graph, x, codes, raw, open_source()))
        elif name == "sim":
            verdicts.append(Verdict(name, len(x), True, True, "the reference"))
        else:
            verdicts.append(_verify_lowered(graph, name, codes, raw, open_executor, progress))
    return tuple(verdicts)


def _verify_lowered(
    graph: Graph, name: str, codes: Array, raw: Array, open_executor: Open, progress: Progress | None
) -> Verdict:
    executor = open_executor(name, graph)
    actual = executor.run(codes, progress)
    found = first_difference(core_result(graph), raw, actual, name)
    if found is None:
        return Verdict(name, len(codes), True, True, "every integer is equal", how=executor.how)
    located = locate(graph, name, codes, found, open_executor)
    differing = f"{int((raw != actual).sum())} integers differ"
    return Verdict(name, len(codes), False, False, differing, located, executor.how)


def _verify_source(graph: Graph, x: Array, codes: Array, raw: Array, source: SourceExecutor) -> Verdict:
    found = compare_source(graph, x, codes, raw, source)
    return Verdict("source", len(x), found.ok, found.equal, found.text, found.mismatch, numbers=found.numbers)
