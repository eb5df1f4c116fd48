"""Emitted HLS projects in the tools themselves; each test is skipped where its tool is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.hls.branches import residual_network
from tests.hls.projects import convolutional_network, dense_network, write_project

from bnnc.ir.elem import TER
from bnnc.ir.graph import Graph

HOUR = 3600
PASSED = "every result as expected"
NETWORKS = {
    "tfc": dense_network((196, 32, 24, 10), TER),
    "cnv": convolutional_network(),
    "residual": residual_network(),
}


def tool(*names: str) -> str:
    """The first of these programs that is on PATH."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not on PATH")
    return found


def run(project: Path, *command: str) -> str:
    """Everything that a command in the project's folder prints; it has to succeed within an hour."""
    done = subprocess.run(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HOUR,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(params=sorted(NETWORKS))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    graph: Graph = NETWORKS[request.param]
    write_project(graph, tmp_path)
    return tmp_path


def test_tcl_script_simulates_synthesizes_and_cosimulates(project: Path) -> None:
    printed = run(project, tool("vitis_hls", "vivado_hls"), "-f", "scripts/vitis_hls.tcl")
    assert printed.count(PASSED) >= 2, "C simulation and co-simulation both run the test bench"
    assert not re.search(r"II violation|unable to schedule", printed, re.IGNORECASE), (
        "a loop misses one iteration a cycle"
    )


@pytest.mark.parametrize("step", ["csim", "cosim"])
def test_configuration_file(project: Path, step: str) -> None:
    vitis_run, compiler = tool("vitis-run"), tool("v++")
    common = ("--config", "hls_config.cfg", "--work_dir", "net_hls")
    if step == "cosim":
        run(project, compiler, "-c", "--mode", "hls", *common)
    assert PASSED in run(project, vitis_run, "--mode", "hls", f"--{step}", *common)


def test_bambu_cosimulates(project: Path) -> None:
    bambu = tool("bambu")
    tool("verilator")
    if "bnnc_fork.h" in (project / "src" / "net.cpp").read_text():
        pytest.skip("Bambu ignores the depths of FIFOs, and branches wait for each other without them")
    command = (
        "src/net.cpp",
        "--top-fname=net_top",
        "--std=c++14",
        "-Isrc",
        "-Itb",
        "--generate-interface=INFER",
    )
    printed = run(
        project, bambu, *command, "--generate-tb=tb/net_tb.cpp", "--simulate", "--simulator=VERILATOR"
    )
    assert PASSED in printed
