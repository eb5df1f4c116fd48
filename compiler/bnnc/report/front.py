"""A picture of a Pareto front: what ever faster accelerators take of a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnnc.report.chart import DPI, FORMATS, ID_SALT, colormap


@dataclass(frozen=True)
class Line:
    """The shares of a part that accelerators of some rates take, 1 being all of it."""

    name: str
    rates: Sequence[float]
    shares: Sequence[float]


def draw_front(lines: Sequence[Line], title: str, path: Path, kind: str) -> None:
    """Write a picture of `kind`, .png or .svg; the same figures give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for rank, line in enumerate(lines):
        shares = [100 * share for share in line.shares]
        axes.plot(line.rates, shares, marker=".", color=colormap(rank), label=line.name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("samples a second")
    axes.set_ylabel("% of the part")
    axes.set_title(title, parse_math=False)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    with matplotlib.rc_context({"svg.hashsalt": ID_SALT, "svg.fonttype": "none"}):
        figure.savefig(path, format=kind.removeprefix("."), metadata=FORMATS[kind])
