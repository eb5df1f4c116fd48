"""Imports inside bnnc go one way; heavy packages are imported only where, loaded only when they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MAY_IMPORT = {
    "errors": set[str](),
    "resources": set[str](),
    "cores": set(),
    "rates": set(),
    "targets": {"errors"},
    "ir": {"errors"},
    "frontends": {"errors", "ir", "exporter"},
    "sim": {"errors", "ir"},
    "storage": {"ir"},
    "edge": {"errors", "ir", "sim", "resources"},
    "passes": {"errors", "ir", "sim", "storage"},
    "plan": {"errors", "ir", "sim"},
    "schedule": {"errors", "ir", "sim", "passes"},
    "arm": {
        *("errors", "ir", "sim", "storage", "edge", "passes", "schedule", "resources", "targets", "cores"),
    },
    "hls": {"errors", "ir", "sim", "storage", "edge", "passes", "schedule", "resources", "rates"},
    "report": {"errors", "ir", "passes", "rates"},
    "executors": {
        *("errors", "ir", "frontends", "sim", "edge", "passes", "schedule", "arm", "hls", "resources"),
        "targets",
    },
    "bench": {
        "errors",
        "ir",
        "sim",
        "edge",
        "schedule",
        "arm",
        "report",
        "executors",
        "resources",
        "targets",
    },
    "tune": {"errors", "ir", "schedule", "arm", "executors", "bench"},
    "commands": {
        *("errors", "ir", "sim", "passes", "plan", "hls", "report", "executors", "bench", "tune", "rates"),
    },
}
ONLY_IN = {
    "tvm": {"arm", "tune"},
    "jinja2": {"resources", "hls"},
    "elftools": {"arm"},
    "scipy": {"hls"},
    "rich": {"commands", "report"},
    "qonnx": set[str](),
    "onnx": {"frontends", "passes", "executors", "exporter"},
    "onnxruntime": {"frontends", "passes", "executors"},
    "torch": {"__init__", "nn", "zoo", "exporter"},
    "click": {"cli", "commands"},
    "matplotlib": {"plan", "report"},
    "unicorn": {"arm", "bench", "executors"},
}


def test_parts_import_only_what_stands_before_them(repository: Path) -> None:
    wrong = [
        f"{part}: {name}"
        for part, name in _imports(repository)
        if part in MAY_IMPORT
        and name.startswith("bnnc.")
        and name.split(".")[1] not in MAY_IMPORT[part] | {part}
    ]
    assert wrong == []


def test_heavy_packages_stay_in_their_part(repository: Path) -> None:
    wrong = [
        f"{part}: {name}"
        for part, name in _imports(repository)
        if part not in ONLY_IN.get(name.split(".")[0], {part})
    ]
    assert wrong == []


@pytest.mark.parametrize("part", ["ir", "sim", "storage", "passes", "schedule"])
def test_a_part_loads_nothing_heavy(repository: Path, part: str) -> None:
    loaded = {name.split(".")[0] for name in _loaded_with(repository / "compiler" / "bnnc" / part)}
    assert loaded & ONLY_IN.keys() == set()


def _loaded_with(part: Path) -> list[str]:
    """The modules that are loaded once every module of a part is."""
    modules = [f"bnnc.{part.name}.{path.stem}" for path in sorted(part.glob("*.py"))]
    program = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def _imports(repository: Path) -> Iterator[tuple[str, str]]:
    """Part of bnnc (a folder or a module) and the full name of a module that it imports."""
    root = repository / "compiler" / "bnnc"
    for path in sorted(root.rglob("*.py")):
        part = path.relative_to(root).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = (
                    [node.module] if node.module != "bnnc" else [f"bnnc.{alias.name}" for alias in node.names]
                )
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            yield from ((part, name) for name in names)
