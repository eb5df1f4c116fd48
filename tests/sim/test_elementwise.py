"""Elementwise operations equal onnxruntime and the qonnx package bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant
from qonnx.custom_op.general.multithreshold import multithreshold
from qonnx.custom_op.general.trunc import trunc_v1

from bnnc.ir import source_ops as src
from bnnc.ir.codes import ROUNDINGS
from bnnc.ir.edge_ops import Input
from bnnc.ir.op import Array
from bnnc.sim.elementwise import apply

F = np.float32
C = 8
X = Input("x", (C,))
MAP = Input("x", (C, 2, 2))


def adversarial_numbers() -> Array:
    """float32 (n, C): ties, both zeros, denormals, huge numbers, infinities, and every magnitude between."""
    rng = np.random.default_rng(7)
    special = [0.0, -0.0, 1e-45, -1e-45, 1e-40, 1e-38, -1e-38, 3e38, -3e38, np.inf, -np.inf]
    odd = [0.49999997, 0.50000006, 2.5000002, 2.4999998, 127.5, 128.5, -128.5, 2**23 + 1, 2**24, 1e10, -1e10]
    bits = rng.integers(0, 2**32, 6000, dtype=np.uint32).view(F)
    numbers = [special, odd, np.arange(-300, 300, 0.25), rng.normal(0, 10, 6000), bits[np.isfinite(bits)]]
    column = np.concatenate([np.asarray(part, F) for part in numbers])
    return np.stack([np.roll(column, 31 * channel) for channel in range(C)], axis=-1)


NUMBERS = adversarial_numbers()
_RNG = np.random.default_rng(3)
PER_CHANNEL = np.array([1e-30, 3e30, -2.5, 0.1, 1 / 3, -0.0, 1.0, -7.25], F)
POSITIVE = np.array([1e-3, 0.1, 1 / 3, 0.5, 1.0, 2.0, 7.3, 1e4], F)
GAMMA, BETA, MEAN = (_RNG.normal(0, 2, C).astype(F) for _ in range(3))
VARIANCE = _RNG.uniform(0, 2, C).astype(F)


def answer_of_onnxruntime(nodes: list[onnx.NodeProto], constants: dict[str, Array], x: Array) -> Array:
    """Output "y" of nodes that read "x", with every graph optimization off."""
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", float32, x.shape)],
        [helper.make_tensor_value_info("y", float32, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    answer: Array = session.run(None, {"x": x})[0]
    return answer


def node(kind: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, ["x", *inputs], ["y"], **attributes)


def assert_same_bits(actual: Array, expected: Array) -> None:
    """Equal in every bit, the sign of zero too; any NaN equals any NaN."""
    assert actual.dtype == expected.dtype == F
    assert actual.shape == expected.shape
    same = (actual.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(actual) & np.isnan(expected))
    assert same.all(), list(zip(actual[~same][:5], expected[~same][:5], strict=True))


ARITHMETIC = [("Mul", src.Mul), ("Add", src.Add), ("Sub", src.Sub), ("Div", src.Div)]


@pytest.mark.parametrize(("kind", "op"), ARITHMETIC)
@pytest.mark.parametrize("c", [PER_CHANNEL, F(-0.3), F(1e-40)])
def test_arithmetic_with_a_constant(kind: str, op: Any, c: Any) -> None:
    expected = answer_of_onnxruntime([node(kind, "c")], {"c": c}, NUMBERS)
    assert_same_bits(apply(op("n", X, c), NUMBERS), expected)


@pytest.mark.parametrize(("kind", "op"), [("Sub", src.SubFrom), ("Div", src.DivInto)])
def test_arithmetic_on_a_constant(kind: str, op: Any) -> None:
    reversed_node = helper.make_node(kind, ["c", "x"], ["y"])
    expected = answer_of_onnxruntime([reversed_node], {"c": PER_CHANNEL}, NUMBERS)
    assert_same_bits(apply(op("n", X, PER_CHANNEL), NUMBERS), expected)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0])
def test_whole_powers(exponent: float) -> None:
    expected = answer_of_onnxruntime([node("Pow", "c")], {"c": F(exponent)}, NUMBERS)
    assert_same_bits(apply(src.Pow("n", X, F(exponent)), NUMBERS), expected)


@pytest.mark.parametrize("exponent", [F(0.5), F(-1), F(-0.5), F(1.7), PER_CHANNEL.clip(-3, 3)])
def test_other_powers_are_within_one_ulp(exponent: Any) -> None:
    """onnxruntime calls the C library's powf, which may be off by one unit; ours is rounded."""
    expected = answer_of_onnxruntime([node("Pow", "c")], {"c": exponent}, NUMBERS)
    actual = apply(src.Pow("n", X, exponent), NUMBERS)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    np.testing.assert_array_max_ulp(actual[finite], expected[finite], maxulp=1)


