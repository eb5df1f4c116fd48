"""The passes in their order, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.ir.graph import Graph, Level
from bnnc.passes.domain import InputDomain
from bnnc.passes.fold_pad import FoldPad
from bnnc.passes.pack import PackBits
from bnnc.passes.spans import Calibration
from bnnc.passes.sparsify import SparsifyDense
from bnnc.passes.streamline import Streamline

OnPass = Callable[[str, Graph], None]


class Pass(Protocol):
    """A graph to a graph; running it twice changes nothing more."""

    @property
    def name(self) -> str:
        """What `bnnc opt --passes` calls it."""

    def run(self, graph: Graph) -> Graph:
        """The lowered graph; `graph` itself where the pass does not apply."""


@dataclass(frozen=True)
class LowerOptions:
    """What a user decides about lowering."""

    domain: InputDomain | None = None
    calibration: Calibration = field(default_factory=dict)


# Name, level that the graph has afterwards, and how to make the pass. The reason for each place:
# fold-pad    first: a Pad between layers would hide a layer's input from everything behind
# streamline  needs padding in the layers, and leaves only integers
# sparsify    needs the integers of streamline; in front of pack, as sparse layers read plain maps
# pack        last: layouts are chosen by the layers that read a value
_PASSES: tuple[tuple[str, Level, Callable[[LowerOptions], Pass]], ...] = (
    ("fold-pad", Level.SOURCE, lambda options: FoldPad()),
    ("streamline", Level.INTEGER, lambda options: Streamline(options.domain, options.calibration)),
    ("sparsify", Level.INTEGER, lambda options: SparsifyDense()),
    ("pack", Level.PACKED, lambda options: PackBits()),
)
PASS_NAMES: tuple[str, ...] = tuple(name for name, _, _ in _PASSES)
_ORDER = {Level.SOURCE: 0, Level.INTEGER: 1, Level.PACKED: 2}


def lower(
    graph: Graph, options: LowerOptions, until: Level = Level.PACKED, on_pass: OnPass | None = None
) -> Graph:
    """The graph lowered from whatever level it has to `until`."""
    if options.domain is not None and graph.level != Level.SOURCE:
        raise BnncError.at(
            f"graph {graph.name!r}",
            "is lowered already, its input domain is fixed",
            "declare the domain when lowering the source model",
        )
    names = [name for name, level, _ in _PASSES if _ORDER[level] <= _ORDER[until]]
    return run_passes(graph, names, options, on_pass)


def check_names(names: Iterable[str]) -> None:
    """BnncError for each name that no pass has."""
    remedy = f"there are {', '.join(PASS_NAMES)}"
    raise_all([Finding("", f"unknown pass {name!r}", remedy) for name in names if name not in PASS_NAMES])


def run_passes(
    graph: Graph, names: Iterable[str], options: LowerOptions, on_pass: OnPass | None = None
) -> Graph:
    """The graph after exactly these passes, in the given order."""
    names = tuple(names)
    check_names(names)
    make = {name: factory for name, _, factory in _PASSES}
    for name in names:
        graph = make[name](options).run(graph)
        if on_pass is not None:
            on_pass(name, graph)
    return graph
