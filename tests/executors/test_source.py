"""Executor `source`: published networks as published, any batch, intermediate values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.frontends.reading import model

from bnnc.errors import BnncError
from bnnc.executors.fold import fold_constants
from bnnc.executors.source import FREE_BATCH, SourceExecutor
from bnnc.frontends.expand import expand
from bnnc.frontends.load import load_model
from bnnc.ir.op import Array

N_SAMPLES = 50
KWS_SCALE = np.float32(0.33674246072769165)

MODELS = (
    "bmxnet_lenet_mnist.onnx.gz",
    "cnv_w1a1_cifar10.onnx.gz",
    "cnv_w1a1_cifar10_qonnx.onnx.gz",
    "cnv_w1a2_cifar10.onnx.gz",
    "cnv_w1a2_cifar10_qonnx.onnx.gz",
    "kws_mlp_w3a3.onnx",
    "lfc_w1a1_mnist.onnx.gz",
    "lfc_w1a1_mnist_qonnx.onnx.gz",
    "lfc_w1a2_mnist.onnx.gz",
    "lfc_w1a2_mnist_qonnx.onnx.gz",
    "tfc_1w1a.onnx",
    "tfc_1w2a.onnx",
    "tfc_2w2a.onnx",
)


def _raw(shared_data: Path, subset: str) -> Array:
    with np.load(shared_data / "subsets" / f"{subset}.npz") as stored:
        return np.asarray(stored["x"][:N_SAMPLES], np.float32)


def _input(shared_data: Path, name: str) -> Array:
    """The input that the network was trained on, as the data's README describes it."""
    if name.startswith("kws"):
        return _raw(shared_data, "kws_test1000") * KWS_SCALE
    if name.startswith("cnv"):
        x = _raw(shared_data, "cifar10_test1000").transpose(0, 3, 1, 2)
    else:
        x = _raw(shared_data, "mnist_test1000")[:, None]
    if name.startswith(("tfc", "bmxnet")):
        return x / np.float32(255)
    return np.float32(2) * x / np.float32(255) - np.float32(1)


def _expected(shared_data: Path, name: str, key: str) -> Array:
    stem = name.split(".")[0].removesuffix("_qonnx")
    with np.load(shared_data / "expected" / f"{stem}.npz") as stored:
        return np.asarray(stored[key][:N_SAMPLES])


@pytest.mark.parametrize("name", MODELS)
def test_published_networks_answer_as_published(shared_data: Path, name: str) -> None:
    executor = SourceExecutor(load_model(shared_data / "models" / name).onnx)
    y = executor.run(_input(shared_data, name))
    # Sums of products with scales that are no powers of two (kws), and Tanh (bmxnet), round differently
    # from one release of onnxruntime to the next; all the others are integers, or one affine map of them.
    assert np.allclose(y, _expected(shared_data, name, "y"), rtol=1e-5, atol=2e-5)
    assert np.array_equal(y.argmax(axis=1), _expected(shared_data, name, "top1"))


def test_finn_dialect_answers_classes(shared_data: Path) -> None:
    executor = SourceExecutor(load_model(shared_data / "models" / "tfc_1w1a_finn.onnx").onnx)
    y = executor.run(_raw(shared_data, "mnist_test1000")[:, None])
    assert y.dtype == np.int64 and y.shape == (N_SAMPLES, 1)
    assert np.array_equal(y[:, 0], _expected(shared_data, "tfc_1w1a_finn", "top1"))


def _executor(x: str = "float[N,4] x", body: str = "a = MatMul(x, w) y = Add(a, c)") -> SourceExecutor:
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    return SourceExecutor(model(body, {"w": weights, "c": 0.5}, x).SerializeToString())


@pytest.mark.parametrize("batch", ["N", "1", "3", "40"])
@pytest.mark.parametrize("n", [0, 1, 3, FREE_BATCH, FREE_BATCH + 1, 50])
def test_any_number_of_samples_whatever_the_graph_declares(batch: str, n: int) -> None:
    x = np.random.default_rng(n).integers(-4, 5, (n, 4)).astype(np.float32)
    y = _executor(f"float[{batch},4] x").run(x)
    assert np.array_equal(y, x @ np.arange(12, dtype=np.float32).reshape(4, 3) + np.float32(0.5))


def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    x = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
    executor = _executor()
    assert np.array_equal(executor.run(x)[:3], executor.run(x[:3]))


def test_large_samples_run_in_smaller_batches() -> None:
    x = np.random.default_rng(5).integers(-4, 5, (3, 2, 300, 100)).astype(np.float32)
    seen: list[int] = []
    proto = model("y = Relu(x)", {}, "float[N,2,300,100] x")
    y = SourceExecutor(proto.SerializeToString()).run(x, seen.append)
    assert seen == [2, 1] and np.array_equal(y, np.maximum(x, 0))