def test_batch_normalization_of_vectors() -> None:
    constants = {"g": GAMMA, "b": BETA, "m": MEAN, "v": VARIANCE}
    for epsilon in (1e-5, 1e-3, 0.1):
        nodes = [node("BatchNormalization", "g", "b", "m", "v", epsilon=epsilon)]
        expected = answer_of_onnxruntime(nodes, constants, NUMBERS)
        assert_same_bits(
            apply(src.BatchNorm("n", X, GAMMA, BETA, MEAN, VARIANCE, epsilon), NUMBERS), expected
        )


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (32, 32)])
def test_batch_normalization_of_maps(size: tuple[int, int]) -> None:
    n = len(NUMBERS) // (size[0] * size[1])
    x = NUMBERS[: n * size[0] * size[1]].reshape(n, *size, C)
    constants = {"g": GAMMA, "b": BETA, "m": MEAN, "v": VARIANCE}
    nodes = [node("BatchNormalization", "g", "b", "m", "v", epsilon=1e-4)]
    expected = answer_of_onnxruntime(nodes, constants, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    actual = apply(src.BatchNorm("n", MAP, GAMMA, BETA, MEAN, VARIANCE, 1e-4), x)
    assert_same_bits(actual, np.ascontiguousarray(expected.transpose(0, 2, 3, 1)))


UNARY = [src.Relu, src.Abs, src.Neg, src.Sqrt, src.Round, src.Floor, src.Ceil, src.Sign]


@pytest.mark.parametrize("op", UNARY)
def test_unary(op: Any) -> None:
    expected = answer_of_onnxruntime([node(op.__name__)], {}, NUMBERS)
    assert_same_bits(apply(op("n", X), NUMBERS), expected)


@pytest.mark.parametrize("slope", [PER_CHANNEL, F(0.25), F(-2), F(0)])
def test_parametric_relu(slope: Any) -> None:
    expected = answer_of_onnxruntime([node("PRelu", "c")], {"c": slope}, NUMBERS)
    assert_same_bits(apply(src.PRelu("n", X, slope), NUMBERS), expected)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.3])
def test_leaky_relu_is_a_parametric_relu(alpha: float) -> None:
    expected = answer_of_onnxruntime([node("LeakyRelu", alpha=alpha)], {}, NUMBERS)
    assert_same_bits(apply(src.PRelu("n", X, F(alpha)), NUMBERS), expected)


@pytest.mark.parametrize(
    "bounds", [(-1, 1), (0, 6), (-0.0, 1), (-6, 0), (-6, -0.0), (0.1, 0.3), (-np.inf, 2)]
)
def test_clip(bounds: tuple[float, float]) -> None:
    constants = {"lo": F(bounds[0]), "hi": F(bounds[1])}
    expected = answer_of_onnxruntime([node("Clip", "lo", "hi")], constants, NUMBERS)
    assert_same_bits(apply(src.Clip("n", X, *bounds), NUMBERS), expected)


@pytest.mark.parametrize(
    "line", [(0.2, 0.5), (1 / 6, 0.5), (-0.3, 0.1), (0.2, 0.0), (-0.2, 0.0), (1.0, -0.0)]
)
def test_hard_sigmoid(line: tuple[float, float]) -> None:
    expected = answer_of_onnxruntime([node("HardSigmoid", alpha=line[0], beta=line[1])], {}, NUMBERS)
    assert_same_bits(apply(src.HardSigmoid("n", X, *line), NUMBERS), expected)


COMPARISONS = [(">=", "GreaterOrEqual"), (">", "Greater"), ("<=", "LessOrEqual"), ("<", "Less")]


@pytest.mark.parametrize(("compare", "kind"), COMPARISONS)
@pytest.mark.parametrize("cut", [PER_CHANNEL, F(0), F(-0.0)])
def test_select(compare: str, kind: str, cut: Any) -> None:
    nodes = [
        helper.make_node(kind, ["x", "cut"], ["condition"]),
        helper.make_node("Where", ["condition", "then", "other"], ["y"]),
    ]
    constants = {"cut": cut, "then": F(1), "other": PER_CHANNEL}
    expected = answer_of_onnxruntime(nodes, constants, NUMBERS)
    assert_same_bits(apply(src.Select("n", X, compare, cut, F(1), PER_CHANNEL), NUMBERS), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("zero", [0, 3])
@pytest.mark.parametrize("scale", [F(0.1), F(1), F(1e-30), POSITIVE])
def test_quantize_linear(dtype: type[np.integer[Any]], zero: int, scale: Any) -> None:
    zeros = np.full(scale.shape, zero, dtype)
    axis = {"axis": 1} if scale.ndim else {}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], **axis),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], **axis),
    ]
    expected = answer_of_onnxruntime(nodes, {"scale": scale, "zero": zeros}, NUMBERS)
    limits = np.iinfo(dtype)
    op = src.QuantizeLinear("n", X, scale, zeros.astype(F), int(limits.min), int(limits.max))
    assert_same_bits(apply(op, NUMBERS), expected)


