"""The command line. A command's module is imported when the command runs, so that `bnnc --help` is quick."""

from __future__ import annotations

import signal
import traceback
from importlib import import_module
from typing import NoReturn

import click

from bnnc import __version__
from bnnc.commands.options import common
from bnnc.errors import MACHINE_ERRORS, BnncError

COMMANDS = {
    "compile": "Compile a network for a target, and prove what was made.",
    "run": "Run a network on samples with one executor.",
    "verify": "Compare the executors of a network, bit by bit.",
    "inspect": "Show the layers of a network and how each was lowered.",
    "bench": "Count and time a network, layer by layer.",
    "fold": "Choose how a network is folded for an FPGA, and say why.",
    "plan": "Decide which layers of a network should keep real inputs.",
    "opt": "Print a network's intermediate representation at any stage.",
}


class LazyGroup(click.Group):
    """The commands of `COMMANDS`, each in a module of its own, and the one place where errors are printed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"bnnc.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BnncError as error:
            _report(ctx, *map(str, error.findings))
        except OSError as error:
            if error.errno not in MACHINE_ERRORS:
                raise
            _report(ctx, f"{error.filename or 'writing'}: {error.strerror}")


def _report(ctx: click.Context, *findings: str) -> NoReturn:
    if ctx.meta.get("bnnc.debug"):
        click.echo(traceback.format_exc(), err=True, nl=False)
    for finding in findings:
        click.echo(f"bnnc: error: {finding}", err=True)
    ctx.exit(1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bnnc")
@common
def cli() -> None:
    """Take a trained 1-bit or low-bit network from ONNX to an ARM program or an HLS project, bit for bit.

    MODEL is an .onnx, .onnx.gz, .pt2 (torch.export) or .bnnc file, DIR a folder that `bnnc compile` made.
    """


def _terminate(number: int, _: object) -> NoReturn:
    """Leave by an exception, so that nothing unfinished is left behind."""
    raise SystemExit(128 + number)


def main() -> None:
    """The entry point of the `bnnc` program."""
    signal.signal(signal.SIGTERM, _terminate)
    cli(prog_name="bnnc")
