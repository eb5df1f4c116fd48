"""The stacked bar chart: two formats, the same bytes twice, names as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnnc.errors import BnncError
from bnnc.report.chart import Bar, check_chart, draw_bars, share

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install matplotlib")

NAMES = ["conv1", "$pool_{$", "fc"]
BARS = [Bar("100 instructions", [60, 39.5, 0.5]), Bar("1 us", [10, 20, 0.1])]


def drawn(path: Path) -> bytes:
    draw_bars(BARS, NAMES, "a $net_{$", path, path.suffix)
    return path.read_bytes()


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml")])
def test_the_same_bytes_twice(kind: str, start: bytes, tmp_path: Path) -> None:
    first, second = drawn(tmp_path / f"a.{kind}"), drawn(tmp_path / f"b.{kind}")
    assert first == second and first.startswith(start)
    assert b"<dc:date>" not in first and b"Software" not in first


def test_names_are_no_formulas_and_small_parts_are_one(tmp_path: Path) -> None:
    text = drawn(tmp_path / "a.svg").decode()
    assert all(name in text for name in ("conv1", "$pool_{$", "a $net_{$", "other", "100 instructions"))
    assert ">fc<" not in text


def test_parts_of_nothing_are_nothing() -> None:
    assert share(Bar("", [0, 0]), [0]) == 0 and share(BARS[0], [0, 1]) == 0.995


def test_other_formats_are_refused(tmp_path: Path) -> None:
    check_chart(tmp_path / "a.PNG")
    with pytest.raises(BnncError, match="give .png or .svg"):
        check_chart(tmp_path / "a.gif")


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bnnc.report.chart.find_spec", lambda _: None)
    with pytest.raises(BnncError, match=r"pip install matplotlib"):
        check_chart(tmp_path / "a.png")
