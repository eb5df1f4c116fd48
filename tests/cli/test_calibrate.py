"""`--calibrate`: layers of real numbers quantized by samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from tests.cli.conftest import Bnnc

CHANNELS, SIZE = 6, 8


@pytest.fixture
def residual(tmp_path: Path) -> Path:
    """Two float convolutions with a shortcut around the second one, and a dense layer."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (CHANNELS, 3, 3, 3), "w2": (CHANNELS, CHANNELS, 3, 3), "w3": (CHANNELS, 4)}
    stored = [
        numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], name="conv 1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu 1"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="conv 2", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "b"], ["d"], name="add"),
        helper.make_node("Relu", ["d"], ["e"], name="relu 2"),
        helper.make_node("GlobalAveragePool", ["e"], ["f"], name="mean"),
        helper.make_node("Flatten", ["f"], ["g"], name="flatten"),
        helper.make_node("MatMul", ["g", "w3"], ["y"], name="dense"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph(nodes, "residual", [x], [y], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, tmp_path / "residual.onnx")
    return tmp_path / "residual.onnx"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npz"
    np.savez(path, x=np.random.default_rng(1).normal(size=(24, 3, SIZE, SIZE)).astype(np.float32))
    return path


def test_a_float_network_needs_samples(bnnc: Bnnc, residual: Path) -> None:
    answer = bnnc("verify", residual, "--on", "source,sim", status=1)
    assert "real numbers reach a layer without a quantizer" in answer.output
    assert "--calibrate" in answer.output


def test_calibrated_networks_are_close_and_their_devices_equal(
    bnnc: Bnnc, residual: Path, images: Path
) -> None:
    answer = bnnc("verify", residual, "--on", "source,sim,host", "--calibrate", images, "--data", images)
    assert "approximate: top-1 agreement 100.00 %" in answer.output
    assert "every integer is equal" in answer.output


def test_what_was_calibrated_stays_in_the_folder(
    bnnc: Bnnc, residual: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bnnc("compile", residual, "--target", "host", "-o", out, "--calibrate", images, "--data", images)
    assert "top-1 agreement" in bnnc("verify", out, "--on", "source,host", "--data", images).output
    answer = bnnc("verify", out, "--calibrate", images, status=1)
    assert "is compiled already" in answer.output


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 3, SIZE, SIZE), np.float32), "no samples"),
        (np.zeros((2, 3, SIZE, 1), np.float32), "shape"),
        (np.zeros((2, 3, SIZE, SIZE)), "float32 is needed"),
    ],
)
def test_bad_samples(bnnc: Bnnc, residual: Path, tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "bad.npy", array)
    answer = bnnc("inspect", residual, "--calibrate", tmp_path / "bad.npy", status=1)
    assert message in answer.output and "bad.npy" in answer.output


def test_samples_to_calibrate_with_are_verified_with(bnnc: Bnnc, residual: Path, images: Path) -> None:
    answer = bnnc("verify", residual, "--on", "source,sim", "--calibrate", images)
    assert "8 samples, approximate: top-1 agreement 100.00 %" in answer.output


def test_samples_outside_the_declared_domain(bnnc: Bnnc, residual: Path, images: Path) -> None:
    domain = ("--input-domain", "u8:scale=1/255")
    answer = bnnc("inspect", residual, *domain, "--calibrate", images, status=1)
    assert "images.npz" in answer.output and "not a value of the declared input domain" in answer.output