def test_quantized_weights_are_computed_once() -> None:
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    body = "q = Quant(w, s, z, b) t = Relu(q) m = MatMul(x, t) y = Quant(m, s, z, b)"
    proto = model(body, {"w": weights, "s": 0.5, "z": 0.0, "b": 4.0})
    folded = fold_constants(expand(proto)).graph
    assert {name for node in folded.node for name in node.input} >= {"x", "t"}
    assert not any("w" in node.input or "q" in node.input for node in folded.node)
    assert "w" not in {tensor.name for tensor in folded.initializer}
    x = np.eye(4, dtype=np.float32)
    y = SourceExecutor(proto.SerializeToString()).run(x)
    assert np.array_equal(y, np.minimum(weights, 3.5))


def test_branches_between_two_values_are_no_chain() -> None:
    executor = _executor(body="a = Relu(x) b = Abs(a) d = Add(b, x) y = Neg(d)")
    x = np.array([[1, -2, 3, 0]], np.float32)
    assert executor.between("Add_d", "Neg_y", x).tolist() == [[-1, 2, -3, 0]]
    assert executor.values(x, ["Abs_b", "Add_d"])["Add_d"].tolist() == [[2, -2, 6, 0]]
    with pytest.raises(AssertionError, match="'y' does not depend on 'b' alone"):
        executor.between("Abs_b", "Neg_y", x)


def test_fixed_point_steps_are_one_value() -> None:
    body = (
        "c = Cast<to=11>(x) m = Mul(c, h) p = PRelu(m, s) f = Floor(p) k = Clip(f, lo, hi)"
        " i = Cast<to=1>(k) y = Mul(i, u)"
    )
    numbers = {"h": 0.5, "s": -1, "lo": -3, "hi": 2}
    arrays = {name: np.array(value, np.float64) for name, value in numbers.items()}
    executor = SourceExecutor(
        model(body, {**arrays, "u": np.array(0.25, np.float32)}, opset=21).SerializeToString()
    )
    x = np.array([[1, -2, 3, 100]], np.float32)
    assert executor.values(x, ["Cast_i"])["Cast_i"].tolist() == [[0, 1, 1, 2]]
    assert executor.run(x).tolist() == [[0, 0.25, 0.25, 0.5]]


def test_progress_counts_samples() -> None:
    seen: list[int] = []
    _executor("float[3,4] x").run(np.zeros((8, 4), np.float32), seen.append)
    assert seen == [3, 3, 2]


def test_nodes_that_the_output_does_not_need_are_not_run() -> None:
    x = np.array([[1, -2, 3, 0]], np.float32)
    executor = _executor(body="unused = Unheard(x) y = Abs(x)")
    assert executor.run(x).tolist() == [[1, 2, 3, 0]]


def test_values_are_found_by_the_names_of_operations() -> None:
    x = np.random.default_rng(2).integers(-4, 5, (5, 4)).astype(np.float32)
    executor = _executor()
    values = executor.values(x, ["MatMul_a", "Add_y", "nothing"])
    assert sorted(values) == ["Add_y", "MatMul_a"]
    assert np.array_equal(values["Add_y"], executor.run(x))
    assert np.array_equal(values["MatMul_a"] + np.float32(0.5), values["Add_y"])
    assert executor.values(x, []) == {}


def test_values_of_a_layer_with_a_bias_include_it() -> None:
    arrays = {"w": np.ones((1, 1, 2, 2), np.float32), "b": np.full(1, 7, np.float32)}
    executor = SourceExecutor(model("y = Conv(x, w, b)", arrays, "float[N,1,2,2] x").SerializeToString())
    values = executor.values(np.ones((1, 1, 2, 2), np.float32), ["Conv_y", "Conv_y_bias"])
    assert {name: value.tolist() for name, value in values.items()} == {"Conv_y_bias": [[[[11]]]]}


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5), np.float32), "input: float32 of shape (2, 5); float32 (N, 4) is needed"),
        (np.zeros(4, np.float32), "input: float32 of shape (4,); float32 (N, 4) is needed"),
        (np.zeros((2, 4)), "input: float64 of shape (2, 4); float32 (N, 4) is needed"),
        (np.full((2, 4), np.nan, np.float32), "input: holds NaN"),
    ],
)
def test_wrong_input_is_refused(x: Array, message: str) -> None:
    with pytest.raises(BnncError) as caught:
        _executor().run(x)
    assert str(caught.value) == message


def test_graphs_that_lose_the_batch_are_refused() -> None:
    executor = _executor("float[1,4] x", "a = MatMul(x, w) y = Reshape(a, d) d = Constant<value_ints=[3]>()")
    with pytest.raises(BnncError, match=r"shape \(3,\) for a batch of 1"):
        executor.run(np.zeros((1, 4), np.float32))


def test_what_onnxruntime_cannot_load_is_an_error() -> None:
    with pytest.raises(BnncError, match="onnxruntime cannot load the model"):
        SourceExecutor(model("y = Unheard(x)").SerializeToString())
