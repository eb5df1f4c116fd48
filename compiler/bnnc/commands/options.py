"""Options that several commands share, and what standard error shows while they work."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bnnc.executors.network import Network
    from bnnc.executors.registry import Progress
    from bnnc.ir.graph import Graph

Command = TypeVar("Command", bound=Callable[..., Any])

DOMAIN_HELP = """The integers that the device receives, as TYPE[:KEY=VALUE,...]: `u8:scale=1/255`,
`u8:scale=2/255,offset=-1`, `u8:mean=123.68:116.78:103.94,std=58.4:57.1:57.4`."""


def common(command: Command) -> Command:
    """`--debug` and `-v`, which every command takes."""
    debug = click.option(
        "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks."
    )
    verbose = click.option(
        "-v", "--verbose", count=True, expose_value=False, callback=_set_verbose, help="Say more."
    )
    return debug(verbose(command))


COMPRESSIONS = ("none", "huffman")
CALIBRATE_HELP = """Samples by which layers of real numbers are quantized: x.npy, or x.npz with an array `x`.
Without them steps follow from the largest numbers that could be reached."""


def network(kind: str = "MODEL|DIR") -> Callable[[Command], Command]:
    """The MODEL or DIR argument with `--input-domain` and `--calibrate`."""

    def decorate(command: Command) -> Command:
        path = click.argument("path", type=click.Path(path_type=Path), metavar=kind)
        domain = click.option("--input-domain", "domain", metavar="SPEC", help=DOMAIN_HELP)
        data = click.option(
            "--calibrate", metavar="FILE", type=click.Path(path_type=Path), help=CALIBRATE_HELP
        )
        return path(domain(data(command)))

    return decorate


def open_network(path: Path, domain: str | None, calibrate: Path | None = None) -> Network:
    """The network behind a command's argument, with the user's cache beside it."""
    from bnnc.executors import cache, network

    return network.open_network(path, domain, cache.default_root(os.environ), calibrate)


@contextmanager
def progress(what: str, total: int) -> Iterator[Progress | None]:
    """A bar that is advanced by a number of samples; None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(what), total=total)
        with _messages(lambda text: bar.update(task, description=escape(f"{what}: {text}"))):
            yield lambda done: bar.update(task, advance=done, description=escape(what))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says what is going on for as long as it does, where standard error is a terminal.

    With the last thing that bnnc's loggers told of it.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with (
        Console(stderr=True).status(Text(what)) as status,
        _messages(lambda text: status.update(Text(f"{what}: {text}"))),
    ):
        yield


class _Shower(logging.Handler):
    """Gives messages to what shows them."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


@contextmanager
def _messages(show: Callable[[str], None]) -> Iterator[None]:
    """Shows what bnnc's loggers tell, also where nobody asked for it with -v."""
    logger, shower = logging.getLogger("bnnc"), _Shower(show)
    level = logger.level
    logger.addHandler(shower)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(shower)
        logger.setLevel(level)


def show_notes(graph: Graph) -> None:
    """The roundings by which a graph left the source's numbers, on standard error."""
    for note in graph.notes:
        click.echo(f"note: {note}", err=True)


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["bnnc.debug"] = True


def _set_verbose(ctx: click.Context, _: click.Parameter, value: int) -> None:
    if value:
        level = logging.INFO if value == 1 else logging.DEBUG
        logging.basicConfig(format="bnnc: %(message)s", stream=sys.stderr)
        logging.getLogger("bnnc").setLevel(level)
