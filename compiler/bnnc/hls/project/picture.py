"""Where the units of a pipeline stand in its picture, and the lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from bnnc.hls.network import Stage

WIDTH, HEIGHT = 420, 60
GAP_X, GAP_Y = 90, 32
LEVEL = 10  # of lines across, below the box that they leave, above the one that they enter
LANE = 20  # between lines side by side
MARGIN = 2
BESIDE, RADIUS = 6, 8


@dataclass(frozen=True)
class Box:
    """A unit at x, y, its upper left corner."""

    unit: str
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    """The `d` of an SVG path, and where a word beside it starts, or ends if `anchor` says so."""

    path: str
    x: int
    y: int
    anchor: str = "start"


@dataclass(frozen=True)
class Picture:
    """Boxes of WIDTH x HEIGHT, and a line for every stream between two of them."""

    boxes: tuple[Box, ...]
    lines: Mapping[str, Line]
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
    ends = {
        stream.name: (writer[stream], i)
        for i, stage in enumerate(stages)
        for stream in stage.reads
        if stream in writer
    }
    skips = {
        name: (max(columns[a], columns[b]), rows[a], rows[b])
        for name, (a, b) in ends.items()
        if rows[b] > rows[a] + 1
    }
    lanes = _lanes(skips)
    lines = {name: _line(boxes[a], boxes[b], lanes.get(name)) for name, (a, b) in ends.items()}
    width = max(columns) * (WIDTH + GAP_X) + WIDTH + GAP_X + MARGIN
    return Picture(boxes, lines, width, (max(rows) + 1) * (HEIGHT + GAP_Y) + MARGIN)


def _lanes(skips: Mapping[str, tuple[int, int, int]]) -> dict[str, int]:
    """Of lines beside a column, from one row to another: the first lane that no earlier one has there."""
    found = dict[str, int]()
    for name, (column, first, last) in skips.items():
        beside = [other for other in found if skips[other][0] == column]
        taken = {found[other] for other in beside if skips[other][1] < last and first < skips[other][2]}
        found[name] = next(lane for lane in count() if lane not in taken)
    return found


def _line(top: Box, bottom: Box, lane: int | None) -> Line:
    """Down to the next row, or in a lane beside the boxes in between; across only between two rows."""
    x, y, to_x, to_y = top.x + WIDTH // 2, top.y + HEIGHT, bottom.x + WIDTH // 2, bottom.y
    if lane is None and x == to_x:
        return Line(f"M{x} {y} V{to_y}", x - BESIDE, to_y - 12, "end")
    if lane is None:
        level = y + LEVEL if to_x > x else to_y - LEVEL
        path = _rounded([(x, y), (x, level), (to_x, level), (to_x, to_y)])
        return Line(path, max(x, to_x) + BESIDE, y + 19 if to_x < x else to_y - 8)
    side = max(top.x, bottom.x) + WIDTH + LANE * (1 + lane)
    above, below = y + LEVEL, to_y - LEVEL
    corners = [(x, y), (x, above), (side, above), (side, below), (to_x, below), (to_x, to_y)]
    return Line(_rounded(corners), side + BESIDE, (y + to_y) // 2 + 4)


def _rounded(points: Sequence[tuple[int, int]]) -> str:
    """A path along points, straight between them, with round corners."""
    path = "M{} {}".format(*points[0])
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (from_x, from_y), (to_x, to_y) = _near(corner, before), _near(corner, after)
        path += f" L{from_x} {from_y} Q{corner[0]} {corner[1]} {to_x} {to_y}"
    return path + " L{} {}".format(*points[-1])


def _near(corner: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """RADIUS away from a corner, on the way to another point."""
    x, y = (max(-RADIUS, min(RADIUS, b - a)) for a, b in zip(corner, other, strict=True))
    return corner[0] + x, corner[1] + y
