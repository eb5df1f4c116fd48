"""The `sh` and `python` blocks of the documentation run, in their order, as a reader would run them.

A `c` block is a file; its first line names it. Blocks of other kinds (`console`, `text`) are shown only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(sh|python|c)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {
    str(page.relative_to(ROOT)): BLOCK.findall(page.read_text())
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])
}


def _pages() -> list[object]:
    """Pages with blocks that run; those that compile are slow."""
    pages = [(page, " ".join(code for _, code in blocks)) for page, blocks in PAGES.items() if blocks]
    return [pytest.param(p, marks=[pytest.mark.slow] if "bnnc compile" in code else []) for p, code in pages]


@pytest.mark.parametrize("page", _pages())
def test_code_blocks_run(page: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if "import torch" in str(PAGES[page]):
        pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for language, code in PAGES[page]:
        if language == "c":
            (tmp_path / code.removeprefix("/* ").split(":")[0]).write_text(code)
            continue
        command = ["bash", "-euo", "pipefail"] if language == "sh" else [sys.executable]
        done = subprocess.run(
            [*command, "-c", code],
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
