"""The emitted project: its files, names, bytes, warnings and test bench."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.hls.branches import residual_network, shuffled_network, sparse_network
from tests.hls.projects import (
    dense_network,
    every_engine,
    layer,
    map_input,
    packed,
    write_project,
)

from bnnc.errors import BnncError
from bnnc.hls import csim
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph

PROJECTS = (every_engine, residual_network, shuffled_network, sparse_network)
HOSTILE = [
    "*/ int main() { return 0; } /*",
    'a"b\\',
    "../../etc/passwd",
    "fc\n#include <x>",
    "int",
    "Int",
    "??/",
    "größe",
    "",
    "9lives",
    "bnnc_tools",
    "net",
    "x" * 500,
]


def text_of(project: Path) -> dict[str, bytes]:
    return {p.relative_to(project).as_posix(): p.read_bytes() for p in project.rglob("*") if p.is_file()}


def test_same_graph_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_project(every_engine(), tmp_path / folder)
    assert text_of(tmp_path / "a") == text_of(tmp_path / "b")


def test_files(tmp_path: Path) -> None:
    write_project(dense_network((20, 6, 3)), tmp_path)
    engines = ("tools", "values", "dot", "mvtu", "activation", "map")
    expected = {f"src/bnnc_{engine}.h" for engine in engines}
    expected |= {
        "src/net.cpp",
        "src/net.h",
        "src/fc0_mvtu.h",
        "src/fc_last_mvtu.h",
        "tb/golden.h",
        "tb/net_tb.cpp",
    }
    expected |= {"README.md", "scripts/vitis_hls.tcl", "scripts/out_of_context.tcl", "hls_config.cfg"}
    expected |= {"folding.json", "report.html", "report.json", "driver/pynq/net_pynq.py"}
    c_files = ("bnnc_edge.c", "bnnc_edge.h", "bnnc_file.h", "bnnc_npy.c", "bnnc_npy.h", "main.c")
    c_files += ("net_driver.c", "net_driver.h", "net_edge.c")
    expected |= {f"driver/baremetal/{file}" for file in c_files}
    assert set(text_of(tmp_path)) == expected


def test_entry_of_the_manifest(tmp_path: Path) -> None:
    entry = write_project(dense_network((20, 6, 3)), tmp_path)
    assert entry["top"] == "net_top"
    assert set(entry["folding"]) == {"input", "fc0", "fc_last", "output"}
    assert entry["slowest"] == max(unit["cycles"] for unit in entry["units"])
    assert (entry["part"], entry["board"], entry["control"]) == ("xc7z020clg400-1", "", "axilite")


@pytest.mark.usefixtures("cpp")
def test_hostile_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = map_input(rng, (2, 3, 3))
    for name in HOSTILE:
        x = layer(rng, x, name, 4, (1, 1), B1_PM, B1_PM)
    entry = write_project(packed("p", x), tmp_path / "project", name='../"; rm -rf /')
    assert entry["name"] == "rm_rf"
    assert all(path.isascii() and ".." not in path for path in text_of(tmp_path / "project"))
    assert list(tmp_path.iterdir()) == [tmp_path / "project"]
    assert csim.csim(tmp_path / "project").startswith("PASS: 2 samples")


@pytest.mark.parametrize("make", PROJECTS)
def test_stream_words_fit_every_tool(make: Callable[[], Graph], tmp_path: Path) -> None:
    write_project(make(), tmp_path)
    source = (tmp_path / "src" / "net.cpp").read_text()
    widths = [int(bits) for bits in re.findall(r"hls::stream<ap_uint<(\d+)>>", source)]
    assert widths and max(widths) <= 128


@pytest.mark.parametrize("make", PROJECTS)
def test_nothing_that_a_tool_refuses(make: Callable[[], Graph], tmp_path: Path) -> None:
    write_project(make(), tmp_path)
    for path in (tmp_path / "src").iterdir():
        text = path.read_text()
        assert not re.search(r"\bnew\b|malloc|\.empty\(\)|while|__SYNTHESIS__ *\)? *\{", text), path
        is_top = path.name == "net.cpp"  # Bambu takes those of the top function as lines only
        assert is_top or "#pragma" not in text, f"{path}: pragmas go through the macros of bnnc_tools.h"
        assert re.search(r"stream<[^;]*>> \w+\(\"", text) is None, f"{path}: a named stream"


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("make", PROJECTS)
def test_no_warning_of_a_strict_compiler(make: Callable[[], Graph], tmp_path: Path) -> None:
    write_project(make(), tmp_path)
    strict = ["-std=c++11", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Wpedantic", "-Werror"]
    includes = ["-isystem", str(csim.vendor_headers())]
    sources = [str(tmp_path / "src" / "net.cpp"), str(tmp_path / "tb" / "net_tb.cpp")]
    done = subprocess.run(
        [*csim.compiler(), *strict, *includes, *sources], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("cpp")
def test_test_bench_names_the_first_difference(tmp_path: Path) -> None:
    write_project(dense_network((8, 4, 2)), tmp_path)
    assert csim.csim(tmp_path).strip() == "PASS: 2 samples, every result as expected"
    golden = tmp_path / "tb" / "golden.h"
    pattern = re.compile(r"(golden_raw.*\{\s*\{\s*)(-?\d+)", re.DOTALL)
    first = pattern.search(golden.read_text())
    assert first is not None
    golden.write_text(pattern.sub(r"\g<1>12345", golden.read_text()))
    with pytest.raises(BnncError, match=rf"sample 0, element 0: expected 12345, got {first[2]}"):
        csim.csim(tmp_path)


@pytest.mark.parametrize("part", ["", "xc7z020; exec rm", "xc7\nz", "größe"])
def test_part_that_is_no_name(part: str, tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="is not the name of a part"):
        write_project(dense_network((8, 4, 2)), tmp_path, part=part)


@pytest.mark.parametrize("clock", [0.0, -5.0, float("nan"), 1e9])
def test_clock_that_is_none(clock: float, tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="MHz"):
        write_project(dense_network((8, 4, 2)), tmp_path, clock_mhz=clock)
    assert not list(tmp_path.iterdir())


def test_control_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="control 'pcie'; there are axilite and none"):
        write_project(dense_network((8, 4, 2)), tmp_path, control="pcie")


def test_a_block_starts_by_a_register_or_runs_always(tmp_path: Path) -> None:
    for control, macro in (("axilite", "BNNC_AXI_LITE"), ("none", "BNNC_FREE_RUNNING")):
        write_project(dense_network((8, 4, 2)), tmp_path / control, control=control)
        assert macro in (tmp_path / control / "src" / "net.cpp").read_text()
        driver = (tmp_path / control / "driver" / "pynq" / "net_pynq.py").read_text()
        assert ("write(0x00, 0x81)" in driver) == (control == "axilite")


def test_part_and_clock_reach_the_scripts(tmp_path: Path) -> None:
    write_project(dense_network((8, 4, 2)), tmp_path, part="xczu3eg-sbva484-1-e", clock_mhz=250)
    for script in ("scripts/vitis_hls.tcl", "scripts/out_of_context.tcl", "hls_config.cfg"):
        text = (tmp_path / script).read_text()
        assert "xczu3eg-sbva484-1-e" in text and "4.000" in text
