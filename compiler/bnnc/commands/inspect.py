"""`bnnc inspect`: the layers of a network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnnc.commands.options import common, network, open_network

if TYPE_CHECKING:
    from bnnc.executors.network import Network
    from bnnc.report.layers import Layer

COLUMNS = ("name", "op", "bits", "shape", "MACs", "weight bytes", "table bytes", "lowered")
STORED_COLUMNS = ("name", "bytes", "stored", "share", "arrays: stored as, bytes stored/bytes")


@click.command("inspect")
@network()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@common
def command(path: Path, domain: str | None, calibrate: Path | None, as_json: bool) -> None:
    """Show the layers of a network and how each was lowered.

    Bits are those of input x weight > output. MACs and bytes are for one sample.
    """
    from bnnc.report.layers import layers

    opened = open_network(path, domain, calibrate)
    found = layers(opened.graph)
    if as_json:
        _print_json(opened, found)
    else:
        _print_table(opened, found)


def _print_json(opened: Network, found: tuple[Layer, ...]) -> None:
    import json

    click.echo(json.dumps(_description(opened, found), indent=2))


def _description(opened: Network, found: tuple[Layer, ...]) -> dict[str, Any]:
    from bnnc.executors.manifest import signatures

    source, result = signatures(opened.graph)
    return {
        "name": opened.graph.name,
        "target": opened.manifest.target if opened.manifest else None,
        "input_domain": opened.domain or None,
        "input": asdict(source),
        "output": asdict(result),
        "layers": [asdict(layer) for layer in found],
        "totals": _totals(found),
        "notes": [str(note) for note in opened.graph.notes],
        **({"stored": _stored(opened)} if _stored(opened) else {}),
    }


def _stored(opened: Network) -> list[dict[str, Any]]:
    """How the constants of a compressed program are stored, layer by layer."""
    found: list[dict[str, Any]] = opened.manifest.details.get("layers", []) if opened.manifest else []
    return found


def _totals(found: tuple[Layer, ...]) -> dict[str, int]:
    return {
        key: sum(getattr(layer, key) for layer in found) for key in ("macs", "weight_bytes", "table_bytes")
    }


def _print_table(opened: Network, found: tuple[Layer, ...]) -> None:
    from bnnc.executors.manifest import signatures
    from bnnc.report.expected import expected
    from bnnc.report.tables import print_table

    rows: list[tuple[object, ...]] = [_row(layer) for layer in found]
    total = _totals(found)
    rows.append(("total", "", "", "", total["macs"], total["weight_bytes"], total["table_bytes"], ""))
    print_table(COLUMNS, rows, opened.graph.name)
    if _stored(opened):
        print_table(STORED_COLUMNS, [_stored_row(layer) for layer in _stored(opened)], "stored constants")
    for end, signature in zip(("input", "output"), signatures(opened.graph), strict=True):
        click.echo(f"{end}: {signature}")
    if opened.manifest and (line := expected(opened.manifest.details)):
        click.echo(line)
    for note in opened.graph.notes:
        click.echo(f"note: {note}")


def _row(layer: Layer) -> tuple[object, ...]:
    bits = layer.bits
    shown = (
        f"{bits.input} x {bits.weight} > {bits.output}" if bits.weight else f"{bits.input} > {bits.output}"
    )
    shape = "x".join(map(str, layer.shape))
    sizes = (layer.macs, layer.weight_bytes, layer.table_bytes)
    return (layer.name, layer.op, shown, shape, *sizes, layer.lowered)


def _stored_row(layer: dict[str, Any]) -> tuple[object, ...]:
    share = f"{100 * layer['stored_bytes'] / layer['n_bytes']:.1f} %"
    arrays = (f"{a['form']} {a['stored_bytes']:,}/{a['n_bytes']:,}" for a in layer["arrays"])
    return (layer["name"], layer["n_bytes"], layer["stored_bytes"], share, ", ".join(arrays))
