"""Tables of the documentation against the code."""

from __future__ import annotations

import re
from pathlib import Path

from bnnc.ir.parse import OPS


def test_ir_md_has_one_row_for_every_operation(repository: Path) -> None:
    text = (repository / "docs" / "ir.md").read_text().split("## Operations")[1]
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(OPS)
    assert rows == list(OPS), "the rows stand in the order of the code"
