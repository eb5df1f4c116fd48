"""Where the units of a pipeline stand in its picture, and the lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bnnc.hls.network import Stage

WIDTH, HEIGHT = 250, 44
GAP_X, GAP_Y = 70, 26
MARGIN = 12


@dataclass(frozen=True)
class Box:
    """A unit at x, y, its upper left corner."""

    unit: str
    x: int
    y: int


@dataclass(frozen=True)
class Picture:
    """Boxes of WIDTH x HEIGHT, and the `d` of an SVG path for every stream between two of them."""

    boxes: tuple[Box, ...]
    lines: Mapping[str, str]
    width: int
    height: int


def picture(stages: Sequence[Stage]) -> Picture:
    """From top to bottom: every unit stands below those that it reads, branches beside each other."""
    writer = {stream: i for i, stage in enumerate(stages) for stream in stage.writes}
    rows = list[int]()
    for stage in stages:
        above = [rows[writer[stream]] for stream in stage.reads if stream in writer]
        rows.append(1 + max(above, default=-1))
    columns = [rows[:i].count(row) for i, row in enumerate(rows)]
    boxes = tuple(
        Box(stage.unit.name, MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
        for stage, row, column in zip(stages, rows, columns, strict=True)
    )
    lines = {
        stream.name: _line(boxes[writer[stream]], boxes[i], rows[i] - rows[writer[stream]])
        for i, stage in enumerate(stages)
        for stream in stage.reads
        if stream in writer
    }
    width = max(columns) * (WIDTH + GAP_X) + WIDTH + GAP_X + MARGIN
    return Picture(boxes, lines, width, (max(rows) + 1) * (HEIGHT + GAP_Y) + MARGIN)


def _line(top: Box, bottom: Box, rows: int) -> str:
    """Straight down to the next row; around the boxes in between to others."""
    x, y, to_x, to_y = top.x + WIDTH // 2, top.y + HEIGHT, bottom.x + WIDTH // 2, bottom.y
    if rows == 1:
        return f"M{x} {y} C{x} {y + GAP_Y} {to_x} {to_y - GAP_Y} {to_x} {to_y}"
    side = max(top.x, bottom.x) + WIDTH + GAP_X // 2
    return (
        f"M{x} {y} C{x} {y + GAP_Y} {side} {y} {side} {y + HEIGHT} "
        f"V{to_y - HEIGHT} C{side} {to_y} {to_x} {to_y - GAP_Y} {to_x} {to_y}"
    )