QUANT_ROUNDINGS = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]
SCALES = [F(0.1), F(1), POSITIVE]


@pytest.mark.parametrize("rounding", QUANT_ROUNDINGS)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("zero", [0.0, 3.0, 0.5])
def test_qonnx_quant(rounding: str, scale: Any, zero: float) -> None:
    for bits, signed, narrow in [
        (1, False, False),
        (1, True, True),
        (2, True, True),
        (4, True, False),
        (8, False, True),
    ]:
        with np.errstate(all="ignore"):
            expected = int_quant(NUMBERS, scale, F(zero), F(bits), signed, narrow, rounding)
        op = src.Quant("n", X, scale, F(zero), bits, signed, narrow, rounding)
        assert_same_bits(apply(op, NUMBERS), expected)


@pytest.mark.parametrize("scale", SCALES)
def test_qonnx_bipolar_quant(scale: Any) -> None:
    expected = binary_quant(NUMBERS, scale)
    assert_same_bits(apply(src.BipolarQuant("n", X, scale), NUMBERS), expected)


@pytest.mark.parametrize("rows", [1, C])
@pytest.mark.parametrize("affine", [(1.0, 0.0), (2.0, -1.0), (0.1, -0.7)])
def test_qonnx_multithreshold(rows: int, affine: tuple[float, float]) -> None:
    thresholds = np.sort(np.random.default_rng(1).integers(-40, 40, (rows, 7)).astype(F) / 4, axis=1)
    expected = multithreshold(NUMBERS, thresholds, *affine)
    assert_same_bits(apply(src.MultiThreshold("n", X, thresholds, *affine), NUMBERS), expected)


@pytest.mark.parametrize("rounding", QUANT_ROUNDINGS)
@pytest.mark.parametrize("scale", SCALES)
def test_qonnx_trunc(rounding: str, scale: Any) -> None:
    for zero, bits in [(0.0, (8, 4)), (2.0, (10, 8)), (0.0, (4, 4))]:
        with np.errstate(all="ignore"):
            expected = trunc_v1(NUMBERS, scale, F(zero), F(bits[0]), F(bits[1]), rounding)
        assert_same_bits(apply(src.Trunc("n", X, scale, F(zero), *bits, rounding), NUMBERS), expected)


def fixed_point_nodes() -> list[onnx.NodeProto]:
    """In double precision; onnxruntime has no PRelu of doubles, hence the comparison."""
    double, single = onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT
    return [
        helper.make_node("Cast", ["x"], ["wide"], to=double),
        helper.make_node("Mul", ["wide", "m"], ["scaled"]),
        helper.make_node("Add", ["scaled", "before"], ["t"]),
        helper.make_node("Less", ["t", "zero"], ["negative"]),
        helper.make_node("Mul", ["slope", "t"], ["leaking"]),
        helper.make_node("Where", ["negative", "leaking", "t"], ["line"]),
        helper.make_node("Add", ["line", "after"], ["sum"]),
        helper.make_node("Floor", ["sum"], ["whole"]),
        helper.make_node("Clip", ["whole", "lo", "hi"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["y"], to=single),
    ]


@pytest.mark.parametrize("slopes", ["neutral", "any"])
def test_fixed_point(slopes: str) -> None:
    rng = np.random.default_rng(5)
    m, before, after = (rng.integers(-(2**17), 2**17, C) / 2.0**shift for shift in (24, 12, 20))
    slope = rng.integers(-(2**17), 2**17, C) / 2.0**16 if slopes == "any" else np.ones(C)
    lo, hi, zero = (np.array(value) for value in (-99.0, 88.0, 0.0))
    constants = {"m": m, "before": before, "slope": slope, "after": after, "lo": lo, "hi": hi, "zero": zero}
    expected = answer_of_onnxruntime(fixed_point_nodes(), constants, NUMBERS)
    op = src.FixedPoint("n", X, m, before, slope, after, -99.0, 88.0)
    assert_same_bits(apply(op, NUMBERS), expected)


def test_half_even_is_another_name_of_round() -> None:
    assert ROUNDINGS["HALF_EVEN"] is ROUNDINGS["ROUND"]


def test_every_elementwise_operation_is_evaluated() -> None:
    """A new subclass without a meaning here fails; the constants are whatever its fields accept."""
    tested = {*UNARY, src.Tanh, src.Sigmoid, src.Exp, src.Select, src.PRelu, src.Clip, src.HardSigmoid}
    tested |= {op for _, op in ARITHMETIC} | {src.SubFrom, src.DivInto, src.Pow, src.BatchNorm, src.Trunc}
    tested |= {src.Quant, src.BipolarQuant, src.QuantizeLinear, src.MultiThreshold, src.FixedPoint}
    known = {op for op in src.Elementwise.__subclasses__() if op.__module__ == src.__name__}
    assert tested == known  # passes have operations of their own
