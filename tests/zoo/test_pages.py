"""The `python` and `sh` blocks of the papers' pages run, in their order, as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ("trained_binarization", "tac", "hybrid", "ftbnn", "pcnn")
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = f'bnnc() {{ "{sys.executable}" -m bnnc "$@"; }}\n'


@pytest.mark.parametrize("paper", PAPERS)
def test_examples_run(paper: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "papers" / f"{paper}.md").read_text())
    assert [language for language, _ in blocks] == ["python", "sh"]
    for language, code in blocks:
        command = [sys.executable, "-c", code]
        if language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", PROGRAM + code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
