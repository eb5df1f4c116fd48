"""`bnnc bench`: the JSON, the table, the picture, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import CLASSES, FEATURES, HIDDEN
from tests.cli.test_start import HEAVY, loaded

WORK = FEATURES * HIDDEN + HIDDEN * CLASSES


def measured(bnnc: Bnnc, *arguments: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(bnnc("bench", *arguments, "--runs", "2", "--json").stdout)
    return answer


def test_the_whole_and_its_layers(bnnc: Bnnc, model: Path) -> None:
    found = measured(bnnc, model, "--cpu", "cortex-a76")
    assert (found["name"], found["target"], found["cpu"]) == ("mlp", "arm", "cortex-a76")
    assert found["macs"] == WORK == sum(layer["macs"] for layer in found["layers"])
    inside = sum(layer["instructions"] for layer in found["layers"])
    assert found["instructions"] == inside + found["instructions_outside_layers"]
    assert found["instructions_per_128_macs"] == 128 * found["instructions"] / WORK
    for layer in found["layers"]:
        assert layer["instructions"] > 0 and layer["host_seconds"] > 0
        assert layer["share"] == layer["instructions"] / found["instructions"]
        assert 0 <= layer["arena_bytes"] <= found["arena_bytes"]
        assert 0 <= layer["weight_bytes"] <= found["weight_bytes"]
        assert layer["instructions_per_128_macs"] is None or layer["macs"]
    shares = sum(layer["host_share"] for layer in found["layers"])
    assert abs(shares - 1) < 1e-9, "a sum of floats"


def test_a_compiled_folder_has_the_instructions_of_its_model(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    bnnc("compile", model, "--target", "arm", "--cpu", "cortex-a53", "-o", tmp_path / "out")
    folder = measured(bnnc, tmp_path / "out")
    assert folder["cpu"] == "cortex-a53"
    assert folder["instructions"] == measured(bnnc, model, "--cpu", "cortex-a53")["instructions"]
    error = bnnc("bench", tmp_path / "out", "--cpu", "cortex-a76", status=1).stderr
    assert "it was compiled for cortex-a53, not cortex-a76" in error


def test_compressed_weights_change_nothing_but_the_loading(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    bnnc("compile", model, "--target", "arm", "--compress", "huffman", "-o", tmp_path / "out")
    packed, plain = measured(bnnc, tmp_path / "out"), measured(bnnc, model)
    assert [a["instructions"] for a in packed["layers"]] == [a["instructions"] for a in plain["layers"]]


def test_the_host_has_times_and_no_instructions(bnnc: Bnnc, model: Path) -> None:
    found = measured(bnnc, model, "--target", "host")
    assert found["instructions"] is None and found["cycles"] is None and found["host_seconds"] > 0
    assert found["cpu"] == found["host_cpu"] and found["macs"] == WORK
    assert any("no instructions" in note for note in found["notes"])


def test_threads_share_the_work(bnnc: Bnnc, model: Path) -> None:
    found = measured(bnnc, model, "--target", "host", "--threads", "2")
    assert found["threads"] == 2 and all(layer["host_seconds"] > 0 for layer in found["layers"])
    assert any("on 2 cores" in note for note in found["notes"])


def test_without_llvm_mca_there_are_no_cycles_and_a_note(
    bnnc: Bnnc, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnnc.bench.mca.find_tools", lambda: None)
    found = measured(bnnc, model, "--cpu", "cortex-a76")
    assert found["cycles"] is None and all(layer["cycles"] is None for layer in found["layers"])
    assert any("llvm-mca and llvm-mc 19 or newer are not installed" in note for note in found["notes"])
    assert any("no model of generic" in note for note in measured(bnnc, model, "--cpu", "generic")["notes"])


def test_without_a_compiler_there_are_no_times_and_a_note(
    bnnc: Bnnc, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(bnnc, model)  # compiles
    monkeypatch.setattr("bnnc.bench.profile.check_runs_here", _refuse)
    found = measured(bnnc, model)
    assert found["host_seconds"] is None and found["host_cpu"] is None and found["instructions"] > 0
    assert any(note.startswith("no wall-clock times: ") for note in found["notes"])


def _refuse(cpu: str) -> None:
    from bnnc.errors import BnncError

    raise BnncError(f"cannot run {cpu}")


def test_the_table_names_every_layer(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("bench", model, "--runs", "2").stdout
    assert all(word in text for word in ("fc0", "fc1", "total", "copies of input and output", "per 128 MACs"))
    assert "bytes of working memory" in text and "note: wall-clock times" in text


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture(bnnc: Bnnc, model: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install matplotlib")
    bnnc("bench", model, "--runs", "2", "--plot", tmp_path / f"shares.{kind}")
    assert (tmp_path / f"shares.{kind}").stat().st_size > 1000


def test_what_is_refused(bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unknown CPU 'z80'" in bnnc("bench", model, "--cpu", "z80", status=1).stderr
    assert "compile for arm or host" in bnnc("bench", model, "--target", "hls", status=1).stderr
    assert "give .png or .svg" in bnnc("bench", model, "--plot", tmp_path / "a.gif", status=1).stderr
    monkeypatch.setattr("bnnc.report.chart.find_spec", lambda _: None)
    error = bnnc("bench", model, "--plot", tmp_path / "a.png", status=1).stderr
    assert "pip install matplotlib" in error and not (tmp_path / "a.png").exists()


def test_help_loads_nothing_heavy(bnnc: Bnnc) -> None:
    assert loaded("bench", "--help").isdisjoint(HEAVY)
    assert "  bench " in bnnc("--help").stdout
