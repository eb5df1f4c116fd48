"""`bnnc plan`: which layers of a network should keep real inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnnc.commands.options import common, open_network, progress
from bnnc.errors import BnncError, errors_within

if TYPE_CHECKING:
    from bnnc.executors.network import Network
    from bnnc.ir.op import Array
    from bnnc.plan.decide import Options, Plan, PlannedLayer

COLUMNS = ("layer", "op", "error", "MACs", "score", "cluster", "decision", "why")
DECISIONS = {
    "real": "real weights, real input",
    "wbin": "one-bit weights, real input",
    "fbin": "one-bit weights, one-bit input",
}
SCORE = "error / mean(error) + gamma * median(macs) / macs, over the layers that are selected by score"
METRICS = ("squared", "normalized", "clipped")
POLICIES = ("real", "wbin", "score")

Command = Callable[..., Any]


def _selection_options(command: Command) -> Command:
    """The fields of `Options`, with their defaults."""
    policy = click.Choice(POLICIES)
    rows: tuple[tuple[str, click.ParamType[Any], object, str], ...] = (
        ("--metric", click.Choice(METRICS), "squared", "The error of a one-bit input."),
        ("--gamma", click.FloatRange(min=0), 0.1, "Weight of the cost in the score."),
        ("--clusters", click.IntRange(min=1), 4, "How many clusters the scores make."),
        ("--max-real", click.FloatRange(0, 1), 0.4, "Largest share of the scored layers with real inputs."),
        ("--first", policy, "real", "What the first layer becomes; `score`: what its score says."),
        ("--last", policy, "real", "The same for the last layer."),
        ("--shortcut", policy, "wbin", "The same for 1x1 convolutions on shortcuts."),
    )
    command = click.option("--snap", is_flag=True, help="Decide on residual blocks as a whole.")(command)
    for name, kind, default, text in reversed(rows):
        command = click.option(name, type=kind, default=default, show_default=True, help=text)(command)
    return command


@click.command("plan")
@click.argument("path", type=click.Path(path_type=Path), metavar="MODEL")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Calibration samples: x.npy, or x.npz with an array `x`.",
)
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N samples.")
@_selection_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan as JSON."
)
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw scores and trade-off as PNG."
)
@common
def command(
    path: Path, data: Path, samples: int | None, output: Path | None, plot: Path | None, **selection: Any
) -> None:
    """Decide which layers of a network should keep real inputs, and which can have one-bit ones.

    The selection of Hybrid Binary Networks: the error of a one-bit input and the work of a layer make a
    score, the scores are clustered, and the highest clusters keep real inputs. MODEL may be a float or a
    binary network.
    """
    from bnnc.executors.output import new_file
    from bnnc.plan.decide import Options
    from bnnc.plan.plot import draw, require_matplotlib

    if plot is not None:
        require_matplotlib()
    _check_outputs(output, plot, path, data)
    opened = open_network(path, None)
    if not opened.archive.onnx:
        raise BnncError.at(str(path), "the source model is not in this archive", "give the .onnx file")
    x = _samples(opened, data, samples)
    with ExitStack() as outputs:
        json_file = outputs.enter_context(new_file(output)) if output else None
        png_file = outputs.enter_context(new_file(plot)) if plot else None
        plan = _plan(opened, x, Options(**selection))
        if json_file is not None:
            text = json.dumps(_description(opened, x, plan), indent=2)
            json_file.write_text(text + "\n", encoding="utf-8")
        if png_file is not None:
            draw(plan, opened.archive.graph.name, png_file)
    _print_table(opened.archive.graph.name, plan)


def _check_outputs(output: Path | None, plot: Path | None, *sources: Path) -> None:
    """An output must not replace what is read, nor the other one."""
    for name, file, others in (("--output", output, sources), ("--plot", plot, (*sources, output))):
        if file is not None and any(
            other is not None and file.resolve() == other.resolve() for other in others
        ):
            raise BnncError.at(f"{name} {file}", "another file of this command", "give another name")


def _samples(opened: Network, data: Path, count: int | None) -> Array:
    from bnnc.executors.samples import read_samples

    x = read_samples(data, opened.archive.graph.input)[:count]
    if not len(x):
        raise BnncError.at(str(data), "there are no samples in it")
    return x


def _plan(opened: Network, x: Array, options: Options) -> Plan:
    from bnnc.executors.source import SourceExecutor
    from bnnc.plan.decide import make_plan
    from bnnc.plan.layers import find_layers
    from bnnc.plan.measure import measure
    from bnnc.plan.metric import METRICS

    with errors_within(opened.path), progress("measure", len(x)) as advance:
        source = SourceExecutor(opened.archive.onnx)
        layers = find_layers(source.read.graph, source.read.tensors)
        errors = measure(layers, x, source.values, METRICS[options.metric], advance)
        return make_plan(layers, errors, options)


def _description(opened: Network, x: Array, plan: Plan) -> dict[str, Any]:
    """The plan as JSON, with what it was made from."""
    from bnnc.plan.metric import METRICS

    described = asdict(plan)
    options = described.pop("options")
    layers = [layer | {"flops": 2 * layer["macs"]} for layer in described.pop("layers")]
    digest = hashlib.sha256(x.tobytes()).hexdigest()
    return {
        "model": {"name": opened.archive.graph.name, "digest": opened.digest},
        "data": {"samples": len(x), "digest": digest},
        "options": options,
        "error": METRICS[options["metric"]].formula,
        "score": SCORE,
        "decisions": DECISIONS,
        "layers": layers,
        **described,
    }


def _print_table(name: str, plan: Plan) -> None:
    from bnnc.report.tables import print_table

    print_table(COLUMNS, [_row(layer) for layer in plan.layers], name)
    for decision, meaning in DECISIONS.items():
        chosen = [layer for layer in plan.layers if layer.decision == decision]
        macs = sum(layer.macs for layer in chosen)
        click.echo(f"{decision}: {meaning}; layers: {len(chosen)}, MACs: {macs:,}")


def _row(layer: PlannedLayer) -> tuple[object, ...]:
    score = "" if layer.score is None else f"{layer.score:.4f}"
    cluster = "" if layer.cluster is None else layer.cluster
    return (
        *(layer.name, layer.kind, f"{layer.error:.4f}", layer.macs),
        *(score, cluster, layer.decision, layer.why),
    )
