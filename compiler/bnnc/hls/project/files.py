"""The files of a project."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from bnnc.hls.lower import Accelerator
from bnnc.hls.project.drivers import driver_files
from bnnc.hls.project.scripts import script_files
from bnnc.hls.project.values import Setup, golden_values, project_values
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.resources import templates

ALWAYS = ("tools", "values")


def project_files(
    graph: Graph, acc: Accelerator, name: str, setup: Setup, golden: tuple[Array, Array], cycles: int
) -> dict[str, str | bytes]:
    """Path in the project -> content. `golden` are codes and raw integers for the test bench, `cycles` those
    of a sample.
    """
    values = project_values(graph, acc, name, setup, cycles)
    files: dict[str, str | bytes] = {**_sources(acc, values), **_test_bench(values, golden)}
    files |= script_files(values, setup.board) | driver_files(graph, values)
    files |= {f"weights/{memory.name}.npy": npy_bytes(memory.words) for memory in values["memories"]}
    files["README.md"] = templates("hls").get_template("README.md.j2").render(values, files=sorted(files))
    return files


def npy_bytes(words: Array) -> bytes:
    buffer = BytesIO()
    np.save(buffer, words)
    return buffer.getvalue()


def write_files(files: Mapping[str, str | bytes], folder: Path) -> None:
    for path, text in sorted(files.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode() if isinstance(text, str) else text)


def _sources(acc: Accelerator, values: Mapping[str, Any]) -> dict[str, str]:
    name, environment = values["name"], templates("hls")
    made = {f"src/{name}.cpp": "top.cpp.j2", f"src/{name}.h": "top.h.j2"}
    made |= {f"src/bnnc_{engine}.h": f"{engine}.h.j2" for engine in (*ALWAYS, *values["engines"])}
    files = {path: environment.get_template(template).render(values) for path, template in made.items()}
    unit_header = environment.get_template("unit.h.j2")
    return files | {
        f"src/{unit.name}.h": unit_header.render(unit=unit, guard=f"{unit.name.upper()}_H")
        for unit in acc.units
        if unit.rom
    }


def _test_bench(values: Mapping[str, Any], golden: tuple[Array, Array]) -> dict[str, str]:
    environment = templates("hls")
    samples = {**values, **golden_values(*golden)}
    weights = {"tb/weights.h": environment.get_template("weights.h.j2").render(values)}
    return (weights if values["memories"] else {}) | {
        f"tb/{values['name']}_tb.cpp": environment.get_template("tb.cpp.j2").render(values),
        "tb/golden.h": environment.get_template("golden.h.j2").render(samples),
    }
