"""The plan as a picture: the scores with their clusters, and what keeping more would cost and give."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError
from bnnc.plan.decide import FBIN, WBIN, Plan, PlannedLayer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHOSEN, OTHER = "#c44e52", "#4c72b0"
LOOKS = {WBIN: (CHOSEN, "real input"), FBIN: (OTHER, "one-bit input")}
DPI = 120
MOST_NAMES = 60  # layers whose names can be read below one another
WIDTH_OF_A_LAYER = 0.22  # inches


def require_matplotlib() -> None:
    """BnncError unless matplotlib is installed."""
    if find_spec("matplotlib") is None:
        raise BnncError.at("--plot", "matplotlib is not installed", "pip install matplotlib")


def draw(plan: Plan, title: str, path: Path) -> None:
    """Write a PNG; the same plan gives the same bytes (with the same matplotlib)."""
    from matplotlib.figure import Figure

    scored = [layer for layer in plan.layers if layer.score is not None]
    if not scored:
        raise BnncError.at("--plot", "no layer is selected by its score", "use --first score or --last score")
    width = 8 + WIDTH_OF_A_LAYER * len(scored)
    figure = Figure(figsize=(width, 4.5), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[width - 5, 5])
    _draw_scores(left, plan, scored)
    _draw_tradeoff(right, plan)
    figure.legend(loc="outside lower center", ncols=len(LOOKS), fontsize=8)
    figure.suptitle(title, parse_math=False)
    figure.savefig(path, format="png", metadata={"Software": None})


def _draw_scores(axes: Axes, plan: Plan, scored: list[PlannedLayer]) -> None:
    """A bar a layer in the network's order, the number of its cluster above."""
    heights = [layer.score or 0.0 for layer in scored]
    for decision, (colour, label) in LOOKS.items():
        places = [place for place, layer in enumerate(scored) if layer.decision == decision]
        axes.bar(places, [heights[place] for place in places], color=colour, label=label)
    for place, layer in enumerate(scored):
        axes.annotate(str(layer.cluster), (place, heights[place]), ha="center", va="bottom", fontsize=7)
    names = [layer.name for layer in scored] if len(scored) <= MOST_NAMES else []
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7, parse_math=False)
    axes.set_ylabel(f"score (gamma {plan.options.gamma:g})")
    axes.set_title("score of each layer, with its cluster", fontsize=9)


def _draw_tradeoff(axes: Axes, plan: Plan) -> None:
    """One point for each number of kept clusters."""
    points = plan.tradeoff
    axes.plot(
        [100 * p.real_macs for p in points], [100 * p.error_left for p in points], color="gray", zorder=1
    )
    for point in points:
        place = (100 * point.real_macs, 100 * point.error_left)
        axes.scatter(*place, color=CHOSEN if point.chosen else OTHER, s=60 if point.chosen else 25, zorder=2)
        text = f"{point.clusters} ({point.real_inputs})"
        axes.annotate(text, place, xytext=(5, 4), textcoords="offset points", fontsize=7)
    axes.set_xlabel("MACs with real inputs, %")
    axes.set_ylabel("binarization error that is left, %")
    axes.set_title("clusters (layers) with real inputs: cost and gain", fontsize=9)
    axes.margins(0.15)
