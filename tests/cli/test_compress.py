"""`bnnc compile --compress huffman`: what it says, what `inspect` lists, what the folder computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN


def test_a_compressed_folder_from_model_to_proof(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--target", "host", "--input-domain", DOMAIN, "--compress", "huffman")
    said = bnnc("compile", model, *options, "-o", out).stdout
    layers = json.loads((out / "manifest.json").read_text())["details"]["layers"]
    before, after = (sum(layer[key] for layer in layers) for key in ("n_bytes", "stored_bytes"))
    assert f"constants: {after:,} bytes stored for {before:,} ({100 * after / before:.1f} %)" in said
    for name, network in (("dir", out), ("sim", model)):
        on = "host" if name == "dir" else "sim"
        files = ("--input", samples, "--output", tmp_path / f"{name}.npy")
        bnnc("run", network, "--on", on, *files, "--input-domain", DOMAIN)
    np.testing.assert_array_equal(np.load(tmp_path / "dir.npy"), np.load(tmp_path / "sim.npy"))
    assert json.loads(bnnc("verify", out, "--json", "--on", "source,host").stdout)["ok"]


def test_inspect_lists_how_constants_are_stored(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    out, plain = tmp_path / "out", tmp_path / "plain"
    bnnc("compile", model, "--target", "host", "--compress", "huffman", "--no-verify", "-o", out)
    bnnc("compile", model, "--target", "host", "--no-verify", "-o", plain)
    stored = json.loads(bnnc("inspect", out, "--json").stdout)["stored"]
    assert [layer["name"] for layer in stored] == ["sign_in", "fc0", "fc1"]
    for layer in stored:
        assert layer["stored_bytes"] <= layer["n_bytes"]
        assert all(array["form"] in ("raw", "symbols") for array in layer["arrays"])
    text = bnnc("inspect", out).stdout
    assert "stored constants" in text and f"{stored[0]['stored_bytes']:,}" in text
    assert "stored" not in json.loads(bnnc("inspect", plain, "--json").stdout)
    assert "stored constants" not in bnnc("inspect", plain).stdout


def test_an_hls_project_says_the_same(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    options = ("--input-domain", DOMAIN, "--compress", "huffman", "--no-verify")
    said = bnnc("compile", model, "--target", "hls", *options, "-o", tmp_path / "out").stdout
    stored = json.loads(bnnc("inspect", tmp_path / "out", "--json").stdout)["stored"]
    assert [layer["name"] for layer in stored] == ["fc0", "fc1"]
    assert f"for {sum(layer['n_bytes'] for layer in stored):,} " in said


def test_foldings_count_what_decoders_take(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    network = onnx.load(model)
    (weights,) = (tensor for tensor in network.graph.initializer if tensor.name == "w0")
    weights.CopyFrom(numpy_helper.from_array(np.ones(tuple(weights.dims), np.float32), "w0"))
    frequent, folding, out = tmp_path / "frequent.onnx", tmp_path / "folding.json", tmp_path / "out"
    onnx.save(network, frequent)
    folding.write_text('{"layers": {"fc0": {"pe": 1, "simd": 4, "weights": "bram"}}}')
    options = (frequent, "--input-domain", DOMAIN, "--folding", folding)
    plain, coded = (
        json.loads(bnnc("fold", *options, "--compress", form, "--json").stdout)["resources"]["lut"]
        for form in ("none", "huffman")
    )
    target = ("--target", "hls", "--compress", "huffman", "--no-verify")
    bnnc("compile", *options, *target, "-o", out)
    report = json.loads((out / "report.json").read_text())
    assert report["resources"]["lut"] == coded > plain


def test_an_unknown_compression_is_an_error(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    options = ("--target", "arm", "--input-domain", DOMAIN, "--compress", "zip", "-o", tmp_path / "out")
    assert "zip" in bnnc("compile", model, *options, status=2).stderr
    assert not (tmp_path / "out").exists()
