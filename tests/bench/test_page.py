"""docs/performance.md: sections are replaced one by one, and what is not reached is collected."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ORDER = ("first", "second")


@pytest.fixture
def page(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of benchmarks/, writing elsewhere."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    module = importlib.import_module("page")
    monkeypatch.setattr(module, "PAGE", tmp_path / "performance.md")
    yield module


def test_a_section_replaces_itself_alone(page: ModuleType) -> None:
    page.write([page.Section(name, name.title(), f"old {name}") for name in ORDER], ORDER)
    page.write([page.Section("first", "First", "new text")], ORDER)
    text = page.PAGE.read_text()
    assert "new text" in text and "old second" in text and "old first" not in text
    assert text.index("<!-- first -->") < text.index("<!-- second -->") and text.startswith("# Performance")
    assert "Every figure that was set is reached." in text


def test_what_is_not_reached_is_said_first(page: ModuleType) -> None:
    goals = (page.Goal("a", 3, 2), page.Goal("b", 1, 2), page.Goal("c", 1.5, 2, at_least=True))
    page.write([page.Section("second", "Second", "text", goals)], ORDER)
    summary = page.PAGE.read_text().split("<!-- second -->")[0]
    assert "- Not reached: a: 3 (at most 2)" in summary and "- Not reached: c: 1.5 (at least 2)" in summary
    assert ": b: " not in summary and "Of 3 figures 1 are reached." in page.PAGE.read_text()


def test_a_table_leaves_out_what_is_not_known(page: ModuleType) -> None:
    text = page.table(("a", "b"), [(1234567, None), (0.125, "x")])
    assert text == "| a | b |\n| --- | --- |\n| 1,234,567 |  |\n| 0.125 | x |\n"


def test_the_best_peer_has_the_fewest_instructions(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    shapes = importlib.import_module("shapes")
    assert [shapes.PEERS[shape].best for shape in shapes.FOUR] == [4338702, 3329388, 3120283, 3223919]
    assert {shape.macs for shape in shapes.FOUR} == {115605504} and shapes.SIX[4].macs == 115605504 // 4
    assert shapes.PEERS[shapes.SIX[0]].best is None and len({shape.name for shape in shapes.SIX}) == 6
