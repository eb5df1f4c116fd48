"""`bnnc compile --synth`: a tool runs on what was compiled, or is missed before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Bnnc

from bnnc.hls.project.synth import PASSED

HLS = ("--target", "hls", "--input-domain", "u8:scale=1/255", "--no-verify", "--samples", "2")


def put_bambu(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script in place of the tool."""
    folder.mkdir()
    (folder / "bambu").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bambu").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_figures_are_the_tool_s(
    model: Path, tmp_path: Path, bnnc: Bnnc, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"echo '{PASSED}'; echo 'Average execution : 1234 cycles'"
    put_bambu(tmp_path / "bin", script, monkeypatch)
    result = bnnc("compile", model, *HLS, "--synth", "bambu", "-o", tmp_path / "out")
    assert "  bambu: co-simulated, 1,234 cycles a sample" in result.output


def test_other_integers_leave_nothing_behind(
    model: Path, tmp_path: Path, bnnc: Bnnc, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bambu(tmp_path / "bin", "echo 'FAIL: 1 results differ'", monkeypatch)
    result = bnnc("compile", model, *HLS, "--synth", "bambu", "-o", tmp_path / "out", status=1)
    assert "the hardware answers other integers" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tool", "message"),
    [("bambu", "bambu is not on PATH"), ("vitis", "vitis_hls or vitis-run is not on PATH")],
)
def test_a_missing_tool_is_said_first(
    tool: str, message: str, tmp_path: Path, bnnc: Bnnc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    result = bnnc("compile", "none.onnx", *HLS, "--synth", tool, "-o", tmp_path / "out", status=1)
    assert f"--synth: {message}; install it, or leave --synth out" in result.output


def test_other_targets_have_nothing_to_synthesize(tmp_path: Path, bnnc: Bnnc) -> None:
    options = ("--target", "host", "--synth", "bambu", "-o", tmp_path / "out")
    result = bnnc("compile", "none.onnx", *options, status=1)
    assert "--synth: target host has nothing to synthesize; use --target hls" in result.output
