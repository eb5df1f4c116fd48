"""The cache: an entry is made once, appears whole, and depends on everything that went into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnnc.errors import BnncError
from bnnc.executors import cache


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        (folder / "x").write_text("1")

    first, again = (cache.entry(tmp_path, {"model": "a"}, make) for _ in range(2))
    assert first == again and (first / "x").read_text() == "1" and len(calls) == 1
    assert cache.entry(tmp_path, {"model": "b"}, make) != first


@pytest.mark.parametrize("name", ["model", "bnnc", "sources"])
def test_every_part_counts(name: str) -> None:
    assert cache.key({name: "a"}) != cache.key({name: "b"})
    assert cache.key({name: "a", "other": "b"}) == cache.key({"other": "b", name: "a"})


def test_a_failure_leaves_no_entry(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "x").touch()
        raise BnncError("no")

    with pytest.raises(BnncError):
        cache.entry(tmp_path, {"model": "a"}, make)
    assert os.listdir(tmp_path) == []
    with pytest.raises(BnncError):
        cache.entry(tmp_path / "new", {"model": "a"}, make)
    assert os.listdir(tmp_path) == []


def test_another_process_may_win_the_race(tmp_path: Path) -> None:
    def slow(folder: Path) -> None:
        (folder / "x").write_text("same")
        cache.entry(
            tmp_path, {"model": "a"}, lambda other: None if (other / "x").write_text("same") else None
        )

    assert (cache.entry(tmp_path, {"model": "a"}, slow) / "x").read_text() == "same"
    assert len(os.listdir(tmp_path)) == 1


def test_an_edit_of_the_sources_leads_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.entry(tmp_path, {}, lambda folder: None)
    monkeypatch.setattr(cache, "source_digest", lambda: "edited")
    assert cache.entry(tmp_path, {}, lambda folder: None) != before


def test_the_root_follows_the_environment() -> None:
    assert cache.default_root({"BNNC_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache.default_root({"XDG_CACHE_HOME": "/b"}) == Path("/b/bnnc")
    assert cache.default_root({}) == Path.home() / ".cache" / "bnnc"


def test_a_root_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BnncError, match="BNNC_CACHE"):
        cache.entry(tmp_path / "file" / "below", {}, lambda folder: None)
