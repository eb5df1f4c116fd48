"""`bnnc opt`: the intermediate representation as text, at any stage."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnnc.commands.options import common, network, open_network
from bnnc.errors import BnncError, errors_within

if TYPE_CHECKING:
    from bnnc.executors.network import Network
    from bnnc.ir.graph import Graph


@click.command("opt")
@network("MODEL")
@click.option("--passes", metavar="LIST", help="Run exactly these, separated by commas; none if empty.")
@click.option(
    "--print-after", metavar="NAME|all", help="Print the graph after this pass instead of at the end."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A .bnnc archive, or a text file.")
@common
def command(
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    passes: str | None,
    print_after: str | None,
    output: Path | None,
) -> None:
    """Run passes over a network and print what becomes of it.

    Without --passes the graph is lowered all the way. A model file is at the source level.
    """
    opened = open_network(path, domain, calibrate)
    names = None if passes is None else tuple(filter(None, (name.strip() for name in passes.split(","))))
    _check_names(names, print_after)
    with _new_output(opened, output) as staged:
        with errors_within(path):
            graph = _run(opened, names, _printer(print_after))
        if staged is not None:
            _write(opened, graph, staged)
        elif print_after is None:
            _print(graph)


def _run(opened: Network, names: tuple[str, ...] | None, on_pass: Callable[[str, Graph], None]) -> Graph:
    from bnnc.passes.pipeline import lower, run_passes

    if names is None:
        return lower(opened.archive.graph, opened.options, on_pass=on_pass)
    return run_passes(opened.archive.graph, names, opened.options, on_pass)


def _check_names(names: tuple[str, ...] | None, print_after: str | None) -> None:
    from bnnc.passes.pipeline import check_names

    wanted = () if print_after in (None, "all") else (print_after,)
    check_names((*(names or ()), *wanted))
    if names is not None and not set(wanted).issubset(names):
        raise BnncError.at("--print-after", f"pass {print_after!r} does not run", "name it in --passes")


def _printer(wanted: str | None) -> Callable[[str, Graph], None]:
    def on_pass(name: str, graph: Graph) -> None:
        if wanted in (name, "all"):
            click.echo(f"// after {name}")
            _print(graph)

    return on_pass


def _print(graph: Graph) -> None:
    from bnnc.ir.text import print_graph

    click.echo(print_graph(graph), nl=False)


def _new_output(opened: Network, output: Path | None) -> AbstractContextManager[Path | None]:
    """Where to write, if anywhere: what is wrong with it is an error before the passes run."""
    from bnnc.executors.output import new_file

    if output is None:
        return nullcontext()
    if os.path.exists(output) and output.resolve() == opened.path.resolve():
        raise BnncError.at(str(output), "the output is the model itself", "give another -o")
    return new_file(output)


def _write(opened: Network, graph: Graph, output: Path) -> None:
    from bnnc.ir.archive import Archive, save_archive
    from bnnc.ir.text import print_graph

    if output.suffix == ".bnnc":
        save_archive(Archive(graph, opened.archive.onnx), output)
    else:
        output.write_text(print_graph(graph), encoding="utf-8")
