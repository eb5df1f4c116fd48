"""`bnnc run`: a network on samples, with one executor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnnc.commands.options import common, network, open_network, progress, show_notes
from bnnc.errors import BnncError, errors_within

if TYPE_CHECKING:
    from bnnc.executors.registry import Progress
    from bnnc.executors.workshop import Workshop
    from bnnc.ir.op import Array


@click.command("run")
@network()
@click.option("--on", "name", required=True, metavar="NAME", help="source, sim, host, arm or hls.")
@click.option(
    "--input", "source", required=True, type=click.Path(path_type=Path), help="Samples, batch first."
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where the results go, .npy.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Run the first N samples.")
@click.option("--raw", is_flag=True, help="Write the integers of the device instead of real numbers.")
@common
def command(
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    name: str,
    source: Path,
    output: Path,
    limit: int | None,
    raw: bool,
) -> None:
    """Run samples x.npy, as the source network takes them, and write what it would answer.

    A folder runs as it was compiled; what a model needs is compiled into a cache.
    """
    import numpy as np

    from bnnc.executors.output import check_not_input, new_file
    from bnnc.executors.registry import check_executors
    from bnnc.executors.samples import read_samples
    from bnnc.executors.workshop import open_workshop
    from bnnc.sim import edge

    check_executors([name])
    if raw and name == "source":
        raise BnncError.at("--raw", "the source computes real numbers", "leave it out, or run on sim")
    check_not_input(output, source)
    opened = open_network(path, domain, calibrate)
    x = read_samples(source, opened.archive.graph.input)[:limit]
    with new_file(output) as staged, open_workshop(opened) as workshop, progress(name, len(x)) as advance:
        if name == "source":
            y = workshop.source().run(x, advance)
        else:
            graph = opened.graph
            show_notes(graph)
            with errors_within(source):
                codes = edge.encode(graph, x)
            y = _run(workshop, name, codes, raw, advance)
        with staged.open("wb") as file:
            np.save(file, y, allow_pickle=False)


def _run(workshop: Workshop, name: str, codes: Array, raw: bool, advance: Progress | None) -> Array:
    """The answers of an executor to codes, as real numbers or as integers."""
    from bnnc.sim import edge

    graph = workshop.network.graph
    executor = workshop.open(name, graph)
    answers = executor.run(codes, advance) if len(codes) else workshop.no_answers()
    return edge.decode_integers(graph, answers) if raw else edge.decode(graph, answers)
