"""docs/performance.md: sections, each measured and dated by itself, and what was not reached."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from networks import ROOT

import bnnc

Row = Sequence[object]
PAGE = ROOT / "docs" / "performance.md"
MISSED = "- Not reached: "
INTRODUCTION = """\
# Performance

Made by `benchmarks/performance.py`; names of sections as arguments measure those anew. Instructions are
counted exactly: one inference in an emulated core, every executed instruction of a layer's kernel, bits in
and bits out. Cycles are estimates of llvm-mca, which knows the core's pipeline but neither caches nor wrong
branch predictions, and is pessimistic about in-order cores. Times are wall-clock times, the fastest that were
taken, in turn with the others. A MAC is a binary multiply-accumulate where nothing else is said; padding
counts. Nothing was measured on ARM hardware.

`bnnc bench model.onnx --cpu cortex-a76` says the same of any network, layer by layer; `--json` for programs,
`--plot shares.svg` as a picture.
"""


@dataclass(frozen=True)
class Goal:
    """A figure, and how small or (`at_least`) large it was to be."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        kind = "at least" if self.at_least else "at most"
        return f"{self.what}: {number(self.value)} ({kind} {number(self.bound)})"


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    name: str
    title: str
    text: str
    goals: tuple[Goal, ...] = ()

    def markdown(self) -> str:
        met = sum(goal.is_met for goal in self.goals)
        lines = [
            f"<!-- {self.name} -->",
            f"## {self.title}",
            "",
            f"Measured on {machine()}.",
            "",
            self.text.strip(),
        ]
        if self.goals:
            lines += ["", f"Of {len(self.goals)} figures {met} are reached."]
            lines += ["", *(f"{MISSED}{goal}" for goal in self.goals if not goal.is_met)]
        return "\n".join(lines).strip() + f"\n<!-- end {self.name} -->\n"


def write(sections: Sequence[Section], order: Sequence[str]) -> None:
    """Put the sections into the page, the others as they are; behind the introduction what is not reached."""
    known = {name: text for name in order if (text := _section(name))}
    known |= {section.name: section.markdown() for section in sections}
    body = "\n".join(known[name] for name in order if name in known)
    missed = [line for line in body.splitlines() if line.startswith(MISSED)]
    summary = (
        "## What is not reached\n\n" + ("\n".join(missed) or "Every figure that was set is reached.") + "\n"
    )
    PAGE.write_text("\n".join([INTRODUCTION, summary, body]), encoding="utf-8")


def _section(name: str) -> str:
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    found = re.search(rf"<!-- {name} -->\n.*?<!-- end {name} -->\n", page, re.DOTALL)
    return found[0] if found else ""


def table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Numbers with separators, an empty cell for None."""
    lines = [columns, ("---",) * len(columns), *(tuple(map(number, row)) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def number(value: object) -> str:
    match value:
        case None:
            return ""
        case float() if abs(value) < 100:
            return f"{value:.4g}"
        case float() | int():
            return f"{value:,.0f}"
        case _:
            return str(value)


def machine() -> str:
    """The processor, how busy it is, what runs on it, and the day."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    versions = f"bnnc {bnnc.__version__}, onnxruntime {onnxruntime.__version__}"
    today = datetime.date.today().isoformat()
    busy = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    return f"{model[1] if model else platform.processor()} ({busy}), {platform.system()}, {versions}, {today}"
