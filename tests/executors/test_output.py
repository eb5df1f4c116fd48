"""Outputs appear whole or not at all, and nothing of others is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bnnc.errors import BnncError
from bnnc.executors.manifest import Manifest, Signature, file_digests, write_manifest
from bnnc.executors.output import new_file, new_folder

END = Signature("float32", (1,), "b1_pm", (1,))


def make(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    write_manifest(Manifest("n", "arm", "cortex-a72", "", END, END, (), {}, file_digests(folder)), folder)


def test_a_folder_with_its_parents_appears(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "b") as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "b" / "x").read_text() == "1"
    assert os.listdir(tmp_path) == ["a"]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="no"), new_folder(tmp_path / "a" / "b") as folder:
        (folder / "x").write_text("1")
        raise BnncError("no")
    assert os.listdir(tmp_path) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        (folder / "x").touch()
    assert os.listdir(tmp_path / "out") == ["x"]


def test_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(BnncError, match="is a file"), new_folder(tmp_path / "out", force=True):
        pass
    with pytest.raises(BnncError, match="cannot write the output"), new_folder(tmp_path / "out" / "below"):
        pass


def test_a_full_folder_is_kept_without_force(tmp_path: Path) -> None:
    make(tmp_path, x="old")
    with pytest.raises(BnncError, match="--force"), new_folder(tmp_path):
        pass
    assert (tmp_path / "x").read_text() == "old"


def test_force_refuses_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(BnncError, match="only what bnnc made"), new_folder(tmp_path, force=True):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years"


def test_force_replaces_what_was_made_and_keeps_the_rest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        make(folder, x="old", gone="old")
    (out / "mine").write_text("mine")
    with new_folder(out, force=True) as folder:
        make(folder, x="new")
    assert sorted(os.listdir(out)) == ["manifest.json", "mine", "x"]
    assert [(out / name).read_text() for name in ("x", "mine")] == ["new", "mine"]
    assert os.listdir(tmp_path) == ["out"]


def test_force_leaves_the_old_folder_when_it_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        make(folder, x="old")
    with pytest.raises(BnncError), new_folder(out, force=True):
        raise BnncError("no")
    assert (out / "x").read_text() == "old"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with new_file(Path("/dev/null")) as staged:
        staged.write_text("1")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("place", ["/proc/bnnc", "/dev/null/bnnc", "x" * 300])
def test_places_that_take_no_folder_are_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(BnncError, match="cannot write the output"), new_folder(tmp_path / place):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["x" * 300, "x" * 300 + "/y", "y/" + "x" * 300])
def test_impossible_names_are_refused_before_the_work_is_done(tmp_path: Path, place: str) -> None:
    for new in (new_folder, new_file):
        with pytest.raises(BnncError, match="cannot write the output"), new(tmp_path / place):
            pytest.fail("the work began")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["old", "new", "x" * 255])
def test_any_name_is_replaced(tmp_path: Path, name: str) -> None:
    for text in ("1", "2"):
        with new_folder(tmp_path / name, force=True) as folder:
            make(folder, x=text)
    assert (tmp_path / name / "x").read_text() == "2"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_parent_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BnncError, match="Permission denied"), new_folder(tmp_path / "out"):
        pass


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with new_file(tmp_path / "deep" / "y.npy") as staged:
        staged.write_text("1")
        assert os.listdir(tmp_path) != ["deep"]
    assert (tmp_path / "deep" / "y.npy").read_text() == "1"
    with pytest.raises(BnncError), new_file(tmp_path / "z.npy"):
        raise BnncError("no")
    with pytest.raises(BnncError, match="is a folder"), new_file(tmp_path / "deep"):
        pass
    assert os.listdir(tmp_path) == ["deep"]


def test_force_needs_a_manifest_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with (
        pytest.raises(BnncError, match="--force cannot tell what bnnc made there"),
        new_folder(tmp_path, True),
    ):
        pytest.fail("the work began")
