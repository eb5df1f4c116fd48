"""What `bnnc` without much to do prints, and how little it loads for that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Bnnc

import bnnc as package

HEAVY = ("tvm", "torch", "onnx", "onnxruntime", "qonnx", "numpy", "jinja2", "rich")


def loaded(*arguments: str) -> set[str]:
    """The modules that `bnnc ARGUMENTS` leaves loaded."""
    program = (
        "import sys; from bnnc.cli import cli; cli(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    modules = loaded(*arguments)
    assert "bnnc.cli" in modules
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("command", ["compile", "run", "verify", "inspect", "opt"])
def test_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    assert loaded(command, "--help").isdisjoint(HEAVY)


def test_help_names_every_command(bnnc: Bnnc) -> None:
    text = bnnc("--help").stdout
    assert all(f"  {command} " in text for command in ("compile", "run", "verify", "inspect", "opt"))


@pytest.mark.parametrize("command", ["compile", "run", "verify", "inspect", "opt"])
def test_every_command_takes_debug_and_v(bnnc: Bnnc, command: str) -> None:
    text = bnnc(command, "--help").stdout
    assert "--debug" in text and "-v, --verbose" in text and "--input-domain" in text


def test_version(bnnc: Bnnc) -> None:
    assert bnnc("--version").stdout.strip() == f"bnnc, version {package.__version__}"


def test_python_m_bnnc_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bnnc", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: bnnc ")


def test_an_unknown_command_is_a_usage_error(bnnc: Bnnc) -> None:
    assert "No such command" in bnnc("decompile", status=2).stderr


def test_a_traceback_only_with_debug(bnnc: Bnnc, tmp_path: Path) -> None:
    missing = tmp_path / "no.onnx"
    quiet, loud = bnnc("inspect", missing, status=1), bnnc("inspect", missing, "--debug", status=1)
    line = f"bnnc: error: {missing}: there is no such file or folder\n"
    assert quiet.stderr == line
    assert loud.stderr.startswith("Traceback") and loud.stderr.endswith(line)


def test_v_says_what_is_done(bnnc: Bnnc, model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bnnc", "inspect", "-v", model], capture_output=True, text=True
    )
    assert done.returncode == 0 and "bnnc: " in done.stderr


def test_sigterm_leaves_nothing_behind(model: Path, tmp_path: Path) -> None:
    """The signal comes while the artefact is built."""
    program = (
        "import os, signal; from bnnc.executors import compile as c; from bnnc.cli import main;"
        "c.build_executor = lambda *_: os.kill(os.getpid(), signal.SIGTERM); main()"
    )
    arguments = ["compile", str(model), "--target", "host", "-o", str(tmp_path / "out")]
    environment = {**os.environ, "BNNC_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "mlp.onnx"]
