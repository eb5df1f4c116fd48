"""report.html: the report of a project for people, in one file."""

from __future__ import annotations

from typing import Any

from bnnc.errors import some_of
from bnnc.hls.model.memory import fifo_cost
from bnnc.hls.model.resources import TITLES, count_text, total
from bnnc.hls.model.sizing import LEAST
from bnnc.hls.project.picture import HEIGHT, WIDTH, picture
from bnnc.hls.project.report import Report
from bnnc.rates import rate_text
from bnnc.resources import templates

INSET = 8  # of the bar inside a box


def page(report: Report) -> str:
    """HTML without anything from elsewhere, light or dark as the reader has it."""
    values = report.values
    environment = templates("hls")
    environment.autoescape = True
    return environment.get_template("report.html.j2").render(
        values,
        titles=TITLES,
        kinds=_kinds(values),
        slowest=report.accelerator.cycles,
        n=count_text,
        rate=rate_text,
        exceeded=report.exceeded,
        foldings=report.foldings(),
        fifo_sum=total(fifo_cost(fifo.depth, fifo.bits) for fifo in report.accelerator.fifos).counts,
        least=LEAST,
        two_loops=some_of([unit.name for unit in report.accelerator.units if unit.trace.second]),
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


def _kinds(values: dict[str, Any]) -> list[str]:
    """Without those of which neither the part nor the project nor an alternative has any."""
    rows = [
        values["resources"],
        values["available"] or {},
        *(row["resources"] for row in values["alternatives"]),
    ]
    return [kind for kind in TITLES if any(row.get(kind) for row in rows)]
