"""Models that cannot be represented are refused: node, operator, reason, remedy; all findings at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from tests.frontends.reading import model, refusal

from bnnc.ir.op import Array

MAP = "float[N,2,6,5] x"
NAN, INF = float("nan"), float("inf")
ONES = np.ones((4, 3), np.float32)

Arrays = Mapping[str, Array | float]

REFUSED: list[tuple[str, str, Arrays, str]] = [
    (
        'y = Conv<auto_pad="SAME_UPPER", dilations=[2,1]>(x, w)',
        MAP,
        {"w": np.ones((3, 2, 2, 2), np.float32)},
        "auto_pad SAME_UPPER with dilations (2, 1); write the pads out",
    ),
    (
        "y = Elu(x)",
        "float[N,4] x",
        {},
        "node 'Elu_y' (Elu): works on a layer's result; only its use on constants is supported",
    ),
    (
        "y = LSTMX(x)",
        "float[N,4] x",
        {},
        "node 'LSTMX_y' (LSTMX): operator LSTMX is not supported; "
        "replace it by operators that docs/supported.md lists",
    ),
    ("y = com.me.Relu(x)", "float[N,4] x", {}, "operator com.me.Relu is not supported"),
    (
        "y = finn.custom_op.general.Relu(x)",
        "float[N,4] x",
        {},
        "operator finn.custom_op.general.Relu is not supported",
    ),
    ("y = QLinearConv(x)", "float[N,4] x", {}, "QuantizeLinear/DequantizeLinear pairs"),
    ("a = Relu(x) y = Mul(x, a)", "float[N,4] x", {}, "node 'Mul_y' (Mul): combines two layers' results"),
    (
        "a = Relu(x) y = MatMul(x, a)",
        "float[4,4] x",
        {},
        "node 'MatMul_y' (MatMul): multiplies two layers' results",
    ),
    (
        "y = MatMul(x, w)",
        "float[N,4] x",
        {"w": np.array([[1.0], [NAN], [2], [INF]], np.float32)},
        "NaN or infinity in the weights (2 of 4)",
    ),
    (
        "y = Mul(x, c)",
        "float[N,4] x",
        {"c": NAN},
        "node 'Mul_y' (Mul): NaN or infinity in the constant (1 of 1)",
    ),
    ("y = Mul(x, c)", "float[N,4] x", {"c": np.ones(4)}, "the constant is float64; export in float32"),
    ("y = Mul(x, c)", MAP, {"c": np.arange(5, dtype=np.float32)}, "varies inside a channel of f32<2x6x5>"),
    (
        "y = Mul(x, c)",
        "float[N,1] x",
        {"c": np.arange(5, dtype=np.float32)},
        "does not fit f32<1> and its batch",
    ),
    ("y = Mul(x, c)", "float[N,4] x", {"c": np.ones((1, 1, 4), np.float32)}, "raises the rank"),
    ("y = Mul(x, c)", "float[2,4] x", {"c": np.array([[1], [2]], np.float32)}, "varies inside a channel"),
    ("y = Div(x, c)", "float[N,4] x", {"c": 0.0}, "node 'Div_y' (Div): divides by zero"),
    ("y = Max(x, c)", "float[N,4] x", {"c": np.arange(4, dtype=np.float32)}, "the bound is not one number"),
    ("y = Clip(x, lo, hi)", "float[N,4] x", {"lo": 1, "hi": -1}, "clips to 1.0..-1.0, an empty range"),
    ("y = Cast<to=6>(x)", "float[N,4] x", {}, "casts a layer's result to INT32"),
    (
        "y = Conv(x, w)",
        MAP,
        {"w": np.ones((3, 3, 2, 2), np.float32)},
        "node 'Conv_y' (Conv): weights (3, 3, 2, 2) do not fit f32<2x6x5>",
    ),
    ("y = Conv(x, w)", MAP, {"w": np.ones((3, 2, 7, 7), np.float32)}, "does not fit into the padded map"),
    ("y = Conv<pads=[-1,0,0,0]>(x, w)", MAP, {"w": np.ones((3, 2, 2, 2), np.float32)}, "pads [-1, 0, 0, 0]"),
    (
        "y = Conv<strides=[0,1]>(x, w)",
        MAP,
        {"w": np.ones((3, 2, 2, 2), np.float32)},
        "strides [0, 1] for 2 dimensions",
    ),
    ("y = Conv<group=2>(x, w)", MAP, {"w": np.ones((3, 1, 2, 2), np.float32)}, "3 outputs in 2 groups"),
    (
        'y = Conv<strides="two">(x, w)',
        MAP,
        {"w": np.ones((3, 2, 2, 2), np.float32)},
        "attribute 'strides' is of the wrong type",
    ),
    (
        "y = Conv(x, w)",
        "float[N,2,4,4,4] x",
        {"w": np.ones((3, 2, 2, 2, 2), np.float32)},
        "where (C, H, W) or (C, L) is needed",
    ),
    ("a = Relu(x) y = Conv(x, a)", "float[N,4] x", {}, "the weights (input 1) is computed at run time"),
    (
        "y = MatMul(x, w)",
        MAP,
        {"w": np.ones((5, 3), np.float32)},
        "multiplies f32<2x6x5>, more than one vector a sample",
    ),
    ("y = MatMul(w, x)", "float[N,4] x", {"w": ONES}, "its left operand is constant"),
    (
        "y = MatMul(x, w)",
        "float[N,4] x",
        {"w": np.ones((5, 3), np.float32)},
        "node 'MatMul_y' (MatMul): weights (3, 5) do not fit f32<4>",
    ),
    ("y = Gemm<transA=1>(x, w)", "float[N,4] x", {"w": ONES}, "transA moves the batch"),
    (
        "y = MaxPool<kernel_shape=[2,2], dilations=[2,2]>(x)",
        MAP,
        {},
        "dilations (2, 2) are not supported in a pool",
    ),
    ("y = MaxPool(x)", MAP, {}, "attribute kernel_shape is missing"),
    (
        "y = AveragePool<kernel_shape=[2,2], pads=[1,1,1,1]>(x)",
        MAP,
        {},
        "averages leave out the padding; set count_include_pad = 1",
    ),
    (
        "y = AveragePool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)",
        MAP,
        {},
        "windows of different sizes",
    ),
    (
        "y = ReduceMean<axes=[1]>(x)",
        MAP,
        {},
        "reduces axes [1] of f32<2x6x5>; reduce rows and columns of maps only",
    ),
    ('y = Pad<mode="reflect">(x, p)', MAP, {"p": np.zeros(8, np.int64)}, "pads by 'reflect'"),
    ("y = Pad(x, p)", MAP, {"p": np.array([0, 1, 0, 0, 0, 0, 0, 0])}, "pads the batch or the channels"),
    ("y = Pad(x, p)", MAP, {"p": np.array([0, 0, -1, 0, 0, 0, 0, 0])}, "crop the map"),
    (
        "y = Pad(x, p, v)",
        MAP,
        {"p": np.zeros(8, np.int64), "v": -INF},
        "NaN or infinity in the padding value",
    ),
    (
        "y = Reshape(x, d)",
        MAP,
        {"d": np.array([60, -1])},
        "shape [60, -1] would mix the samples of a batch; keep the batch as axis 0",
    ),
    ("y = Reshape(x, d)", MAP, {"d": np.array([-1])}, "would mix the samples"),
    ("y = Reshape(x, d)", MAP, {"d": np.array([0, -1, -1])}, "invalid shape [batch, -1, -1]"),
    ("y = Reshape(x, d)", MAP, {"d": np.array([0, 7])}, "would mix the samples"),
    ("y = Flatten<axis=2>(x)", MAP, {}, "axis 2 would mix the samples of a batch; flatten from axis 1 on"),
    ("y = Flatten<axis=0>(x)", MAP, {}, "axis 0 would mix"),
    ("y = Squeeze(x)", "float[1,1,4] x", {}, "without axes it would mix"),
    ("y = Squeeze(x, a)", "float[1,1,4] x", {"a": np.array([0])}, "drops the batch"),
    ("y = Unsqueeze(x, a)", "float[N,4] x", {"a": np.array([0])}, "would mix"),
    ("y = Transpose(x)", "float[N,4] x", {}, "permutation [1, 0] moves the batch"),
    ("y = ArgMax(x)", "float[N,4] x", {}, "works across the batch"),
    ("y = ArgMax<axis=1>(x)", MAP, {}, "more than one vector a sample"),
    ("v, y = TopK<largest=0>(x, k)", "float[N,4] x", {"k": np.array([1])}, "asks for the smallest elements"),
    ("v, y = TopK(x, k)", "float[N,4] x", {"k": np.array([5])}, "k = 5 of 4 elements"),
    (
        "y, i = TopK(x, k)",
        "float[N,4] x",
        {"k": np.array([1])},
        "node 'TopK_y' (TopK): its output 0 ('y') is used; use its indices output",
    ),
    (
        "v, i = TopK(x, k) y = Relu(v)",
        "float[N,4] x",
        {"k": np.array([1])},
        "node 'TopK_v' (TopK): its output 0 ('v') is used; use its indices output",
    ),
    (
        "a, y = MaxPool<kernel_shape=[2,2]>(x)",
        MAP,
        {},
        "node 'MaxPool_a' (MaxPool): its output 1 ('y') is used; only output 0 is supported",
    ),
    ("y = Softmax<axis=1>(x)", MAP, {}, "more than one vector a sample"),
    (
        "y = Greater(x, c)",
        "float[N,4] x",
        {"c": 0.0},
        "output 'y': is the result of a comparison; append a Cast",
    ),
    (
        "y = QuantizeLinear(x, c)",
        "float[N,4] x",
        {"c": 1.0},
        "output 'y': is the result of a QuantizeLinear; append its DequantizeLinear",
    ),
    ("y = Neg(c)", "float[N,4] x", {"c": 0.0}, "output 'y': does not depend on the network's input"),
    (
        "y = Where(c, x, c2)",
        "float[N,4] x",
        {"c": np.array(True), "c2": 0.0},
        "its condition is no comparison",
    ),
    (
        "a = Greater(x, c) y = Relu(a)",
        "float[N,4] x",
        {"c": 0.0},
        "input 0 is integers or truth values where a layer's result is needed",
    ),
    (
        "y = BatchNormalization(x, c, c, c, v)",
        MAP,
        {"c": np.ones(2, np.float32), "v": -np.ones(2, np.float32)},
        "a variance plus epsilon is not above 0",
    ),
    (
        "y = BatchNormalization(x, c, c, c, c)",
        MAP,
        {"c": np.ones(3, np.float32)},
        "gamma of shape (3,) for the channels of f32<2x6x5>",
    ),
    (
        "c = ConstantOfShape(s) y = Mul(x, c)",
        "float[N,4] x",
        {"s": np.array([2**40])},
        "a constant of 1099511627776 elements is too large",
    ),
    (
        "c = Reshape(a, s) y = Mul(x, c)",
        "float[N,4] x",
        {"a": ONES, "s": np.array([5])},
        "node 'Reshape_c' (Reshape): this constant cannot be computed",
    ),
    (
        "s = Shape(x) f = Cast<to=1>(s) r = Sqrt(f) y = Mul(x, r)",
        "float[N,4] x",
        {},
        "computes with the batch size",
    ),
    (
        'c = Constant<value_string="a">() y = Mul(x, c)',
        "float[N,4] x",
        {},
        "has no value that is a tensor of numbers",
    ),
]

QUANTIZERS: list[tuple[str, Arrays, str]] = [
    (
        "y = Quant(x, s, z, b)",
        {"s": 0.0, "z": 0.0, "b": 8.0},
        "node 'Quant_y' (Quant): scale 0.0 is not positive",
    ),
    ("y = Quant(x, s, z, b)", {"s": -1.0, "z": 0.0, "b": 8.0}, "scale -1.0 is not positive"),
    ("y = Quant(x, s, z, b)", {"s": NAN, "z": 0.0, "b": 8.0}, "NaN or infinity in the scale"),
    ("y = Quant(x, s, z, b)", {"s": 1.0, "z": 0.5, "b": 8.0}, "zero point 0.5 is not an integer"),
    ("y = Quant(x, s, z, b)", {"s": 1.0, "z": 0.0, "b": 2.5}, "bit width 2.5 is not a whole number"),
    ("y = Quant(x, s, z, b)", {"s": 1.0, "z": 0.0, "b": 0.0}, "bit width 0 is not a whole number above 0"),
    ("y = Quant(x, s, z, b)", {"s": 1.0, "z": 0.0, "b": 32.0}, "32 bits; at most 24 are exact in float32"),
    (
        "y = Quant(x, s, z, b)",
        {"s": 1.0, "z": 0.0, "b": np.ones(2, np.float32)},
        "the bit width has 2 elements",
    ),
    ("y = Quant(x, s, z, x)", {"s": 1.0, "z": 0.0}, "the bit width (input 3) is computed at run time"),
    ("y = Quant(x, s, z)", {"s": 1.0, "z": 0.0}, "input 3 is missing"),
    (
        'y = Quant<rounding_mode="STOCHASTIC">(x, s, z, b)',
        {"s": 1.0, "z": 0.0, "b": 4.0},
        "unknown rounding mode 'STOCHASTIC'",
    ),
    (
        "y = Quant<signed=0, narrow=1>(x, s, z, b)",
        {"s": 1.0, "z": 0.0, "b": 1.0},
        "1 bits, narrow, hold a single value",
    ),
    ("y = BipolarQuant(x, s)", {"s": -0.5}, "scale -0.5 is not positive"),
    (
        "w = BipolarQuant(c, s) y = MatMul(x, w)",
        {"c": ONES, "s": 0.0},
        "node 'BipolarQuant_w' (BipolarQuant): scale 0.0 is not positive",
    ),
    (
        "w = BipolarQuant(c, s) y = MatMul(x, w)",
        {"c": NAN * ONES, "s": 1.0},
        "NaN or infinity in the weights (12 of 12)",
    ),
    (
        "w = Quant(c, s, z, b) y = MatMul(x, w)",
        {"c": ONES, "s": ONES[:2], "z": 0.0, "b": 4.0},
        "the scale of shape (2, 3) does not fit weights of shape (4, 3)",
    ),
    (
        "y = MultiThreshold(x, t)",
        {"t": np.ones(3, np.float32)},
        "thresholds of shape (3,) where (channels, steps) is needed",
    ),
    ("y = MultiThreshold(x, t)", {"t": np.ones((3, 2), np.float32)}, "3 rows of thresholds for f32<4>"),
    ("y = Trunc(x, s, z, i, o)", {"s": 1.0, "z": 0.0, "i": 2.0, "o": 4.0}, "truncation of 2 bits to 4"),
    (
        "q = QuantizeLinear(x, s) y = DequantizeLinear(q, t)",
        {"s": 1.0, "t": 2.0},
        "scale or zero point differs from that of its QuantizeLinear",
    ),
    (
        "q = QuantizeLinear(x, s) c = Clip(q, lo) y = DequantizeLinear(c, s)",
        {"s": 1.0, "lo": np.array(255, np.uint8)},
        "clips to 255.0..inf, where the integers are 0..255",
    ),
    ("y = DequantizeLinear(x, s)", {"s": 1.0}, "its input does not come from a QuantizeLinear"),
    ("q = QuantizeLinear(x, s) y = DequantizeLinear(q, s)", {"s": 0.0}, "scale 0.0 is not positive"),
]


@pytest.mark.parametrize(
    ("body", "x", "arrays", "message"), REFUSED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_is_refused(body: str, x: str, arrays: Arrays, message: str) -> None:
    assert message in refusal(model(body, arrays, x))


@pytest.mark.parametrize(
    ("body", "arrays", "message"), QUANTIZERS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_quantizer_is_refused(body: str, arrays: Arrays, message: str) -> None:
    assert message in refusal(model(body, arrays))


def test_training_mode_is_refused() -> None:
    proto = model(
        "y = BatchNormalization<training_mode=1>(x, c, c, c, c)", {"c": np.ones(2, np.float32)}, MAP, 15
    )
    assert "is in training mode; export the model in eval mode" in refusal(proto)


def test_channels_last_thresholds_are_refused() -> None:
    proto = model('y = MultiThreshold<data_layout="NHWC">(x, t)', {"t": np.ones((5, 2), np.float32)}, MAP)
    assert "channels are axis 3 of f32<2x6x5>; transpose the graph to channels first" in refusal(proto)


def test_all_findings_come_at_once() -> None:
    proto = model(
        "a = Mul(x, nan) b = Quant(a, zero, zero, bits) c = Celu2(b) d = Add(c, nan) y = Pad(d, nan)",
        {"nan": NAN, "zero": 0.0, "bits": 4.0},
    )
    assert refusal(proto).splitlines() == [
        "node 'Mul_a' (Mul): NaN or infinity in the constant (1 of 1)",
        "node 'Quant_b' (Quant): scale 0.0 is not positive; scales have to be above 0",
        "node 'Celu2_c' (Celu2): operator Celu2 is not supported; "
        "replace it by operators that docs/supported.md lists",
    ]


def test_weights_have_to_be_what_their_annotation_says() -> None:
    for kind, good, bad in (
        ("BIPOLAR", -1, 0),
        ("BINARY", 1, -1),
        ("TERNARY", 0, 2),
        ("INT3", -4, 4),
        ("UINT2", 3, 0.5),
    ):
        for value in (good, bad):
            proto = model("y = MatMul(x, w)", {"w": np.full((4, 1), value, np.float32)})
            annotation = proto.graph.quantization_annotation.add(tensor_name="w")
            annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=kind)
            if value == bad:
                assert f"tensor 'w': holds values that its annotation {kind} does not allow" in refusal(proto)


def _without_output(proto: ModelProto) -> None:
    del proto.graph.output[:]


def _two_outputs(proto: ModelProto) -> None:
    proto.graph.output.add(name="a")


def _two_inputs(proto: ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, ["N", 4]))


def _uint8_input(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


def _dynamic_shape(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"


def _no_shape(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.ClearField("shape")


def _negative_shape(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = -4


def _huge_input(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2**40


def _cycle(proto: ModelProto) -> None:
    proto.graph.node[0].input[0] = "y"


def _undefined(proto: ModelProto) -> None:
    proto.graph.node[0].input[0] = "nowhere"


def _duplicate(proto: ModelProto) -> None:
    proto.graph.node.append(NodeProto(op_type="Relu", input=["x"], output=["a"]))


def _duplicate_of_input(proto: ModelProto) -> None:
    proto.graph.node.append(NodeProto(op_type="Relu", input=["a"], output=["x"]))


def _same_name(proto: ModelProto) -> None:
    for node in proto.graph.node:
        node.name = "layer"


def _no_nodes(proto: ModelProto) -> None:
    del proto.graph.node[:]


def _old(proto: ModelProto) -> None:
    proto.opset_import[0].version = 8


def _future(proto: ModelProto) -> None:
    proto.opset_import[0].version = 999


def _no_opset(proto: ModelProto) -> None:
    del proto.opset_import[:]


def _function(proto: ModelProto) -> None:
    proto.functions.add(name="Block", domain="me")


def _sparse(proto: ModelProto) -> None:
    proto.graph.sparse_initializer.add()


def _short_tensor(proto: ModelProto) -> None:
    proto.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[2**40], raw_data=b"1234")


def _strange_tensor(proto: ModelProto) -> None:
    proto.graph.initializer.add(name="w", data_type=99, dims=[1], raw_data=b"1234")


def _string_tensor(proto: ModelProto) -> None:
    proto.graph.initializer.add(name="w", data_type=TensorProto.STRING, dims=[1], string_data=[b"1234"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_output, "0 outputs (none); a network with one output is needed"),
        (_two_outputs, "2 outputs ('y', 'a'); a network with one output is needed"),
        (_two_inputs, "2 inputs ('x', 'x2'); a network with one input is needed"),
        (_uint8_input, "input 'x': is not float32; export the network with a float32 input"),
        (_dynamic_shape, "input 'x': axis 1 is dynamic ('width'); only the batch (axis 0) may be dynamic"),
        (_no_shape, "input 'x': its shape is not declared; declare it as (batch, ..)"),
        (_negative_shape, "input 'x': shape [0, -4]; a batch and positive dimensions are needed"),
        (_huge_input, "input 'x': shape [0, 1099511627776]: 1099511627776 elements are too many"),
        (_cycle, "the graph has a cycle through or in front of the nodes 'Relu_a', 'Abs_y'"),
        (_undefined, "node 'Relu_a' (Relu): its input 'nowhere' is defined nowhere"),
        (_duplicate, "tensor 'a': is defined 2 times; give every tensor a name of its own"),
        (_duplicate_of_input, "tensor 'x': is defined 2 times"),
        (_same_name, "node 'layer': 2 nodes have this name (Relu, Abs); give every node a name of its own"),
        (_no_nodes, "the graph has no nodes"),
        (_old, "opset 8; opsets 9 to"),
        (_future, "opset 999; opsets 9 to"),
        (_no_opset, "the model names no version of the ONNX operators"),
        (_function, "the model has local functions ('Block'); inline them"),
        (_sparse, "the model has sparse initializers; store them densely"),
        (_short_tensor, "tensor 'w': its data do not fit its type and shape"),
        (_strange_tensor, "tensor 'w': its data do not fit its type and shape"),
        (_string_tensor, "tensor 'w': holds object, not numbers"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damaged_graph_is_refused(damage: object, message: str) -> None:
    proto = model("a = Relu(x) y = Abs(a)")
    assert callable(damage)
    damage(proto)
    assert message in refusal(proto)
