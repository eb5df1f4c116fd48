"""`bnnc compile --tune` and `--tuning-log`: what is remembered, what is honoured, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import save_mlp

from bnnc.executors.manifest import read_manifest

TUNE = ("--tune", "--tune-candidates", "2")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a tuned program `out` and its log."""
    return tmp_path_factory.mktemp("tuned")


@pytest.fixture
def log(bnnc: Bnnc, tuned: Path) -> Path:
    """The log of two layers, each measured by two candidates."""
    path = tuned / "log.jsonl"
    if not path.exists():
        model = save_mlp(tuned / "mlp.onnx")
        done = bnnc("compile", model, "--target", "arm", "-o", tuned / "out", *TUNE, "--tuning-log", path)
        assert "tuned 2 kinds of layers for cortex-a72" in done.stdout
        assert "every integer is equal" in done.stdout
    return path


def with_log(bnnc: Bnnc, tuned: Path, out: Path, log: Path, *options: str) -> dict[str, str]:
    """Digests of the files of a program that is compiled with a log."""
    bnnc("compile", tuned / "mlp.onnx", "--target", "arm", "-o", out, "--tuning-log", log, *options)
    return read_manifest(out).files


def test_a_log_is_used_again(bnnc: Bnnc, tuned: Path, log: Path, tmp_path: Path) -> None:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(e["cpu"], e["unit"], e["threads"]) for e in entries] == [("cortex-a72", "instructions", 1)] * 2
    assert all(entry["measure"] <= entry["model"] for entry in entries)
    assert with_log(bnnc, tuned, tmp_path / "a", log) == read_manifest(tuned / "out").files
    before = log.read_bytes()
    assert with_log(bnnc, tuned, tmp_path / "b", log, "--tune") == read_manifest(tuned / "out").files
    assert log.read_bytes() == before
    manifest = read_manifest(tuned / "out")
    assert sorted(manifest.details["choices"].values()) == sorted(entry["choice"] for entry in entries)


def test_what_a_log_says_is_done(bnnc: Bnnc, tuned: Path, log: Path, tmp_path: Path) -> None:
    """The kernels are others, the integers are not: what was compiled is verified."""
    entries = [
        json.loads(line) | {"choice": "words vectors=1 pixels=1"} for line in log.read_text().splitlines()
    ]
    (tmp_path / "other").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    other = with_log(bnnc, tuned, tmp_path / "out", tmp_path / "other")
    mine = read_manifest(tuned / "out").files
    assert other["mlp_kernels.o"] != mine["mlp_kernels.o"] and other["model.bnnc"] == mine["model.bnnc"]


def test_without_the_options_nothing_changes(bnnc: Bnnc, tuned: Path, log: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    bnnc("compile", tuned / "mlp.onnx", "--target", "arm", "-o", tmp_path / "plain")
    plain = read_manifest(tmp_path / "plain")
    assert plain.files == with_log(bnnc, tuned, tmp_path / "out", tmp_path / "empty")
    assert "choices" not in plain.details


def test_a_choice_that_is_gone_is_ignored(bnnc: Bnnc, tuned: Path, log: Path, tmp_path: Path) -> None:
    (tmp_path / "old").write_text(log.read_text().replace('"choice": "w', '"choice": "W'))
    options = ("--target", "arm", "-o", tmp_path / "out", "--tuning-log", tmp_path / "old")
    error = bnnc("compile", tuned / "mlp.onnx", *options).stderr
    assert error.count("any more, the log is ignored") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "hls", "--tune"), "target hls: it has no kernels to choose from"),
        (("--target", "arm", "--tune-with", "emulated"), "--tune-with: nothing is measured; give --tune"),
        (("--target", "arm", "--tune-candidates", "3"), "--tune-candidates: nothing is measured"),
        (("--target", "arm", "--tuning-log", "none.jsonl"), "none.jsonl: cannot be read"),
        (("--target", "arm", "--tune", "--tune-with", "rpc:board"), "--tune-with rpc:board: not a board"),
    ],
)
def test_what_is_refused(
    options: tuple[str, ...], message: str, bnnc: Bnnc, model: Path, tmp_path: Path
) -> None:
    assert message in bnnc("compile", model, "-o", tmp_path / "out", *options, status=1).stderr
    assert not (tmp_path / "out").exists()


def test_a_bad_line_is_named(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("\n{}\n")
    options = ("--target", "arm", "-o", tmp_path / "out", "--tuning-log", tmp_path / "log.jsonl")
    assert "log.jsonl:2: not an entry with" in bnnc("compile", model, *options, status=1).stderr


def test_a_log_that_cannot_be_written_is_an_error_before_anything_is_measured(
    bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnnc.tune.tuner.tune", lambda *_: pytest.fail("it was measured"))
    (tmp_path / "file").touch()
    options = ("--target", "arm", "-o", tmp_path / "out", "--tune", "--tuning-log", tmp_path / "file" / "log")
    assert str(tmp_path / "file") in bnnc("compile", model, *options, status=1).stderr
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert (
        "--force"
        in bnnc("compile", model, "--target", "arm", "-o", tmp_path / "out", "--tune", status=1).stderr
    )
