"""A stacked bar chart: of what parts a whole consists, in one or more measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
DPI, LEGEND_COLUMNS = 120, 4
SMALLEST_NAMED = 0.01  # of the whole; what is smaller is one part, "other"
ID_SALT = "bnnc"  # of names inside an SVG, which are random otherwise


@dataclass(frozen=True)
class Bar:
    """One measure: its name and total in words, and the parts in the order of the layers."""

    title: str
    parts: Sequence[float]


def check_chart(path: Path) -> None:
    """BnncError unless matplotlib is installed and `path` is a kind of picture that can be written."""
    if find_spec("matplotlib") is None:
        raise BnncError.at("--plot", "matplotlib is not installed", "pip install matplotlib")
    if path.suffix.lower() not in FORMATS:
        raise BnncError.at("--plot", f"{path.name!r} is no picture", f"give {' or '.join(FORMATS)}")


def draw_bars(bars: Sequence[Bar], names: Sequence[str], title: str, path: Path, kind: str) -> None:
    """Write a picture of `kind`, .png or .svg; the same figures give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    large = [i for i in range(len(names)) if any(share(bar, [i]) >= SMALLEST_NAMED for bar in bars)]
    rest = [i for i in range(len(names)) if i not in large]
    height = 2 + 0.6 * len(bars) + 0.2 * len(large) / LEGEND_COLUMNS
    figure = Figure(figsize=(10, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(bars)
    for rank, index in enumerate(large):
        left = _stack(axes, bars, [index], left, colormap(rank), names[index])
    _stack(axes, bars, rest, left, "lightgray", "other" if rest else "")
    axes.set_yticks(range(len(bars)), [bar.title for bar in bars], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the sum of the layers")
    axes.set_title(title, parse_math=False)
    legend = figure.legend(loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
    with matplotlib.rc_context({"svg.hashsalt": ID_SALT, "svg.fonttype": "none"}):
        figure.savefig(path, format=kind.removeprefix("."), metadata=FORMATS[kind])


def share(bar: Bar, indices: Sequence[int]) -> float:
    """What part of the whole some parts are."""
    return sum(bar.parts[i] for i in indices) / (sum(bar.parts) or 1)


def colormap(rank: int) -> tuple[float, ...]:
    """Twenty colours, again and again."""
    import matplotlib

    colour: tuple[float, ...] = matplotlib.colormaps["tab20"](rank % 20)
    return colour


def _stack(
    axes: Axes,
    bars: Sequence[Bar],
    indices: Sequence[int],
    left: Sequence[float],
    colour: str | tuple[float, ...],
    label: str,
) -> list[float]:
    """Draw the same parts of every bar; returns where the next ones begin."""
    widths = [100 * share(bar, indices) for bar in bars]
    axes.barh(range(len(bars)), widths, left=left, color=colour, label=label, edgecolor="white")
    return [start + width for start, width in zip(left, widths, strict=True)]
