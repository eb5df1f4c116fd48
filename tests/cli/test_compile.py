"""`bnnc compile`: what is in the folder, what is refused, and that a wrong artefact is never left behind."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from tests.cli import stub
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN, FEATURES, save_samples

TREE = ["golden.txt", "manifest.json", "model.bnnc", "program.txt"]


@pytest.fixture(autouse=True)
def stub_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    stub.install(monkeypatch)


def compiled(bnnc: Bnnc, model: Path, out: Path, *options: str | Path) -> Path:
    bnnc("compile", model, "--target", "arm", "-o", out, *options)
    return out


def test_the_folder_holds_the_program_the_archive_and_the_manifest(
    bnnc: Bnnc, model: Path, tmp_path: Path
) -> None:
    out = compiled(bnnc, model, tmp_path / "a" / "out", "--input-domain", DOMAIN)
    assert sorted(os.listdir(out)) == TREE
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["files"] == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest()
        for name in TREE
        if name != "manifest.json"
    }
    ends = {key: manifest[key] for key in ("name", "target", "cpu", "input_domain")}
    assert ends == {"name": "mlp", "target": "arm", "cpu": "cortex-a72", "input_domain": DOMAIN}
    assert manifest["input"] == {
        "dtype": "float32",
        "shape": [FEATURES],
        "device_type": "u8",
        "device_shape": [FEATURES],
    }
    assert manifest["output"]["dtype"] == "float32" and manifest["output"]["device_type"] == "i32"


def test_the_same_model_gives_the_same_bytes(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    a, b = (compiled(bnnc, model, tmp_path / name) for name in "ab")
    assert filecmp.cmpfiles(a, b, TREE, shallow=False) == (TREE, [], [])


def test_nothing_of_the_machine_is_in_the_folder(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    out = compiled(bnnc, model, tmp_path / "out")
    for name in TREE:
        assert str(tmp_path).encode() not in (out / name).read_bytes()


@pytest.mark.parametrize("name", ["source", "sim", "arm"])
def test_a_folder_runs_like_its_model(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path, name: str
) -> None:
    out = compiled(bnnc, model, tmp_path / "out")
    for network, y in ((model, "a.npy"), (out, "b.npy")):
        bnnc("run", network, "--on", name, "--input", samples, "--output", tmp_path / y)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_a_folder_knows_its_input_domain(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    out = compiled(bnnc, model, tmp_path / "out", "--input-domain", DOMAIN)
    files = ("--input", samples, "--output", tmp_path / "y.npy")
    bnnc("run", out, "--on", "sim", *files, "--input-domain", DOMAIN)
    result = bnnc("run", out, "--on", "sim", *files, "--input-domain", "u8", status=1)
    assert f"it was compiled for the input domain '{DOMAIN}', not 'u8'; compile it again" in result.stderr


def test_the_samples_may_be_given(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    result = bnnc("compile", model, "--target", "host", "-o", tmp_path / "a", "--data", samples)
    assert "source 6 samples: every output is equal" in result.stdout
    result = bnnc(
        "compile", model, "--target", "host", "-o", tmp_path / "b", "--data", samples, "--samples", "2"
    )
    assert "host   2 samples: every integer is equal" in result.stdout


def test_wrong_samples_are_refused(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    options = ("--target", "host", "-o", tmp_path / "out", "--data", tmp_path / "x.npy")
    assert "shape (3, 2)" in bnnc("compile", model, *options, status=1).stderr
    assert not (tmp_path / "out").exists()


def test_no_verify_runs_nothing(
    bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.install(monkeypatch, stub.flip("fc1", (0, 0, 0, 0)))
    compiled(bnnc, model, tmp_path / "out", "--no-verify")
    assert sorted(os.listdir(tmp_path / "out")) == TREE


def test_a_program_that_computes_wrong_is_not_left_behind(
    bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.install(monkeypatch, stub.flip("sign0", (1, 0, 0, 5)))
    result = bnnc("compile", model, "--target", "arm", "-o", tmp_path / "out", status=1)
    assert "layer 'sign0' (threshold), sample 1, element [0, 0, 5]: sim gives" in result.stderr
    assert os.listdir(tmp_path) == ["mlp.onnx"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "gpu"), "unknown target 'gpu'; there are arm, host, hls"),
        (("--target", "arm", "--cpu", "z80"), "target arm: unknown CPU 'z80'; known are cortex-a53"),
        (("--target", "hls", "--cpu", "cortex-a72"), "target hls: it has no CPU"),
        (("--target", "hls"), "mlp.onnx: input 'x': nothing says which integers the device receives"),
        (("--target", "arm", "--input-domain", "u8:scale=0"), "a scale or std that is not positive"),
    ],
)
def test_wrong_options_are_explained(
    bnnc: Bnnc, model: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in bnnc("compile", model, *options, "-o", tmp_path / "out", status=1).stderr
    assert os.listdir(tmp_path) == ["mlp.onnx"]


def test_an_output_that_is_a_file_is_refused(bnnc: Bnnc, model: Path) -> None:
    before = model.read_bytes()
    for options in ((), ("--force",)):
        result = bnnc("compile", model, "--target", "arm", "-o", model, *options, status=1)
        assert f"{model}: the output folder is a file" in result.stderr
    assert model.read_bytes() == before


def test_a_full_folder_needs_force(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    out = compiled(bnnc, model, tmp_path / "out")
    assert "--force" in bnnc("compile", model, "--target", "host", "-o", out, status=1).stderr
    assert json.loads((out / "manifest.json").read_text())["target"] == "arm"
    bnnc("compile", model, "--target", "host", "-o", out, "--force")
    assert json.loads((out / "manifest.json").read_text())["target"] == "host"


def test_force_does_not_touch_a_folder_of_others(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    result = bnnc("compile", model, "--target", "arm", "-o", tmp_path, "--force", status=1)
    assert "only what bnnc made" in result.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_a_broken_manifest_is_named(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    out = compiled(bnnc, model, tmp_path / "out")
    for text in ("{", "[]", '{"name": 1}'):
        (out / "manifest.json").write_text(text)
        files = ("--input", samples, "--output", tmp_path / "y.npy")
        result = bnnc("run", out, "--on", "sim", *files, status=1)
        assert f"{out / 'manifest.json'}: not a manifest of this bnnc" in result.stderr
        assert "manifest" in bnnc("compile", model, "--target", "arm", "-o", out, "--force", status=1).stderr


def test_golden_vectors_are_the_first_of_the_samples(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    x = save_samples(tmp_path / "x.npy", 3)
    out = compiled(bnnc, model, tmp_path / "out", "--data", x)
    assert (out / "golden.txt").read_text() == "3"
