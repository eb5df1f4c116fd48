"""`bnnc verify`: green when all agree, red with layer, element and values when one does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cli import stub
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN, edited, save_mlp, save_samples

from bnnc.executors import network
from bnnc.executors.network import Network
from bnnc.ir.archive import Archive, load_archive, save_archive
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Op


@pytest.fixture(autouse=True)
def stub_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    stub.install(monkeypatch)


def verdicts(bnnc: Bnnc, *arguments: str | Path, status: int = 0) -> dict[str, dict[str, object]]:
    """The executors of the JSON answer, whose `ok` fits the exit status."""
    answer = json.loads(bnnc("verify", *arguments, "--json", status=status).stdout)
    assert answer["ok"] is (status == 0)
    executors: dict[str, dict[str, object]] = answer["executors"]
    return executors


def test_all_agree(bnnc: Bnnc, model: Path) -> None:
    found = verdicts(bnnc, model, "--on", "source,sim,host,arm,hls", "--input-domain", DOMAIN)
    assert list(found) == ["source", "sim", "host", "arm", "hls"]
    for verdict in found.values():
        assert verdict["equal"] and verdict["samples"] == 8 and verdict["mismatch"] is None


def test_what_runs_by_default(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    assert {"source", "sim", "host", "arm"} <= verdicts(bnnc, model).keys()
    bnnc("opt", model, "--passes", "", "-o", tmp_path / "source.bnnc")
    assert "source" in verdicts(bnnc, tmp_path / "source.bnnc")


def test_what_cannot_run_by_default_is_noted(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("verify", model).stdout
    assert "note: hls is left out: input 'x': nothing says which integers the device receives" in text


def test_what_cannot_run_but_is_asked_for_is_an_error(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.bnnc"
    bnnc("opt", model, "-o", archive)
    save_archive(Archive(load_archive(archive).graph), archive)
    assert (
        "the source model is not in this archive"
        in bnnc("verify", archive, "--on", "source", status=1).stderr
    )
    assert "unknown executor 'gpu'" in bnnc("verify", archive, "--on", "sim,gpu", status=1).stderr
    assert "no executor is named" in bnnc("verify", archive, "--on", ",", status=1).stderr


@pytest.mark.parametrize("layer", ["fc0", "sign0", "fc1"])
def test_a_liar_is_found(bnnc: Bnnc, model: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    at = (3, 0, 0, 2)
    stub.install(monkeypatch, stub.flip(layer, at))
    found = verdicts(bnnc, model, "--on", "sim,arm", status=1)
    assert found["sim"]["ok"] and not found["arm"]["ok"]
    mismatch = found["arm"]["mismatch"]
    assert isinstance(mismatch, dict)
    assert (mismatch["layer"], mismatch["sample"], mismatch["element"]) == (layer, 3, [0, 0, 2])
    assert mismatch["expected"] == -mismatch["actual"] != 0


def test_a_liar_is_named_in_words(bnnc: Bnnc, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.install(monkeypatch, stub.flip("sign0", (0, 0, 0, 7)))
    result = bnnc("verify", model, "--on", "host", status=1)
    assert "FAIL host: 8 samples, " in result.stdout
    assert "bnnc: error: layer 'sign0' (threshold), sample 0, element [0, 0, 7]: sim gives" in result.stderr


def test_a_wrong_lowering_is_found_by_the_source(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "wrong.bnnc"
    bnnc("opt", model, "-o", archive)
    good = load_archive(archive)

    def wrong(op: Op) -> Op:
        if not isinstance(op, Threshold):
            return op
        base = op.base.copy()
        base[4] *= -1
        jumps = op.jumps.copy()
        jumps[4] *= -1
        return replace(op, base=base, jumps=jumps)

    save_archive(Archive(good.graph.rewrite(wrong), good.onnx), archive)
    mismatch = verdicts(bnnc, archive, "--on", "source,sim", status=1)["source"]["mismatch"]
    assert isinstance(mismatch, dict)
    assert (mismatch["layer"], mismatch["element"], mismatch["reference"]) == ("sign0", [0, 0, 4], "source")
    assert mismatch["expected"] == -mismatch["actual"]


def test_scales_that_round_are_equal_to_rounding(bnnc: Bnnc, tmp_path: Path) -> None:
    model = save_mlp(tmp_path / "third.onnx", scale=1 / 3)
    source = verdicts(bnnc, model, "--on", "source")["source"]
    assert source["ok"] and not source["equal"]
    assert str(source["comparison"]).startswith("equal to rounding (max ")
    assert isinstance(source["max_ulp"], float) and 0 < source["max_ulp"] < 8
    assert isinstance(source["max_error"], float) and 0 < source["max_error"] < 1e-5


def test_a_real_layer_is_approximate_and_says_so(bnnc: Bnnc, model: Path) -> None:
    def real_weights(changed: onnx.ModelProto) -> None:
        next(node for node in changed.graph.node if node.name == "fc1").input[1] = "w1"

    found = json.loads(bnnc("verify", edited(model, real_weights), "--on", "source,host", "--json").stdout)
    source = found["executors"]["source"]
    assert source["ok"] and not source["equal"]
    assert source["comparison"].startswith("approximate: top-1 agreement ")
    assert 0 <= source["top1_agreement"] <= 1 and 0 < source["mean_error"] <= source["max_error"]
    assert found["executors"]["host"]["equal"]
    assert any("'fc1'" in note and "8-bit" in note for note in found["notes"])
    assert f"note: {found['notes'][0]}" in bnnc("inspect", model).stdout


def test_ties_that_float_sums_break_are_told_apart(bnnc: Bnnc, tmp_path: Path) -> None:
    """40 products of +-1/3 whose sum is exactly 0 give some 1e-8 in float32: the sign of a tie."""
    model = save_mlp(tmp_path / "third.onnx", scale=1 / 3, norm=False)
    source = verdicts(bnnc, model, "--on", "source")["source"]
    assert source["ok"] and not source["equal"]
    assert str(source["comparison"]).startswith("equal but for ties that the source's float sums break (")


@pytest.mark.parametrize("shift", [-2, 2])
def test_a_cut_that_is_off_by_one_is_no_tie(bnnc: Bnnc, tmp_path: Path, shift: int) -> None:
    model, archive = save_mlp(tmp_path / "half.onnx", norm=False), tmp_path / "wrong.bnnc"
    assert verdicts(bnnc, model, "--on", "source")["source"]["equal"]
    bnnc("opt", model, "-o", archive)
    good = load_archive(archive)

    def wrong(op: Op) -> Op:
        return replace(op, cuts=op.cuts + shift) if isinstance(op, Threshold) else op

    save_archive(Archive(good.graph.rewrite(wrong), good.onnx), archive)
    mismatch = verdicts(bnnc, archive, "--on", "source", status=1)["source"]["mismatch"]
    assert isinstance(mismatch, dict) and mismatch["layer"] == "sign0"


def test_given_samples_are_used(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.load(samples), y=np.zeros(6))
    for data in (samples, tmp_path / "x.npz"):
        assert verdicts(bnnc, model, "--on", "sim", "--data", data)["sim"]["samples"] == 6
    assert verdicts(bnnc, model, "--on", "sim", "--data", samples, "--samples", "2")["sim"]["samples"] == 2
    assert verdicts(bnnc, model, "--on", "sim", "--samples", "3")["sim"]["samples"] == 3


@pytest.mark.parametrize("command", [("verify",), ("compile", "--target", "arm", "-o", "out")])
def test_a_missing_file_is_told_before_the_work_begins(
    bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Network, "graph", property(lambda _: pytest.fail("lowered")))
    result = bnnc(*command, model, "--data", tmp_path / "x.npy", status=1)
    assert result.stderr == f"bnnc: error: {tmp_path / 'x.npy'}: there is no such file\n"


def test_how_an_executor_ran_is_told(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    assert verdicts(bnnc, model, "--on", "arm")["arm"]["how"] == "stub"
    assert "ok   arm (stub): 8 samples, " in bnnc("verify", model, "--on", "arm").stdout
    assert (
        "arm (stub) 4 samples: " in bnnc("compile", model, "--target", "arm", "-o", tmp_path / "out").stdout
    )


def test_no_samples_prove_nothing(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    empty = save_samples(tmp_path / "x.npy", 0)
    assert "there are no samples" in bnnc("verify", model, "--data", empty, status=1).stderr


def test_a_folder_is_verified_as_it_is(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bnnc("compile", model, "--target", "arm", "-o", out)
    assert verdicts(bnnc, out, "--on", "source,arm")["arm"]["equal"]
    assert list(verdicts(bnnc, out)) == ["source", "sim", "host", "arm"]


@pytest.mark.parametrize("command", ["verify", "run", "inspect"])
def test_a_folder_that_was_changed_is_refused_before_anything_is_loaded(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    out = tmp_path / "out"
    bnnc("compile", model, "--target", "arm", "-o", out)
    (out / "golden.txt").write_text("edited")
    (out / "program.txt").unlink()
    monkeypatch.setattr(network, "load_archive", lambda _: pytest.fail("loaded"))
    files = ("--on", "arm", "--input", samples, "--output", tmp_path / "y.npy") if command == "run" else ()
    assert bnnc(command, out, *files, status=1).stderr == (
        f"bnnc: error: {out / 'golden.txt'}: is not what was compiled; compile it again\n"
        f"bnnc: error: {out / 'program.txt'}: was compiled and is not there; compile it again\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlp.onnx", "out", "x.npy"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "gpu"}, "unknown target 'gpu'"),
        ({"target": 3}, "'target' is 3"),
        ({"cpu": "z80"}, "unknown CPU 'z80'"),
        ({"files": ["golden.txt"]}, "'files' is ['golden.txt']"),
        ({"files": None}, "'files' is None"),
        ({"notes": "none"}, "'notes' is 'none'"),
        ({"surprise": 1}, "surprise"),
        (None, "'name'"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(
    bnnc: Bnnc, model: Path, tmp_path: Path, change: dict[str, object] | None, message: str
) -> None:
    out = tmp_path / "out"
    bnnc("compile", model, "--target", "arm", "-o", out)
    fields = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({} if change is None else fields | change))
    stderr = bnnc("verify", out, status=1).stderr
    assert stderr.startswith(f"bnnc: error: {out / 'manifest.json'}: not a manifest of this bnnc (")
    assert message in stderr and stderr.endswith("; compile it again\n")
