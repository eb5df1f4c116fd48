"""`bnnc fold`: how a network is folded for an FPGA."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnnc.commands.hls_options import hls_options, taken_options
from bnnc.commands.options import COMPRESSIONS, common, network, open_network, working
from bnnc.errors import errors_within
from bnnc.rates import rate_text

if TYPE_CHECKING:
    from bnnc.hls.model.resources import Resources
    from bnnc.hls.options import HlsOptions
    from bnnc.hls.solve.explain import Explained, Row
    from bnnc.hls.solve.fold import Folded
    from bnnc.hls.solve.pareto import Point
    from bnnc.ir.graph import Graph

FIRST_COLUMNS = ("layer", "folding", "cycles")
FRONT_COLUMNS = ("samples/s", "cycles", "LUT", "BRAM36", "LUT share", "BRAM share", "to take")


@click.command("fold")
@network()
@hls_options()
@click.option("--pareto", is_flag=True, help="Also show what other rates would take.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw what other rates would take, as .png or .svg.",
)
@click.option(
    "--compress",
    type=click.Choice(COMPRESSIONS),
    default="none",
    help="How weights in block RAM are stored, as `bnnc compile` has it: decoders take their part.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of tables.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the folding to FILE, which --folding takes.",
)
@common
def command(
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    pareto: bool,
    plot: Path | None,
    compress: str,
    as_json: bool,
    output: Path | None,
    **hls: Any,
) -> None:
    """Choose how much of each layer of a network an FPGA computes at once, and say why.

    Without --fps or --folding the fastest that fits into the part.

    A matrix is folded by PE, processing elements (outputs at once), and SIMD, inputs of each at once; other
    layers by lanes, elements in a word. A sample takes as many cycles as the slowest layer. Figures are those
    of bnnc's models of cycles and resources.
    """
    from bnnc.executors.output import check_not_input, new_file
    from bnnc.report.chart import check_chart

    if plot is not None:
        check_chart(plot)
    for file in filter(None, (plot, output)):
        check_not_input(file, path)
    options = replace(_options(hls), compress=compress)
    opened = open_network(path, domain, calibrate)
    with ExitStack() as outputs:
        picture = outputs.enter_context(new_file(plot)) if plot else None
        folding = outputs.enter_context(new_file(output)) if output else None
        with working(f"folding {path.name}"):
            graph = opened.graph
            with errors_within(path):
                found = _fold(graph, options, pareto or plot is not None)
        if folding is not None:
            folding.write_text(found.folding_file, encoding="utf-8")
        if plot is not None and picture is not None:
            _draw(found, graph.name, picture, plot.suffix.lower())
    if as_json:
        click.echo(json.dumps(_description(found, graph.name), indent=2))
    else:
        _print(found, graph.name)


@dataclass(frozen=True)
class Found:
    """A folding, told for a part, and the front of all foldings where it is wanted."""

    options: HlsOptions
    folded: Folded
    explained: Explained
    front: Sequence[Point]

    @cached_property
    def cycles(self) -> int:
        """Of a sample."""
        from bnnc.hls.solve.fold import cycles_of

        return cycles_of(self.folded, self.options)

    @property
    def folding_file(self) -> str:
        from bnnc.hls.options import folding_text

        return folding_text(self.folded.accelerator.settings.entries, self.options.folding.fifos)

    def share(self, resources: Resources, kind: str) -> float:
        """Of what the part has; 0 where it has none."""
        whole = self.explained.goal.part.resources.counts[kind]
        return resources.counts[kind] / whole if whole else 0.0


def _options(hls: dict[str, Any]) -> HlsOptions:
    """As fast as it can be where neither a rate nor a folding is given."""
    is_open = hls["fps"] is None and hls["folding"] is None
    options = taken_options(**{**hls, "max_fps": hls["max_fps"] or is_open})
    assert options is not None
    return options


def _fold(graph: Graph, options: HlsOptions, wants_front: bool) -> Found:
    from bnnc.hls.names import Names
    from bnnc.hls.solve.fold import choices_of, explained, fold, goal_of
    from bnnc.hls.solve.pareto import front
    from bnnc.hls.solve.solver import Solver

    folded = fold(graph, Names(), options)
    points: Sequence[Point] = ()
    if wants_front:
        goal = replace(goal_of(options), fps=None)
        points = front(Solver(choices_of(folded.plan, options), goal))
    return Found(options, folded, explained(folded, options), points)


def _print(found: Found, name: str) -> None:
    from bnnc.hls.coded import codes_note
    from bnnc.hls.model.resources import TITLES
    from bnnc.report.tables import print_table

    rows = _rows(found)
    kinds = [kind for kind in TITLES if any(row.resources.counts[kind] for row in rows)]
    columns = (*FIRST_COLUMNS, *(TITLES[kind][0] for kind in kinds), "why")
    print_table(columns, [_row(row, kinds) for row in rows], name)
    goal, acc = found.explained.goal, found.folded.accelerator
    rate = f"{rate_text(goal.rate(found.cycles))} samples a second at {goal.clock_mhz:g} MHz"
    click.echo(f"{found.cycles:,} cycles a sample: {rate}")
    click.echo(f"{goal.part.name}: {_taken(found)}")
    if over := replace(goal, budget={}).exceeded(acc.resources):
        click.echo(f"note: more than the part has: {over}")
    if told := codes_note(found.folded.stored):
        click.echo(f"note: {told}")
    if found.front:
        front = [_front_row(found, point) for point in found.front]
        click.echo()
        print_table(FRONT_COLUMNS, front, "what other rates take, with FIFOs as shallow as can be")


def _rows(found: Found) -> list[Row]:
    """Layers and converters, then the sum of all."""
    from bnnc.hls.solve.explain import Row

    acc = found.folded.accelerator
    whole = Row("", "all, with FIFOs and DMA", found.cycles, acc.resources, "")
    return [*found.explained.rows(), whole]


def _row(row: Row, kinds: Sequence[str]) -> tuple[object, ...]:
    return (row.name, row.folding, row.cycles, *(row.resources.counts[kind] for kind in kinds), row.why)


def _taken(found: Found) -> str:
    from bnnc.hls.model.resources import count_text, told

    taken = found.folded.accelerator.resources
    has = found.explained.goal.part.resources.counts
    return ", ".join(
        f"{count_text(n)} of {told(kind, has[kind])} ({found.share(taken, kind):.0%})"
        for kind, n in taken.counts.items()
        if has[kind]
    )


def _front_row(found: Found, point: Point) -> tuple[object, ...]:
    taken = point.resources
    shares = (f"{found.share(taken, kind):.0%}" for kind in ("lut", "bram36"))
    return (rate_text(point.fps), point.solution.cycles, taken.lut, taken.bram36, *shares, point.focus)


def _draw(found: Found, name: str, path: Path, kind: str) -> None:
    from bnnc.report.front import Line, draw_front

    goal = found.explained.goal
    title = f"{name} on {goal.part.name} at {goal.clock_mhz:g} MHz"
    lines = [
        Line(f"{what}, to take {focus}", *_line(found, focus, resource))
        for what, resource in (("LUTs", "lut"), ("block RAMs", "bram36"))
        for focus in dict.fromkeys(point.focus for point in found.front)
    ]
    draw_front(lines, title, path, kind)


def _line(found: Found, focus: str, kind: str) -> tuple[list[float], list[float]]:
    """Rates and shares."""
    points = [point for point in found.front if point.focus == focus]
    return [point.fps for point in points], [found.share(point.resources, kind) for point in points]


def _description(found: Found, name: str) -> dict[str, Any]:
    goal, acc = found.explained.goal, found.folded.accelerator
    return {
        "name": name,
        "part": goal.part.number,
        "clock_mhz": goal.clock_mhz,
        "budget": dict(found.options.budget),
        "ii_cycles": found.cycles,
        "fps": goal.rate(found.cycles),
        "resources": acc.resources.counts,
        "layers": [
            {**asdict(row), "resources": row.resources.counts} for row in found.explained.rows() if row.name
        ],
        "folding": json.loads(found.folding_file),
        "pareto": [
            {
                "fps": p.fps,
                "to_take": p.focus,
                "ii_cycles": p.solution.cycles,
                "resources": p.resources.counts,
            }
            for p in found.front
        ],
    }
