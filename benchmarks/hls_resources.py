"""Writes docs/hls_resources.md: the resource model beside published builds and beside a synthesizer.

`python -m benchmarks.hls_resources` from the root of the checkout. What yosys counts is kept in
benchmarks/hls_counts.json; with --synthesize it is counted anew, which takes minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import yosys
from benchmarks.hls_cores import all_cores
from benchmarks.hls_fit import KINDS, Constants, fit, left_out

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "hls_resources.md"
COUNTS = ROOT / "benchmarks" / "hls_counts.json"
TEXT = ROOT / "benchmarks" / "hls_resources.md.in"
UNITS = {"lut": "LUT", "ff": "FF", "bram36": "BRAM36"}


def main() -> None:
    if "--synthesize" in sys.argv[1:]:
        if not yosys.is_installed():
            raise SystemExit(f"yosys is missing: {yosys.INSTALL}")
        counted = yosys.count({core.name: core.verilog for core in all_cores()})
        COUNTS.write_text(json.dumps({name: count.luts for name, count in counted.items()}, indent=1) + "\n")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The text with its tables filled in."""
    parts = {"BUILDS": builds(), "CONSTANTS": constants(), "CORES": cores(), "PAIRS": pairs()}
    text = TEXT.read_text(encoding="utf-8")
    for name, table in parts.items():
        text = text.replace(f"@{name}@\n", table)
    return text


def builds() -> str:
    rows = []
    for kind in KINDS:
        for row in left_out(kind):
            published, predicted = (
                f"{value:,.{int(kind == 'bram36')}f}" for value in (row.published, row.predicted)
            )
            rows.append((row.build.name, UNITS[kind], published, predicted, f"{100 * row.error:+.1f} %"))
    return _table(("build", "what", "published", "model", "error"), rows)


def constants() -> str:
    return _table(
        ("what", "of a project", "of a unit", "times logic"),
        [(UNITS[kind], *_constants(kind, fit(kind))) for kind in KINDS],
    )


def _constants(kind: str, c: Constants) -> tuple[str, str, str]:
    if kind == "bram36":
        return f"{c.shell:.1f}", "", ""
    return f"{c.shell:,.0f}", f"{c.unit:.0f}", f"{c.scale:.2f}"


def cores() -> str:
    counted = counts()
    rows = [
        (
            core.what,
            str(counted[core.name]),
            f"{core.expected:.0f}",
            f"{100 * (core.expected / counted[core.name] - 1):+.0f} %",
        )
        for core in all_cores()
        if core.expected is not None
    ]
    return _table(("core", "yosys", "model", "error"), rows)


def pairs() -> str:
    """Each core beside the one that computes the same in the way that was left."""
    counted, known = counts(), {core.name: core for core in all_cores()}
    rows = []
    for core in known.values():
        if core.beside is not None:
            before, after = counted[core.beside], counted[core.name]
            rows.append((core.what, str(before), str(after), f"{100 * (after / before - 1):+.0f} %"))
    return _table(("core", "before", "instead", "change"), rows)


def counts() -> dict[str, int]:
    """Tables that yosys needs for each core."""
    kept: dict[str, int] = json.loads(COUNTS.read_text(encoding="utf-8"))
    return kept


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    main()
