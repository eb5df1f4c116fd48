"""Errors of whole networks, against the same network written in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from tests.frontends.reading import model
from tests.plan.networks import CLASSES, conv_net, numpy_inputs, samples

from bnnc.errors import BnncError
from bnnc.executors.source import SourceExecutor
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.op import Array
from bnnc.plan import METRICS, find_layers, measure
from bnnc.plan.layers import RealInput
from bnnc.plan.measure import CHUNK, real_values


def errors(onnx: bytes, x: Array, metric: str = "squared") -> dict[str, float]:
    source = SourceExecutor(onnx)
    layers = find_layers(source.read.graph, source.read.tensors)
    found = measure(layers, x, source.values, METRICS[metric])
    return dict(zip((layer.name for layer in layers), found, strict=True))


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize("n", [1, CHUNK, CHUNK + 1])
def test_a_network_against_numpy(is_binary: bool, n: int) -> None:
    """All values of the network are small integers, so that both compute them exactly."""
    x = samples(n)
    found = errors(conv_net(is_binary).SerializeToString(), x)
    inputs = numpy_inputs(x, is_binary)
    assert list(found) == list(inputs)
    for name, value in inputs.items():
        bits = np.where(value >= 0, 1, -1)
        assert np.isclose(found[name], ((bits - value) ** 2).mean(), rtol=1e-12), "the order of the sum"


def test_normalized_is_the_ratio_of_the_means() -> None:
    x = samples(5)
    onnx = conv_net(False).SerializeToString()
    plain, ratio = errors(onnx, x), errors(onnx, x, "normalized")
    for name, value in numpy_inputs(x, False).items():
        assert np.isclose(ratio[name], plain[name] / (value**2).mean(), rtol=1e-12)


def test_progress_counts_samples() -> None:
    source = SourceExecutor(conv_net(False).SerializeToString())
    layers = find_layers(source.read.graph, source.read.tensors)
    seen: list[int] = []
    measure(layers, samples(CHUNK + 3), source.values, METRICS["squared"], seen.append)
    assert seen == [CHUNK, 3]


def test_a_cut_that_is_not_zero_is_taken_off() -> None:
    arrays = {"c": np.float32(0.5), "p": np.float32(1), "n": np.float32(-1), "w": np.ones((4, CLASSES))}
    body = "b = GreaterOrEqual(x, c) s = Where(b, p, n) y = MatMul(s, w)"
    proto = model(body, {name: np.asarray(a, np.float32) for name, a in arrays.items()})
    x = np.array([[0.5, 1.5, -0.5, 2.5]], np.float32)
    assert errors(proto.SerializeToString(), x) == {"MatMul_y": (1 + 0 + 0 + 1) / 4}


def test_every_kind_of_step_is_computed() -> None:
    """(C, H, W) -> turned to (H, W, C) -> chosen rows -> flat; offsets by channel in front and behind."""
    x = Input("x", (2, 3, 4))
    moved = src.Transpose("t", src.Add("a", x, np.array([10, 20], np.float32)), (1, 2, 0))
    rows = src.Gather("g", src.Mul("m", moved, np.array([1, 2, 3], np.float32)), np.array([2, 0]))
    steps = (*rows.x.operands[0].operands, moved, rows.x, rows, Reshape("r", rows, (16,)))
    values = np.random.default_rng(2).integers(-5, 6, (3, 2, 3, 4)).astype(np.float32)
    expected = values + np.array([10, 20], np.float32)[:, None, None]
    expected = expected.transpose(0, 2, 3, 1) * np.array([1, 2, 3], np.float32)[:, None, None]
    found = real_values(RealInput(x, steps, np.full(16, 0.5, np.float32)), values, {})
    assert np.array_equal(found, expected[:, [2, 0]].reshape(3, 16) - 0.5)


def test_a_line_is_read_in_front_of_its_map() -> None:
    arrays = {"w": np.ones((1, 2, 3), np.float32)}
    proto = model("a = Relu(x) y = Conv(a, w)", arrays, "float[N,2,7] x")
    x = np.random.default_rng(5).integers(-3, 4, (4, 2, 7)).astype(np.float32)
    value = np.maximum(x, 0)
    expected = ((1 - value) ** 2).mean()
    assert errors(proto.SerializeToString(), x)["Conv_y"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "metric", "what"),
    [
        (np.full((1, 4), np.inf, np.float32), "squared", "its input is not finite"),
        (np.zeros((1, 4), np.float32), "normalized", "its input is not finite, or always 0"),
    ],
)
def test_what_has_no_error(x: Array, metric: str, what: str) -> None:
    proto = model("y = MatMul(x, w)", {"w": np.ones((4, 3), np.float32)})
    with pytest.raises(BnncError) as caught:
        errors(proto.SerializeToString(), x, metric)
    assert str(caught.value) == f"node 'MatMul_y' (dense): {what}; give other samples"
