"""Figures in what tools print and write."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass
from pathlib import Path

from bnnc.errors import BnncError
from bnnc.hls.model.resources import UNITS, count_text

CYCLES = {"cycles": "cycles a sample", "interval": "cycles between samples"}

MEMORY_LUTS = {"RAM32M": 4, "RAM64M": 4, "RAM128X1S": 2, "RAM256X1S": 4} | {
    f"RAM{depth}X1D": luts for depth, luts in ((32, 2), (64, 2), (128, 4))
}
"""Memories of more than one lookup table."""


@dataclass(frozen=True)
class Figures:
    """Those that a tool states: cycles of a sample and between samples, and what of an FPGA it takes."""

    cycles: int | None = None
    interval: int | None = None
    lut: int | None = None
    ff: int | None = None
    bram18: int | None = None
    uram: int | None = None
    dsp: int | None = None

    def __or__(self, other: Figures) -> Figures:
        """Both, the other's where both are known."""
        return Figures(**{**asdict(self), **{k: v for k, v in asdict(other).items() if v is not None}})

    def __str__(self) -> str:
        bram36 = None if self.bram18 is None else self.bram18 / 2
        values = {**asdict(self), "bram36": bram36}
        known = [(name, values[key]) for key, name in (CYCLES | UNITS).items() if values[key] is not None]
        return ", ".join(f"{count_text(value)} {name}" for name, value in known) or "no figures"


def bambu_figures(printed: str) -> Figures:
    """The average cycles of a call, in the report behind the simulation."""
    found = re.search(r"Average execution\s*:\s*(\d+)", printed)
    return Figures(cycles=int(found[1]) if found else None)


def yosys_figures(report: Path) -> Figures:
    """Of what `stat -json` of yosys writes; a RAMB36 is two RAMB18."""
    try:
        cells: dict[str, int] = json.loads(report.read_text())["design"]["num_cells_by_type"]
    except (OSError, ValueError, KeyError) as error:
        raise BnncError.at("yosys", "it ends without a count of cells") from error
    return Figures(
        lut=sum(n * _luts(name) for name, n in cells.items()),
        ff=sum(n for name, n in cells.items() if name.startswith("FD")),
        bram18=cells.get("RAMB18E1", 0) + 2 * cells.get("RAMB36E1", 0),
        dsp=cells.get("DSP48E1", 0),
    )


def _luts(cell: str) -> int:
    """Lookup tables that a cell of a 7-series FPGA takes."""
    return MEMORY_LUTS.get(cell, 1 if re.fullmatch(r"LUT\d|INV|RAM\d+\w*|SRL\w+", cell) else 0)


def vitis_figures(solution: Path, top: str) -> Figures:
    """Of the synthesis report, and cycles of the co-simulation where it ran."""
    report = solution / "syn" / "report" / f"{top}_csynth.xml"
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise BnncError.at(str(report), f"there is no report of the synthesis ({error})") from error
    estimated = Figures(
        cycles=_number(root, "PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency"),
        interval=_number(root, "PerformanceEstimates/SummaryOfOverallLatency/Interval-max"),
        lut=_number(root, "AreaEstimates/Resources/LUT"),
        ff=_number(root, "AreaEstimates/Resources/FF"),
        bram18=_number(root, "AreaEstimates/Resources/BRAM_18K"),
        uram=_number(root, "AreaEstimates/Resources/URAM"),
        dsp=_number(root, "AreaEstimates/Resources/DSP") or _number(root, "AreaEstimates/Resources/DSP48E"),
    )
    simulated = solution / "sim" / "report" / f"{top}_cosim.rpt"
    return (
        estimated | cosim_figures(simulated.read_text(errors="replace")) if simulated.is_file() else estimated
    )


def cosim_figures(report: str) -> Figures:
    """Of the row of Verilog: state, then least, average and most cycles of a sample and between samples."""
    for line in report.splitlines():
        cells = [cell.strip() for cell in line.strip("| \n").split("|")]
        if cells[0].lower() == "verilog" and len(cells) >= 8:
            latency, interval = cells[4], cells[7]
            return Figures(*(int(cell) if cell.isdigit() else None for cell in (latency, interval)))
    return Figures()


def _number(root: ElementTree.Element, path: str) -> int | None:
    found = root.findtext(path) or ""
    return int(found) if found.isdigit() else None
