"""Small ONNX models for the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "u8:scale=1/255"
QONNX = "qonnx.custom_op.general"
FEATURES, HIDDEN, CLASSES = 40, 33, 4


def save_mlp(path: Path, seed: int = 1, scale: float = 0.5, norm: bool = True) -> Path:
    """x (N, 40) -> sign -> dense 33 -> BatchNorm -> sign -> dense 4; `scale` is that of the signs."""
    rng = np.random.default_rng(seed)
    one = np.array(scale, np.float32)
    constants = {
        "half": np.array(0.5, np.float32),
        "one": one,
        "w0": rng.normal(size=(FEATURES, HIDDEN)),
        "w1": rng.normal(size=(HIDDEN, CLASSES)),
        "gamma": rng.normal(size=HIDDEN),
        "beta": rng.normal(size=HIDDEN),
        "mean": rng.normal(size=HIDDEN),
        "var": rng.uniform(0.5, 2, HIDDEN),
        "unit": np.array(1, np.float32),
    }
    nodes = [
        helper.make_node("Sub", ["x", "half"], ["centred"], "centre"),
        bipolar("centred", "one", "bits", "sign_in"),
        bipolar("w0", "unit", "w0_bits", "w0_sign"),
        helper.make_node("MatMul", ["bits", "w0_bits"], ["sum0"], "fc0"),
        helper.make_node("BatchNormalization", ["sum0", "gamma", "beta", "mean", "var"], ["norm"], "bn"),
        bipolar("norm" if norm else "sum0", "one", "hidden", "sign0"),
        bipolar("w1", "unit", "w1_bits", "w1_sign"),
        helper.make_node("MatMul", ["hidden", "w1_bits"], ["y"], "fc1"),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


def save_twins(path: Path, width: int = 64, twins: int = 2) -> Path:
    """x (N, 40) -> sign -> dense, twins, each `width` -> dense 4, with signs between them."""
    rng = np.random.default_rng(0)
    widths = [FEATURES, *[width] * (1 + twins), CLASSES]
    constants = {f"w{i}": rng.normal(size=size) for i, size in enumerate(pairwise(widths))}
    nodes = [helper.make_node("Sub", ["x", "half"], ["sum0"], "centre")]
    for i in range(len(constants)):
        nodes += [
            bipolar(f"sum{i}", "one", f"bits{i}", f"sign{i}"),
            bipolar(f"w{i}", "one", f"w{i}_bits", f"w{i}_sign"),
            helper.make_node("MatMul", [f"bits{i}", f"w{i}_bits"], [f"sum{i + 1}"], f"fc{i}"),
        ]
    values = {**constants, "half": np.array(0.5), "one": np.array(1)}
    graph = helper.make_graph(
        nodes,
        "twins",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info(f"sum{len(constants)}", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in values.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


def bipolar(x: str, scale: str, y: str, name: str) -> onnx.NodeProto:
    return helper.make_node("BipolarQuant", [x, scale], [y], name, domain=QONNX)


def save_samples(path: Path, n: int = 6, seed: int = 0) -> Path:
    """Values of `DOMAIN`, float32 (n, 40)."""
    codes = np.random.default_rng(seed).integers(0, 256, (n, FEATURES))
    np.save(path, (codes / np.float32(255)).astype(np.float32))
    return path


def edited(path: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """The model at `path`, changed in place."""
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    return path
