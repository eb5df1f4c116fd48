"""The picture of a pipeline: nothing lies on anything else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from tests.hls.branches import grouped_network, residual_network, shuffled_network, tall_residual
from tests.hls.lowered import lower
from tests.hls.projects import convolutional_network

from bnnc.hls.names import Names
from bnnc.hls.project.picture import BESIDE, HEIGHT, WIDTH, Picture, picture
from bnnc.ir.graph import Graph

Segment = tuple[tuple[float, float], tuple[float, float]]
NETWORKS = (convolutional_network, residual_network, grouped_network, shuffled_network, tall_residual)


def drawn(make: Callable[[], Graph]) -> Picture:
    return picture(lower(make(), Names()).stages)


def segments(path: str) -> list[Segment]:
    """Between the points of a path; a round corner is cut."""
    points = list[tuple[float, float]]()
    for command, text in re.findall(r"([MLQV])([^MLQV]*)", path):
        numbers = [float(n) for n in text.split()]
        x, y = (points[-1][0], numbers[0]) if command == "V" else numbers[-2:]
        points.append((x, y))
    return list(itertools.pairwise(points))


@pytest.mark.parametrize("make", NETWORKS)
def test_lines_lead_from_box_to_box_and_through_none(make: Callable[[], Graph]) -> None:
    found = drawn(make)
    corners = {(box.x + WIDTH // 2, box.y) for box in found.boxes}
    for line in found.lines.values():
        parts = segments(line.path)
        assert parts[-1][1] in corners and (parts[0][0][0], parts[0][0][1] - HEIGHT) in corners
        for (ax, ay), (bx, by) in parts:
            for box in found.boxes:
                beside = max(ax, bx) <= box.x or min(ax, bx) >= box.x + WIDTH
                assert beside or max(ay, by) <= box.y or min(ay, by) >= box.y + HEIGHT
            assert 0 <= max(ax, bx) <= found.width and max(ay, by) <= found.height


@pytest.mark.parametrize("make", [shuffled_network, residual_network])
def test_lines_beside_boxes_do_not_lie_on_each_other(make: Callable[[], Graph]) -> None:
    long = [
        (x, min(ay, by), max(ay, by))
        for line in drawn(make).lines.values()
        for (x, ay), (bx, by) in segments(line.path)
        if x == bx and abs(by - ay) > HEIGHT
    ]
    assert long
    for (x, top, bottom), (other, other_top, other_bottom) in itertools.combinations(long, 2):
        assert x != other or bottom <= other_top or other_bottom <= top


@pytest.mark.parametrize("make", NETWORKS)
def test_words_have_places_of_their_own(make: Callable[[], Graph]) -> None:
    """And of no box."""
    found = drawn(make)
    places = [(line.x, line.y) for line in found.lines.values()]
    assert len(set(places)) == len(places)
    for x, y in places:
        assert (
            not any(box.x < x < box.x + WIDTH and box.y < y < box.y + HEIGHT for box in found.boxes)
            and 0 <= x <= found.width - BESIDE
        )
