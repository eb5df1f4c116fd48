"""`bnnc verify`: the executors of a network against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnnc.commands.options import common, network, open_network, progress

if TYPE_CHECKING:
    from bnnc.executors.verify import Verdict

DEFAULT_SAMPLES = 8


@click.command("verify")
@network()
@click.option(
    "--on", "names", metavar="LIST", help="Executors, separated by commas; all that can run here if left out."
)
@click.option("--data", type=click.Path(path_type=Path), help="Samples: x.npy, or x.npz with an array `x`.")
@click.option(
    "--samples", type=click.IntRange(min=1), metavar="N", help="How many samples; 8, or all of --data."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@common
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    names: str | None,
    data: Path | None,
    samples: int | None,
    as_json: bool,
) -> None:
    """Compare the executors of a network with the simulator, bit by bit.

    Without --data the samples are generated; those of the declared input domain, where there is one.
    Exit status 1 when anything disagrees; the first layer, element and both values are named.
    """
    from bnnc.executors.available import default_executors
    from bnnc.executors.registry import check_executors
    from bnnc.executors.samples import choose_samples
    from bnnc.executors.verify import verify
    from bnnc.executors.workshop import open_workshop

    chosen = check_executors(names.split(",")) if names is not None else None
    opened = open_network(path, domain, calibrate)
    x = choose_samples(opened, data, samples, DEFAULT_SAMPLES, calibrate)
    notes = list(map(str, opened.graph.notes))
    if chosen is None:
        chosen, left_out = default_executors(opened)
        notes += left_out
    total = len(x) * sum(name not in ("source", "sim") for name in chosen)
    with open_workshop(opened) as workshop, progress("verify", total) as advance:
        verdicts = verify(opened.graph, chosen, x, workshop.open, workshop.source, advance)
    (_print_json if as_json else _print_text)(verdicts, notes)
    ctx.exit(0 if all(verdict.ok for verdict in verdicts) else 1)


def _print_json(verdicts: Sequence[Verdict], notes: Sequence[str]) -> None:
    import json
    from dataclasses import asdict

    executors = {}
    for verdict in verdicts:
        fields = asdict(verdict)
        executors[verdict.executor] = fields | fields.pop("numbers")
    ok = all(verdict.ok for verdict in verdicts)
    click.echo(json.dumps({"ok": ok, "executors": executors, "notes": list(notes)}, indent=2))


def _print_text(verdicts: Sequence[Verdict], notes: Sequence[str]) -> None:
    for verdict in verdicts:
        state = "ok  " if verdict.ok else "FAIL"
        click.echo(f"{state} {verdict.title}: {verdict.samples} samples, {verdict.comparison}")
    for note in notes:
        click.echo(f"note: {note}")
    for verdict in verdicts:
        if verdict.mismatch:
            click.echo(f"bnnc: error: {verdict.mismatch}", err=True)
