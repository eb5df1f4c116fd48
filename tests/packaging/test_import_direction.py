"""Imports inside bnnc go one way, and heavy packages are imported only where they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MAY_IMPORT = {
    "errors": set[str](),
    "resources": set[str](),
    "targets": {"errors"},
    "ir": {"errors"},
    "frontends": {"errors", "ir"},
    "sim": {"errors", "ir"},
    "passes": {"errors", "ir", "sim"},
    "schedule": {"errors", "ir", "sim", "passes"},
    "arm": {"errors", "ir", "sim", "passes", "schedule", "resources", "targets"},
    "hls": {"errors", "ir", "sim", "passes", "schedule", "resources"},
    "report": {"errors", "ir"},
}
ONLY_IN = {
    "tvm": {"arm"},
    "onnx": {"frontends", "passes", "executors"},
    "onnxruntime": {"frontends", "passes", "executors"},
    "torch": set[str](),
    "click": {"cli", "commands"},
    "unicorn": {"arm", "executors"},
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
