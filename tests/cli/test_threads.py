"""`bnnc compile --threads`: what is made, and that it verifies."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Bnnc


def test_a_program_with_threads(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bnnc("compile", model, "--target", "host", "--threads", "2", "-o", out)
    assert json.loads((out / "manifest.json").read_text())["details"]["threads"] == 2
    assert (out / "runtime" / "bnnc_pool.c").is_file()
    assert json.loads(bnnc("verify", out, "--json", "--on", "sim,host").stdout)["ok"]


def test_targets_without_threads_say_so(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    for target in (("hls",), ("arm", "--cpu", "cortex-m4")):
        done = bnnc("compile", model, "--target", *target, "--threads", "2", "-o", tmp_path / "out", status=1)
        assert "no threads" in done.stderr and "leave --threads out" in done.stderr
