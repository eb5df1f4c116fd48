"""Writes an HLS C++ project for a packed graph."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment

import bnnc
from bnnc.errors import BnncError
from bnnc.hls.coded import StoredMatrix, compressed
from bnnc.hls.lower import Accelerator, lower
from bnnc.hls.names import Names, identifier
from bnnc.hls.settings import Choice
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.resources import templates

DEFAULT_PART = "xc7z020clg400-1"
DEFAULT_CLOCK_MHZ = 100.0
ALWAYS = ("tools", "values")
NEEDED_BY = {"mvtu": ("dot",)}


def build(
    graph: Graph,
    out: Path,
    *,
    name: str,
    golden: tuple[Array, Array],
    part: str = DEFAULT_PART,
    clock_mhz: float = DEFAULT_CLOCK_MHZ,
    folding: Choice | None = None,
    compress: str = "none",
) -> dict[str, Any]:
    """Write the project of a packed graph into the folder `out` and return its entry for the manifest.

    golden: codes (n, *core_input shape) and the raw integers (n, *core_result shape) that the test bench
    expects. folding: {layer: {"pe": n, "simd": n}} for the layers that are not to have the default.
    compress: huffman for weights that are decoded ahead of the engines where that is smaller, or none.
    BnncError for what the target cannot build.
    """
    names = Names()
    project = names.take(identifier(name))
    names.take(f"{project}_top")
    _check_part(part, clock_mhz)
    accelerator = lower(graph, names, folding)
    stored: tuple[StoredMatrix, ...] = ()
    if compress != "none":
        accelerator, stored = compressed(accelerator)
    values = _values(graph, accelerator, project, part, clock_mhz)
    for path, text in sorted(_files(templates("hls"), accelerator, values, golden).items()):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8")
    layers = {"layers": [matrix.entry for matrix in stored]} if stored else {}
    return _entry(accelerator, values) | layers


def _check_part(part: str, clock_mhz: float) -> None:
    if not part or not all(c.isalnum() or c in "-_" for c in part) or not part.isascii():
        raise BnncError.at("", f"{part!r} is not the name of a part", "give one like xc7z020clg400-1")
    if not 1 <= clock_mhz <= 2000:
        raise BnncError.at("", f"a clock of {clock_mhz} MHz", "give 1 to 2000 MHz")


def _values(graph: Graph, acc: Accelerator, project: str, part: str, clock_mhz: float) -> dict[str, Any]:
    """Everything that the templates name."""
    encoder, result = core_input(graph), core_result(graph)
    ports = {"in": acc.input, "out": acc.units[-1].wire}
    slowest = max(unit.cycles for unit in acc.units)
    return {
        "name": project,
        "top": f"{project}_top",
        "version": bnnc.__version__,
        "units": acc.units,
        "stages": acc.stages,
        "fifos": acc.fifos,
        "engines": _engines(acc),
        "layers": len(acc.layers),
        "inputs": tensor_of(encoder).size,
        "outputs": tensor_of(result).size,
        **{f"{port}_bits": wire.bits for port, wire in ports.items()},
        **{f"{port}_lanes": wire.lanes for port, wire in ports.items()},
        **{f"{port}_words": wire.words for port, wire in ports.items()},
        "code_bits": acc.input.lane.bits,
        "in_type": str(encoder.elem),
        "in_dtype": encoder.elem.dtype.name,
        "out_type": str(result.type.elem),
        "in_shape": _shape(encoder.type.shape),
        "out_shape": _shape(result.type.shape),
        "code_type": f"{encoder.elem.dtype.name}_t",
        "guard": f"{project.upper()}_H",
        "slowest": slowest,
        "rate": int(clock_mhz * 1e6 / slowest),
        "part": part,
        "clock_mhz": f"{clock_mhz:g}",
        "period_ns": f"{1000 / clock_mhz:.3f}",
    }


def _files(
    env: Environment, acc: Accelerator, values: dict[str, Any], golden: tuple[Array, Array]
) -> dict[str, str]:
    """Path in the project -> text."""
    name = values["name"]
    files = {
        f"src/{name}.cpp": "top.cpp.j2",
        f"src/{name}.h": "top.h.j2",
        f"tb/{name}_tb.cpp": "tb.cpp.j2",
        "scripts/vitis_hls.tcl": "vitis_hls.tcl.j2",
        "hls_config.cfg": "hls_config.cfg.j2",
        "README.md": "README.md.j2",
    }
    files |= {f"src/bnnc_{engine}.h": f"{engine}.h.j2" for engine in (*ALWAYS, *values["engines"])}
    texts = {path: env.get_template(template).render(values) for path, template in files.items()}
    texts |= {
        f"src/{unit.name}.h": env.get_template("unit.h.j2").render(unit=unit, guard=f"{unit.name.upper()}_H")
        for unit in acc.units
        if unit.rom
    }
    texts["tb/golden.h"] = env.get_template("golden.h.j2").render(values | _golden(*golden))
    return texts


def _golden(codes: Array, raw: Array) -> dict[str, Any]:
    assert len(codes) == len(raw) > 0, "the test bench needs golden samples"
    rows = ([_numbers(row) for row in array.reshape(len(array), -1)] for array in (codes, raw))
    return {"samples": len(codes), **dict(zip(("codes", "raw"), rows, strict=True))}


def _numbers(row: Array) -> str:
    text = textwrap.fill(", ".join(map(str, row.tolist())), 102)
    return textwrap.indent(text, "        ")


def _engines(acc: Accelerator) -> list[str]:
    used = {engine for unit in acc.units for engine in unit.engines}
    return sorted(used | {other for engine in used for other in NEEDED_BY.get(engine, ())})


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _entry(acc: Accelerator, values: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "top", "part", "clock_mhz", "inputs", "outputs", "in_bits", "out_bits", "slowest")
    units = [{"name": unit.name, "what": unit.comment, "cycles": unit.cycles} for unit in acc.units]
    folding = dict(sorted(acc.settings.entries.items()))
    entry = {**{key: values[key] for key in keys}, "units": units, "folding": folding}
    return entry | {"fifos": [asdict(fifo) for fifo in acc.fifos]}
