"""Options of `compile` that choose kernels by measuring them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnnc.commands.options import working
from bnnc.errors import BnncError

if TYPE_CHECKING:
    from bnnc.executors.network import Network
    from bnnc.executors.registry import BuildTarget
    from bnnc.tune.log import Entry, TuningLog

Command = Callable[..., Any]
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--tune",
        {"is_flag": True, "help": "Measure several kernels for each layer and take the best (arm, host)."},
    ),
    (
        "--tune-with",
        {
            "metavar": "WAY",
            "help": "By what: emulated (arm unless told), host, or rpc:HOST:PORT[:KEY], a board at TVM's RPC "
            "server, with KEY at its tracker.",
        },
    ),
    (
        "--tune-candidates",
        {
            "type": click.IntRange(min=2),
            "metavar": "N",
            "help": "Kernels measured for a layer; 8 unless told.",
        },
    ),
    (
        "--tuning-log",
        {
            "type": click.Path(path_type=Path),
            "metavar": "FILE",
            "help": "What was measured before, which is used; --tune adds to it.",
        },
    ),
)


def tune_options(command: Command) -> Command:
    """`--tune`, `--tune-with`, `--tune-candidates` and `--tuning-log`."""
    for name, arguments in reversed(ROWS):
        command = click.option(name, **arguments)(command)
    return command


def parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of this module, and the others."""
    names = [name.removeprefix("--").replace("-", "_") for name, _ in ROWS]
    return {name: options[name] for name in names}, {n: v for n, v in options.items() if n not in names}


def tuned_target(
    network: Network,
    target: BuildTarget,
    tune: bool,
    tune_with: str | None,
    tune_candidates: int | None,
    tuning_log: Path | None,
) -> BuildTarget:
    """The target with the choices that were asked for: measured, or out of a log."""
    if not tune and (tune_with or tune_candidates):
        raise BnncError.at(
            "--tune-with" if tune_with else "--tune-candidates", "nothing is measured", "give --tune"
        )
    if not tune and tuning_log is None:
        return target
    if target.processor is None:
        raise BnncError.at(
            "target hls", "it has no kernels to choose from", "leave --tune and --tuning-log out"
        )
    from bnnc.tune.log import TuningLog, read_log
    from bnnc.tune.tuner import choose

    known = read_log(tuning_log) if tuning_log and (tuning_log.exists() or not tune) else TuningLog()
    if tune:
        with _written(tuning_log) as staged:
            known = known.with_entries(_measured(network, target, tune_with, tune_candidates, known))
            staged.write_text(str(known), encoding="utf-8")
    chosen = choose(network.graph, target, known)
    for note in chosen.notes:
        click.echo(f"note: {note}", err=True)
    return replace(target, choices=chosen.choices)


def _measured(
    network: Network, target: BuildTarget, way: str | None, most: int | None, known: TuningLog
) -> list[Entry]:
    from bnnc.tune.tuner import MOST, tune
    from bnnc.tune.ways import meter_of

    with meter_of(target, way) as meter, working(f"tuning {network.path.name} for {target.cpu}"):
        entries = tune(network, target, meter, known, most or MOST)
    better = [entry for entry in entries if entry.measure < entry.model]
    what = (
        f"tuned {len(entries)} kinds of layers for {target.cpu}, {len(better)} of them better than estimated"
    )
    click.echo(f"{what}: {_sums(entries)}" if entries else what)
    return entries


def _sums(entries: list[Entry]) -> str:
    before, after = sum(entry.model for entry in entries), sum(entry.measure for entry in entries)
    if entries[0].unit == "seconds":
        return f"{1e6 * before:,.1f} us -> {1e6 * after:,.1f} us"
    return f"{before:,.0f} instructions -> {after:,.0f}"


@contextmanager
def _written(log: Path | None) -> Iterator[Path]:
    """A path that becomes the log, which is known to be possible before anything is measured."""
    from bnnc.executors.output import new_file

    if log is None:
        with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
            yield Path(folder) / "log.jsonl"
    else:
        with new_file(log) as staged:
            yield staged
