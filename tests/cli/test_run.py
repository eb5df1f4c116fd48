"""`bnnc run`: every executor answers the same, from a model or a folder; bad input is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import CLASSES, DOMAIN, FEATURES, edited, save_mlp, save_samples

from bnnc.executors import cache


def answers(bnnc: Bnnc, network: Path, name: str, x: Path, *options: str) -> np.ndarray:
    y = x.with_name(f"y_{name}.npy")
    bnnc("run", network, "--on", name, "--input", x, "--output", y, *options)
    result: np.ndarray = np.load(y)
    y.unlink()
    return result


@pytest.mark.parametrize("n", [0, 1, 6])
def test_source_and_sim_answer_the_same(bnnc: Bnnc, model: Path, tmp_path: Path, n: int) -> None:
    x = save_samples(tmp_path / "x.npy", n)
    source, sim = (answers(bnnc, model, name, x) for name in ("source", "sim"))
    assert source.dtype == np.float32 and source.shape == (n, CLASSES)
    assert sim.dtype == source.dtype
    np.testing.assert_array_equal(sim, source)


def test_limit_takes_the_first_samples(bnnc: Bnnc, model: Path, samples: Path) -> None:
    whole = answers(bnnc, model, "sim", samples)
    np.testing.assert_array_equal(answers(bnnc, model, "sim", samples, "--limit", "2"), whole[:2])
    np.testing.assert_array_equal(answers(bnnc, model, "source", samples, "--limit", "2"), whole[:2])
    assert len(answers(bnnc, model, "sim", samples, "--limit", "0")) == 0


def test_raw_gives_the_integers(bnnc: Bnnc, model: Path, samples: Path) -> None:
    raw, y = answers(bnnc, model, "sim", samples, "--raw"), answers(bnnc, model, "sim", samples)
    assert raw.dtype == np.int32
    np.testing.assert_array_equal(raw * np.float32(0.5), y)


def test_a_declared_domain_gives_the_same(bnnc: Bnnc, model: Path, samples: Path) -> None:
    with_domain = answers(bnnc, model, "sim", samples, "--input-domain", DOMAIN)
    np.testing.assert_array_equal(with_domain, answers(bnnc, model, "sim", samples))


def test_a_lowered_archive_runs_like_its_model(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path
) -> None:
    lowered = tmp_path / "lowered.bnnc"
    bnnc("opt", model, "-o", lowered)
    for name in ("source", "sim"):
        np.testing.assert_array_equal(
            answers(bnnc, lowered, name, samples), answers(bnnc, model, name, samples)
        )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, FEATURES + 1), np.float32), f"where (N, {FEATURES}) is needed"),
        (np.zeros((2, FEATURES), np.float64), "dtype float64 where float32 is needed"),
        (np.full((2, FEATURES), np.nan, np.float32), "a NaN at (0, 0)"),
        (np.array([None]), "not an .npy or .npz file of plain numbers"),
    ],
)
@pytest.mark.parametrize("name", ["source", "sim"])
def test_wrong_input_is_refused_and_leaves_nothing(
    bnnc: Bnnc, model: Path, tmp_path: Path, name: str, array: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    y = tmp_path / "y.npy"
    result = bnnc("run", model, "--on", name, "--input", tmp_path / "bad.npy", "--output", y, status=1)
    assert result.stderr.startswith(f"bnnc: error: {tmp_path / 'bad.npy'}: ") and message in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.npy", "mlp.onnx"]


def test_a_value_outside_the_domain_is_named(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    x = np.zeros((2, FEATURES), np.float32)
    x[1, 3] = 0.3337
    np.save(tmp_path / "x.npy", x)
    files = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    result = bnnc("run", model, "--on", "sim", *files, "--input-domain", DOMAIN, status=1)
    assert result.stderr.startswith(
        f"bnnc: error: {tmp_path / 'x.npy'}: input: sample 1, element [3] is 0.3337"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--on", "gpu"), "unknown executor 'gpu'; there are source, sim, host, arm, hls"),
        (("--on", "source", "--raw"), "the source computes real numbers"),
        (("--on", "sim", "--input-domain", "u99"), "--input-domain u99: unknown type 'u99'"),
        (("--on", "source", "--input-domain", "u8:scale=x"), "'x' is not a number"),
        (("--on", "sim", "--input-domain", ""), "--input-domain: is empty; leave it out, or declare one"),
        (("--on", "sim", "--input-domain", "u8:scale=1e400"), "its numbers are too large for float32"),
        (("--on", "sim", "--input-domain", "u8:scale=1e-60"), "are the same number in float32"),
    ],
)
def test_wrong_options_are_explained(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = bnnc("run", model, *options, "--input", samples, "--output", tmp_path / "y.npy", status=1)
    assert message in result.stderr
    assert not (tmp_path / "y.npy").exists()


def test_what_is_wrong_with_the_model_is_not_blamed_on_the_samples(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path
) -> None:
    def without_quantizer(changed: onnx.ModelProto) -> None:
        next(node for node in changed.graph.node if node.name == "fc0").input[0] = "x"

    real = edited(model, without_quantizer)
    message = "real numbers reach a layer without a quantizer; declare the integers that the device receives"
    run = ("run", "--on", "sim", "--input", samples, "--output", tmp_path / "y.npy")
    for command in (run, ("verify", "--data", samples)):
        stderr = bnnc(*command, real, status=1).stderr
        assert stderr.startswith(f"bnnc: error: {real}: input 'x': {message}") and stderr.count("\n") == 1


def test_an_output_that_cannot_be_written_is_explained(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path
) -> None:
    for y, message in ((tmp_path, "is a folder"), (model / "y.npy", "cannot write the output")):
        result = bnnc("run", model, "--on", "sim", "--input", samples, "--output", y, status=1)
        assert message in result.stderr


def test_parents_of_the_output_are_made(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    y = tmp_path / "new" / "deep" / "y.npy"
    bnnc("run", model, "--on", "sim", "--input", samples, "--output", y)
    assert len(np.load(y)) == 6


def test_another_model_is_not_mixed_up_in_the_cache(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path
) -> None:
    first = answers(bnnc, model, "sim", samples)
    save_mlp(model, seed=2)
    second = answers(bnnc, model, "sim", samples)
    np.testing.assert_array_equal(second, answers(bnnc, model, "source", samples))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"], ids=["empty", "text", "zip"])
@pytest.mark.parametrize("suffix", [".onnx", ".onnx.gz", ".bnnc"])
def test_what_is_no_model_is_refused(
    bnnc: Bnnc, samples: Path, tmp_path: Path, content: bytes, suffix: str
) -> None:
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(content)
    result = bnnc("run", bad, "--on", "sim", "--input", samples, "--output", tmp_path / "y.npy", status=1)
    assert result.stderr.startswith(f"bnnc: error: {bad}: ")


def test_a_folder_without_manifest_is_refused(bnnc: Bnnc, samples: Path, tmp_path: Path) -> None:
    result = bnnc("run", tmp_path, "--on", "sim", "--input", samples, "--output", tmp_path / "y", status=1)
    assert "a folder without manifest.json" in result.stderr


def test_notes_are_told_apart_from_results(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    def real_weights(changed: onnx.ModelProto) -> None:
        next(node for node in changed.graph.node if node.name == "fc1").input[1] = "w1"

    files = ("--input", samples, "--output", tmp_path / "y.npy")
    assert bnnc("run", model, "--on", "sim", *files).stderr == ""
    real = edited(model, real_weights)
    result = bnnc("run", real, "--on", "sim", *files)
    assert result.stderr.startswith("note: node 'fc1': real weights as 8-bit integers") and not result.stdout
    assert bnnc("run", real, "--on", "source", *files).stderr == ""


def test_the_input_is_not_overwritten(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    before = samples.read_bytes()
    (tmp_path / "link.npy").hardlink_to(samples)
    for y in (samples, tmp_path / "link.npy", tmp_path / "." / samples.name):
        result = bnnc("run", model, "--on", "sim", "--input", samples, "--output", y, status=1)
        assert f"the output would replace {samples}; give another --output" in result.stderr
    assert samples.read_bytes() == before


def test_a_model_that_is_refused_leaves_nothing_in_the_cache(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_quantizer(changed: onnx.ModelProto) -> None:
        next(node for node in changed.graph.node if node.name == "fc0").input[0] = "x"

    def same_names(changed: onnx.ModelProto) -> None:
        changed.graph.node[1].name = changed.graph.node[0].name

    monkeypatch.setattr(cache, "default_root", lambda _: tmp_path / "cache")
    for change in (without_quantizer, same_names):
        bad = edited(save_mlp(tmp_path / "bad.onnx"), change)
        for name in ("source", "sim", "host")[change is without_quantizer :]:
            bnnc("run", bad, "--on", name, "--input", samples, "--output", tmp_path / "y.npy", status=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.onnx", "mlp.onnx", "x.npy"]
