"""`bnnc compile`: from a model to the artefacts of a target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnnc.commands.hls_options import control_option, hls_options, taken_options
from bnnc.commands.options import COMPRESSIONS, common, network, open_network, progress, working
from bnnc.commands.tune_options import parted, tune_options, tuned_target

if TYPE_CHECKING:
    from bnnc.executors.manifest import Manifest
    from bnnc.executors.verify import Verdict

DEFAULT_SAMPLES = 4


@click.command("compile")
@network("MODEL")
@click.option("--target", "kind", required=True, metavar="NAME", help="arm, host or hls.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new folder."
)
@click.option("--cpu", metavar="NAME", help="The processor; for arm cortex-a72 unless told.")
@click.option(
    "--compress",
    type=click.Choice(COMPRESSIONS),
    default="none",
    help="How weights are stored: none, as they are read, or huffman, decoded before the first run. For hls "
    "weights in block RAM: matrices before the first sample, sparse layers as they are read.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    metavar="N",
    help="How many threads share the work of a run, for arm and host; 1 unless told.",
)
@click.option(
    "--synth",
    type=click.Choice(("bambu", "vitis")),
    help="Synthesize and co-simulate what was made for hls with this tool, which has to be on PATH.",
)
@click.option("--no-verify", is_flag=True, help="Do not run what was made.")
@click.option("--force", is_flag=True, help="Replace what an earlier compile made in DIR.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many samples to verify with; 4, or all of --data.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Samples to verify with: x.npy, or x.npz with an array `x`.",
)
@hls_options("hls")
@control_option
@tune_options
@common
def command(
    path: Path,
    domain: str | None,
    calibrate: Path | None,
    kind: str,
    output: Path,
    cpu: str | None,
    compress: str,
    threads: int,
    synth: str | None,
    no_verify: bool,
    force: bool,
    samples: int | None,
    data: Path | None,
    **others: Any,
) -> None:
    """Compile a network for a target, and prove what was made.

    What was made runs on a few samples and has to answer the integers of the simulator and the numbers of
    the source. If it does not, the first layer, element and both values are named and nothing is left behind.

    For hls the folding is balanced unless --folding, --fps or --max-fps says otherwise.
    """
    from bnnc.executors.compile import compile_network, verify_compiled
    from bnnc.executors.output import new_folder
    from bnnc.executors.registry import build_target
    from bnnc.executors.samples import choose_samples
    from bnnc.executors.synthesis import check_synthesis, synthesize_compiled

    if synth:
        check_synthesis(kind, synth)
    tuning, hls = parted(others)
    target = build_target(kind, cpu, compress, threads, taken_options(**hls))
    opened = open_network(path, domain, calibrate)
    with new_folder(output, force) as folder:
        target = tuned_target(opened, target, **tuning)
        with working(f"reading {path.name}"):
            x = choose_samples(opened, data, samples, DEFAULT_SAMPLES, calibrate)
        with working(f"compiling {path.name} for {kind}"):
            manifest = compile_network(opened, target, x, folder)
        verdicts: tuple[Verdict, ...] = ()
        if not no_verify:
            with progress("verify", len(x)) as advance:
                verdicts = verify_compiled(opened, kind, x, folder, advance)
        synthesis = None
        if synth:
            with working(f"synthesizing {path.name} with {synth}"):
                synthesis = synthesize_compiled(folder, synth)
        n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    _summarize(manifest, verdicts, output, n_bytes)
    if synthesis:
        click.echo(f"  {synthesis}")


def _summarize(manifest: Manifest, verdicts: tuple[Verdict, ...], output: Path, n_bytes: int) -> None:
    from bnnc.report.expected import expected

    cpu = f" ({manifest.cpu})" if manifest.cpu else ""
    size = f"{len(manifest.files)} files, {n_bytes:,} bytes"
    click.echo(f"{output}: {manifest.name} for {manifest.target}{cpu}, {size}")
    click.echo(f"  input  {manifest.input}")
    click.echo(f"  output {manifest.output}")
    width = max((len(verdict.title) for verdict in verdicts), default=0)
    for verdict in verdicts:
        click.echo(f"  {verdict.title:<{width}} {verdict.samples} samples: {verdict.comparison}")
    if line := expected(manifest.details):
        click.echo(f"  {line}")
    if stored := manifest.details.get("layers"):
        click.echo(f"  {_stored(stored)}")
    about = [manifest.details["note"]] if "note" in manifest.details else []
    for note in (*about, *manifest.notes):
        click.echo(f"note: {note}")


def _stored(layers: Sequence[dict[str, Any]]) -> str:
    before, after = (sum(layer[key] for layer in layers) for key in ("n_bytes", "stored_bytes"))
    share = f"{100 * after / before:.1f} %"
    return f"constants: {after:,} bytes stored for {before:,} ({share}); `bnnc inspect` lists the layers"
