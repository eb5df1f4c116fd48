"""The expansion of QONNX quantizers equals the qonnx package, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from onnx import IR_VERSION, defs, helper
from tests.frontends.reading import model

from bnnc.executors.source import SourceExecutor
from bnnc.frontends.expand import expand
from bnnc.frontends.onnx_file import model_bytes
from bnnc.ir.op import Array

qonnx = pytest.importorskip(
    "qonnx", reason="the qonnx package, which defines the quantizers, is not installed"
)

ROUNDINGS = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
SCALES = (1.0, 0.5, 0.1, 1 / 3, 7.3, 1e-8)
X = "float[N,2,3,5] x"

Arrays = Mapping[str, Array | float]


def _samples(scale: Array | float, seed: int) -> Array:
    """Reals around the codes: ties, their neighbours, values far outside, zeros of both signs, tiny ones."""
    rng = np.random.default_rng(seed)
    halves = rng.integers(-40, 41, (6, 2, 3, 5)) / np.float32(2) * np.asarray(scale, np.float32).max()
    halves[1] = np.nextafter(halves[1], np.float32(np.inf), dtype=np.float32)
    halves[2] = np.nextafter(halves[2], np.float32(-np.inf), dtype=np.float32)
    halves[3] = rng.normal(0, 10, halves[3].shape) * np.asarray(scale, np.float32).max()
    halves[4] = rng.normal(0, 1e6, halves[4].shape)
    halves[5] = rng.choice(
        np.array([0, -0.0, 1e-45, -1e-45, 1e-39, -3e-38, 3e38], np.float32), halves[5].shape
    )
    return np.asarray(halves, np.float32)


def _check(body: str, arrays: Arrays, expected: Array, x: Array, opset: int = 13) -> None:
    y = SourceExecutor(model_bytes(model(body, arrays, X, opset))).run(x)
    assert y.dtype == np.float32
    assert np.array_equal(y, expected)


def _array(value: ArrayLike) -> Array:
    return np.asarray(value, np.float32)


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("signed", "narrow"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_quant_equals_qonnx(rounding: str, signed: int, narrow: int, opset: int) -> None:
    from qonnx.custom_op.general.quant import quant

    body = f'y = Quant<signed={signed}, narrow={narrow}, rounding_mode="{rounding}">(x, s, z, b)'
    for bits in (2, 3, 8, 16, 24):
        for scale in SCALES:
            zero_point = float(bits - 3) if signed == 0 else 0.0
            x = _samples(scale, bits)
            with np.errstate(over="ignore", under="ignore"):
                expected = quant(x, _array(scale), _array(zero_point), _array(bits), signed, narrow, rounding)
            _check(body, {"s": scale, "z": zero_point, "b": float(bits)}, expected, x, opset)


@pytest.mark.parametrize("signed", [0, 1])
def test_quant_of_one_bit_equals_qonnx(signed: int) -> None:
    from qonnx.custom_op.general.quant import quant

    for scale in SCALES:
        x = _samples(scale, 1)
        with np.errstate(over="ignore", under="ignore"):
            expected = quant(x, _array(scale), _array(0), _array(1), signed, 0, "ROUND")
        _check(
            f"y = Quant<signed={signed}, narrow=0>(x, s, z, b)", {"s": scale, "z": 0.0, "b": 1.0}, expected, x
        )


def test_quant_with_a_scale_a_channel_equals_qonnx() -> None:
    from qonnx.custom_op.general.quant import quant

    scale, zero_point = _array([[[0.3]], [[2.5]]]), _array([[[1]], [[4]]])
    x = _samples(1, 2)
    expected = quant(x, scale, zero_point, _array(4), 0, 0, "ROUND")
    _check("y = Quant<signed=0>(x, s, z, b)", {"s": scale, "z": zero_point, "b": 4.0}, expected, x)


@pytest.mark.parametrize("scale", [*SCALES, _array([[[0.3]], [[2.5]]])], ids=str)
def test_bipolar_quant_equals_qonnx(scale: Array | float) -> None:
    from qonnx.custom_op.general.bipolar_quant import binary_quant

    x = _samples(scale, 3)
    _check("y = onnx.brevitas.BipolarQuant(x, s)", {"s": scale}, binary_quant(x, _array(scale)), x, opset=9)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_trunc_equals_qonnx(rounding: str) -> None:
    from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

    for scale, zero_point in ((0.25, 0.0), (0.1, 3.0)):
        x = _samples(scale, 4)
        parameters = _array(scale), _array(zero_point), _array(8)
        out_scale = _array(np.float32(scale) * np.float32(16))
        arrays: Arrays = {"s": scale, "z": zero_point, "i": 8.0, "o": 4.0, "os": out_scale}
        with np.errstate(over="ignore", under="ignore"):
            first = trunc_v1(x, *parameters, _array(4), rounding)
            second = trunc_v2(x, *parameters, 0, 1, out_scale, _array(4), rounding)
        _check(f'y = Trunc<rounding_mode="{rounding}">(x, s, z, i, o)', arrays, first, x)
        body = f'y = Trunc<rounding_mode="{rounding}", signed=1, narrow=0>(x, s, z, i, os, o)'
        _check(body, arrays, second, x, opset=9)


@pytest.mark.parametrize(("layout", "rows"), [("", 1), ("", 2), ("NCHW", 2), ("NHWC", 5), ("NHWC", 1)])
def test_multi_threshold_equals_qonnx(layout: str, rows: int) -> None:
    from qonnx.custom_op.registry import getCustomOp

    thresholds = np.sort(_array(np.random.default_rng(5).integers(-9, 9, (rows, 7)) / 2), axis=1)
    attributes: dict[str, Any] = {
        "data_layout": layout,
        "out_scale": 0.3,
        "out_bias": -1.7,
        "out_dtype": "FLOAT32",
    }
    domain = "qonnx.custom_op.general"
    node = helper.make_node("MultiThreshold", ["x", "t"], ["y"], domain=domain, **attributes)
    x = _samples(0.5, 6)
    context = {"x": x, "t": thresholds}
    getCustomOp(node).execute_node(context, None)
    body = "y = qonnx.custom_op.general.MultiThreshold"
    body += f'<data_layout="{layout}", out_scale=0.3, out_bias=-1.7>(x, t)'
    _check(body, {"t": thresholds}, context["y"], x)


def test_models_without_quantizers_stay_as_they_are() -> None:
    proto = model("a = Relu(x) y = Abs(a)")
    assert expand(proto).graph == proto.graph


def test_no_name_is_taken_twice() -> None:
    proto = model("bnnc_Div = Relu(x) y = Quant(bnnc_Div, s, z, b)", {"s": 0.5, "z": 0.0, "b": 4.0})
    x = np.array([[1, -1, 0.3, 9]], np.float32)
    assert SourceExecutor(model_bytes(proto)).run(x).tolist() == [[1, 0, 0.5, 3.5]]
    outputs = [name for node in expand(proto).graph.node for name in node.output]
    assert len(outputs) == len(set(outputs))


def test_the_newest_opset_and_ir_version_run() -> None:
    proto = model("a = Relu(x) y = Quant(a, s, z, b)", {"s": 0.5, "z": 0.0, "b": 4.0})
    proto.opset_import[0].version = defs.onnx_opset_version()
    proto.ir_version = IR_VERSION
    x = np.array([[1, -1, 0.3, 9]], np.float32)
    assert SourceExecutor(model_bytes(proto)).run(x).tolist() == [[1, 0, 0.5, 3.5]]
