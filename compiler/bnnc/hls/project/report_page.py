"""report.html: the report of a project for people, in one file."""

from __future__ import annotations

from bnnc.hls.project.picture import HEIGHT, WIDTH, picture
from bnnc.hls.project.report import Report
from bnnc.resources import templates

TITLES = {
    "lut": "lookup tables",
    "ff": "flip-flops",
    "bram36": "block RAMs of 36 kbit",
    "uram": "UltraRAMs",
    "dsp": "DSP slices",
}
INSET = 8  # of the bar inside a box


def page(report: Report) -> str:
    """HTML without anything from elsewhere, light or dark as the reader has it."""
    values = report.values
    environment = templates("hls")
    environment.autoescape = True
    return environment.get_template("report.html.j2").render(
        values,
        titles=TITLES,
        shares=_shares(values["resources"], values["available"] or {}),
        picture=picture(report.accelerator.stages),
        units={unit["name"]: unit for layer in values["layers"] for unit in layer["units"]},
        box_width=WIDTH,
        box_height=HEIGHT,
        bar_width=WIDTH - 2 * INSET,
    )


def _shares(taken: dict[str, float], available: dict[str, float]) -> list[tuple[str, float, float, float]]:
    """Kind, what is taken, what there is, and the share."""
    return [(kind, taken[kind], n, taken[kind] / n) for kind, n in available.items() if n]
