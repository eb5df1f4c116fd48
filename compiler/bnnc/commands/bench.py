"""`bnnc bench`: where the instructions and the time of a network go."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnnc.commands.options import common, network, open_network, working

if TYPE_CHECKING:
    from bnnc.bench.profile import LayerFigures, Profile

DEFAULT_RUNS = 15
COLUMNS = (
    "layer",
    "MACs",
    "instructions",
    "per 128 MACs",
    "share",
    "cycles",
    "host time",
    "share",
    "operations",
)


@click.command("bench")
@network("DIR|MODEL")
@click.option("--target", "kind", metavar="NAME", help="arm or host; that of DIR or of --cpu, else arm.")
@click.option("--cpu", metavar="NAME", help="The processor; of a compiled DIR its own.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Threads of a run; of a compiled DIR its own, else 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the shares: .png or .svg."
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=DEFAULT_RUNS,
    show_default=True,
    help="Wall-clock times are medians of so many runs.",
)
@common
def command(
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    kind: str | None,
    cpu: str | None,
    threads: int | None,
    as_json: bool,
    plot: Path | None,
    runs: int,
) -> None:
    """Count and time one inference, layer by layer.

    Instructions are counted exactly in an emulated ARM core, cycles are estimated where llvm-mca is
    installed, wall-clock times are those of the same network on this machine. A model is compiled into a
    cache first.
    """
    from bnnc.bench.compiled import target_kind
    from bnnc.bench.profile import measure
    from bnnc.executors.output import check_not_input, new_file
    from bnnc.report.chart import check_chart

    if plot is not None:
        check_chart(plot)
        check_not_input(plot, path)
    opened = open_network(path, domain, calibrate)
    with working(f"measuring {path.name}"):
        profile = measure(opened, target_kind(opened, kind, cpu), cpu, runs, threads)
    if plot is not None:
        with new_file(plot) as staged:
            _draw(profile, staged, plot.suffix.lower())
    if as_json:
        click.echo(json.dumps(asdict(profile), indent=2))
    else:
        _print_table(profile)


def _print_table(profile: Profile) -> None:
    from bnnc.report.tables import print_table

    rows = [_row(layer) for layer in profile.layers]
    outside = profile.instructions_outside_layers
    if outside is not None:
        rows.append(
            (
                "copies of input and output",
                0,
                outside,
                "",
                _percent(outside / (profile.instructions or 1)),
                *[""] * 4,
            )
        )
    total = (profile.macs, _known(profile.instructions), _ratio(profile.instructions_per_128_macs), "")
    rows.append(("total", *total, _known(profile.cycles), _time(profile.host_seconds), "", ""))
    print_table(COLUMNS, rows, f"{profile.name}, {profile.target} ({profile.cpu})")
    sizes = f"{profile.arena_bytes:,} bytes of working memory, {profile.weight_bytes:,} bytes of constants"
    click.echo(sizes)
    if profile.cycle_model:
        click.echo(f"cycles of {profile.cycle_model}")
    if profile.host_cpu:
        click.echo(f"host time on {profile.host_cpu}")
    for note in profile.notes:
        click.echo(f"note: {note}")


def _row(layer: LayerFigures) -> tuple[object, ...]:
    counted = (_known(layer.instructions), _ratio(layer.instructions_per_128_macs), _percent(layer.share))
    timed = (_time(layer.host_seconds), _percent(layer.host_share))
    return (layer.name, layer.macs, *counted, _known(layer.cycles), *timed, ", ".join(layer.ops))


def _known(number: int | None) -> object:
    return "" if number is None else number


def _ratio(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{1e6 * seconds:,.1f} us"


def _draw(profile: Profile, path: Path, kind: str) -> None:
    from bnnc.report.chart import Bar, draw_bars

    bars = []
    if profile.instructions is not None:
        title = f"{profile.instructions:,} instructions"
        bars.append(Bar(title, [layer.instructions or 0 for layer in profile.layers]))
    if profile.cycles is not None:
        bars.append(Bar(f"{profile.cycles:,} cycles", [layer.cycles or 0 for layer in profile.layers]))
    if profile.host_seconds is not None:
        title = f"{_time(profile.host_seconds)} on this machine"
        bars.append(Bar(title, [layer.host_seconds or 0 for layer in profile.layers]))
    names = [layer.name for layer in profile.layers]
    draw_bars(bars, names, f"{profile.name}, {profile.target} ({profile.cpu})", path, kind)
