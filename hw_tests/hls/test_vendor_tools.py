"""Emitted projects in the vendor's tools; each test is skipped where its tool is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hw_tests.hls.networks import ENGINES, Case
from hw_tests.hls.options import OPTIONS
from tests.hls.branches import residual_network
from tests.hls.projects import convolutional_network, dense_network, write_project

from bnnc.hls.model.calibration import SHELL
from bnnc.hls.project.synth import PASSED, synthesize
from bnnc.ir.elem import TER

HOUR = 3600
PIPELINE = 64  # cycles from the start of a sample's first step to the end of its last, beyond the steps
NETWORKS = {
    "tfc": Case(lambda: dense_network((196, 32, 24, 10), TER)),
    "cnv": Case(convolutional_network),
    "residual": Case(residual_network),
    **ENGINES,
    **OPTIONS,
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


@pytest.mark.parametrize("name", NETWORKS)
def test_synthesis_is_what_the_model_says(
    name: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """C simulation and co-simulation pass, every loop has II 1, and figures are the model's.

    Cycles between samples are those of the slowest unit and at most a pipeline more. What the tool estimates
    of lookup tables lies within a factor of two of the model, which was fitted to finished builds.
    """
    tool("vitis_hls", "vitis-run")
    case = NETWORKS[name]
    entry: dict[str, Any] = write_project(case.make(), tmp_path, **case.options)
    made = synthesize(tmp_path, "vitis", HOUR)
    record_property("vitis", str(made))
    print(f"{name}: {made}; the model: {entry['slowest']} cycles, {entry['resources']}")
    assert not re.search(r"II violation|unable to schedule", made.printed, re.IGNORECASE)
    assert made.figures.interval is not None and made.figures.lut is not None
    assert entry["slowest"] <= made.figures.interval <= entry["slowest"] + PIPELINE
    modelled = entry["resources"]["lut"] - SHELL.lut
    assert modelled / 2 <= made.figures.lut <= 2 * modelled


@pytest.mark.parametrize("step", ["csim", "cosim"])
def test_configuration_file(step: str, tmp_path: Path) -> None:
    vitis_run, compiler = tool("vitis-run"), tool("v++")
    write_project(NETWORKS["tfc"].make(), tmp_path)
    common = ("--config", "hls_config.cfg", "--work_dir", "net_hls")
    if step == "cosim":
        run(tmp_path, compiler, "-c", "--mode", "hls", *common)
    assert PASSED in run(tmp_path, vitis_run, "--mode", "hls", f"--{step}", *common)


def test_vivado_hls(tmp_path: Path) -> None:
    """The release of 2020.1 takes the same sources."""
    write_project(NETWORKS["tfc"].make(), tmp_path)
    printed = run(tmp_path, tool("vivado_hls"), "-f", "scripts/vitis_hls.tcl")
    assert printed.count(PASSED) >= 2


def test_block_design(tmp_path: Path) -> None:
    """From the sources to a bitstream."""
    vivado = tool("vivado")
    tool("vitis_hls")
    write_project(NETWORKS["tfc"].make(), tmp_path, part="pynq-z2")
    run(tmp_path, "vitis_hls", "-f", "scripts/vitis_hls.tcl")
    run(tmp_path, vivado, "-mode", "batch", "-source", "scripts/block_design.tcl")
    assert (tmp_path / "bitstream" / "net.bit").is_file() and (tmp_path / "bitstream" / "net.hwh").is_file()
