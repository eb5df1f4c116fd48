"""Tables of the documentation against the code."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

from bnnc.frontends import nodes
from bnnc.ir.parse import OPS


def test_ir_md_has_one_row_for_every_operation(repository: Path) -> None:
    text = (repository / "docs" / "ir.md").read_text().split("## Operations")[1]
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(OPS)
    assert rows == list(OPS), "the rows stand in the order of the code"


def test_supported_md_lists_what_the_front_end_converts(repository: Path) -> None:
    modules = [import_module(f"{nodes.__name__}.{m.name}") for m in pkgutil.iter_modules(nodes.__path__)]
    converted = [operator for module in modules for operator in getattr(module, "CONVERTERS", {})]
    text = (repository / "docs" / "supported.md").read_text().split("## Operators")[1].split("## Targets")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(converted)
