"""One small model a row: an operator or an idiom, and the source operations it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto
from tests.frontends.reading import model

from bnnc.ir.op import Array

VECTOR = "float[N,4] x"
MAP = "float[N,2,6,5] x"
LINE = "float[N,2,7] x"

Arrays = Mapping[str, Array | float]


@dataclass(frozen=True)
class Case:
    """A model and the mnemonics of the operations behind its input."""

    name: str
    body: str
    becomes: str
    arrays: Arrays = field(default_factory=dict)
    x: str = VECTOR
    opset: int = 13

    def model(self) -> ModelProto:
        return model(self.body, self.arrays, self.x, self.opset)


def ints(*shape: int, low: int = -3, high: int = 4) -> Array:
    """Float32 integers, the same for the same arguments: sums of their products are exact."""
    return np.random.default_rng(sum(shape)).integers(low, high, shape).astype(np.float32)


def i64(*values: int) -> Array:
    return np.array(values, np.int64)


KERNEL = {"w": ints(3, 2, 3, 3)}
_BN = {"g": ints(2, low=1), "b": ints(2), "m": ints(2) + 1, "v": ints(2, low=1) ** 2}
_BN4 = {"g": ints(4, low=-2, high=-1), "b": ints(4), "m": ints(4) + 1, "v": ints(4, low=1) ** 2}
_CODES = np.array([[1, -2, 3], [0, 4, -5], [7, 1, 1], [2, -8, 6]], np.int8)

_SIGN = {"c": 0.0, "p": 1.0, "n": -1.0}

LINEAR = [
    Case("conv", "y = Conv(x, w)", "conv", KERNEL, MAP),
    Case("conv bias", "y = Conv(x, w, b)", "conv add", {**KERNEL, "b": ints(3)}, MAP),
    Case("conv strides pads", "y = Conv<strides=[2,1], pads=[1,0,2,1]>(x, w)", "conv", KERNEL, MAP),
    Case("conv dilations", "y = Conv<dilations=[2,1]>(x, w)", "conv", KERNEL, MAP),
    Case("conv groups", "y = Conv<group=2>(x, w)", "conv", {"w": ints(4, 1, 2, 2)}, MAP),
    Case(
        "conv same upper",
        'y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)',
        "conv",
        {"w": ints(3, 2, 2, 4)},
        MAP,
    ),
    Case(
        "conv same lower",
        'y = Conv<auto_pad="SAME_LOWER", strides=[2,2]>(x, w)',
        "conv",
        {"w": ints(3, 2, 2, 4)},
        MAP,
    ),
    Case("conv valid", 'y = Conv<auto_pad="VALID">(x, w)', "conv", KERNEL, MAP),
    Case(
        "conv line",
        "y = Conv<pads=[1,2], strides=[2]>(x, w, b)",
        "reshape conv add reshape",
        {"w": ints(3, 2, 3), "b": ints(3)},
        LINE,
    ),
    Case(
        "conv int8 weights",
        "w = DequantizeLinear<axis=0>(q, s, z) y = Conv(x, w)",
        "conv",
        {
            "q": ints(3, 2, 3, 3).astype(np.int8),
            "s": np.array([0.5, 2, 1], np.float32),
            "z": np.zeros(3, np.int8),
        },
        MAP,
    ),
    Case("matmul", "y = MatMul(x, w)", "dense", {"w": ints(4, 3)}),
    Case("matmul of rows", "y = MatMul(x, w)", "reshape dense reshape", {"w": ints(4, 3)}, "float[N,1,4] x"),
    Case(
        "matmul int8 weights",
        "w = DequantizeLinear(q, s) y = MatMul(x, w)",
        "dense",
        {"q": _CODES, "s": np.array([0.5, 2, 1], np.float32)},
    ),
    Case(
        "matmul scale along inputs",
        "w = DequantizeLinear<axis=0>(q, s) y = MatMul(x, w)",
        "dense",
        {"q": _CODES, "s": np.array([0.5, 2, 1, 4], np.float32)},
    ),
    Case("gemm", "y = Gemm(x, w)", "dense", {"w": ints(4, 3)}),
    Case("gemm transB bias", "y = Gemm<transB=1>(x, w, b)", "dense add", {"w": ints(3, 4), "b": ints(3)}),
    Case(
        "gemm alpha beta",
        "y = Gemm<alpha=2.0, beta=0.5>(x, w, b)",
        "dense mul add",
        {"w": ints(4, 3), "b": ints(1, 3)},
    ),
    Case("gemm beta 0", "y = Gemm<beta=0.0>(x, w, b)", "dense", {"w": ints(4, 3), "b": ints(3)}),
]

ELEMENTWISE = [
    Case("add right", "y = Add(x, c)", "add", {"c": ints(4)}),
    Case("add left", "y = Add(c, x)", "add", {"c": 1.5}),
    Case("sub right", "y = Sub(x, c)", "sub", {"c": ints(1, 4)}),
    Case("sub left", "y = Sub(c, x)", "sub_from", {"c": ints(1, 1)}),
    Case("mul channels", "y = Mul(x, c)", "mul", {"c": ints(2, 1, 1)}, MAP),
    Case("mul uniform map", "y = Mul(x, c)", "mul", {"c": np.full((1, 2, 6, 5), 3, np.float32)}, MAP),
    Case("div right", "y = Div(x, c)", "div", {"c": ints(1, 2, 1, 1, low=1)}, MAP),
    Case(
        "div left", "a = Abs(x) b = Add(a, one) y = Div(c, b)", "abs add div_into", {"c": ints(4), "one": 1.0}
    ),
    Case("reciprocal", "a = Abs(x) b = Add(a, one) y = Reciprocal(b)", "abs add div_into", {"one": 1.0}),
    Case("square", "y = Pow(x, c)", "pow", {"c": 2.0}),
    Case("square by an integer", "y = Pow(x, c)", "pow", {"c": np.array(2, np.int64)}),
    Case("batch norm map", "y = BatchNormalization(x, g, b, m, v)", "batch_norm", _BN, MAP),
    Case("batch norm line", "y = BatchNormalization(x, g, b, m, v)", "batch_norm", _BN, LINE),
    Case("batch norm vector", "y = BatchNormalization<epsilon=0.1>(x, g, b, m, v)", "batch_norm", _BN4),
    Case(
        "batch norm between unsqueeze and squeeze",
        "a = Unsqueeze(x, axes) b1 = BatchNormalization(a, g, b, m, v) y = Squeeze(b1, axes)",
        "reshape batch_norm reshape",
        {**_BN4, "axes": i64(2)},
    ),
    Case("relu", "y = Relu(x)", "relu"),
    Case("leaky relu", "y = LeakyRelu<alpha=0.25>(x)", "prelu"),
    Case("prelu channels", "y = PRelu(x, s)", "prelu", {"s": ints(2, 1, 1)}, MAP),
    Case("clip", "y = Clip(x, lo, hi)", "clip", {"lo": -1.0, "hi": 1.0}),
    Case("clip below only", "y = Clip(x, lo)", "clip", {"lo": -1.0}),
    Case("clip above only", "y = Clip(x, , hi)", "clip", {"hi": 1.0}),
    Case(
        "clip of vectors of one",
        "y = Clip(x, lo, hi)",
        "clip",
        {"lo": ints(1, low=-1, high=0), "hi": ints(1, low=1)},
    ),
    Case("clip attributes", "y = Clip<min=-1.0, max=2.0>(x)", "clip", opset=9),
    Case("clip one attribute", "y = Clip<max=2.0>(x)", "clip", opset=10),
    Case("hard tanh of max and min", "a = Max(x, lo) y = Min(hi, a)", "clip clip", {"lo": -1.0, "hi": 1.0}),
    Case("hard sigmoid", "y = HardSigmoid<alpha=0.25>(x)", "hard_sigmoid"),
    Case("round floor ceil", "a = Round(x) b = Floor(a) y = Ceil(b)", "round floor ceil"),
    Case("abs neg sqrt", "a = Abs(x) b = Sqrt(a) y = Neg(b)", "abs sqrt neg"),
    Case("sign", "y = Sign(x)", "sign"),
    Case(
        "greater or equal where",
        "a = GreaterOrEqual(x, c) y = Where(a, p, n)",
        "select",
        {"c": 0.0, "p": 1.0, "n": -1.0},
    ),
    Case(
        "greater where", "a = Greater(x, c) y = Where(a, p, n)", "select", {"c": ints(4), "p": 1.0, "n": -1.0}
    ),
    Case("less where", "a = Less(x, c) y = Where(a, p, n)", "select", {"c": 0.0, "p": ints(4), "n": -1.0}),
    Case(
        "less or equal where",
        "a = LessOrEqual(x, c) y = Where(a, p, n)",
        "select",
        {"c": 0.0, "p": 1.0, "n": -1.0},
    ),
    *(
        Case(f"constant on the left of {name}", f"a = {name}(c, x) y = Where(a, p, n)", "select", _SIGN)
        for name in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    ),
    *(
        Case(f"not {name}", f"a = {name}(x, c) b = Not(a) y = Where(b, p, n)", "select", _SIGN, opset=opset)
        for name, opset in (("Greater", 9), ("GreaterOrEqual", 13), ("Less", 9), ("LessOrEqual", 16))
    ),
    Case(
        "cast of a comparison",
        "a = Greater(x, c) b = Cast<to=1>(a) c2 = Mul(b, two) y = Sub(c2, one)",
        "select mul sub",
        {"c": 0.0, "one": 1.0, "two": 2.0},
    ),
    Case("cast to float", "y = Cast<to=1>(x)", ""),
    Case("dropout", "y = Dropout(x)", ""),
    Case("identity", "a = Identity(x) y = Relu(a)", "relu"),
]

_SHAPE_IDIOM = (
    "s = Shape(x) b = Gather(s, zero) u = Unsqueeze(b, zeros) t = Concat<axis=0>(u, rest) y = Reshape(x, t)"
)

SHAPES = [
    Case("flatten", "y = Flatten(x)", "reshape", x=MAP),
    Case("flatten from behind", "y = Flatten<axis=-3>(x)", "reshape", x=MAP),
    Case("reshape 0", "y = Reshape(x, d)", "reshape", {"d": i64(0, -1)}, MAP),
    Case("reshape -1", "y = Reshape(x, d)", "reshape", {"d": i64(-1, 60)}, MAP),
    Case("reshape batch of one", "y = Reshape(x, d)", "reshape", {"d": i64(1, -1)}, "float[1,2,3] x"),
    Case("reshape keeps a dimension", "y = Reshape(x, d)", "reshape", {"d": i64(0, 0, 30)}, MAP),
    Case("reshape to the same", "a = Reshape(x, d) y = Relu(a)", "relu", {"d": i64(-1, 4)}),
    Case(
        "reshape by the batch",
        _SHAPE_IDIOM,
        "reshape",
        {"zero": np.array(0, np.int64), "zeros": i64(0), "rest": i64(-1)},
        MAP,
    ),
    Case(
        "reshape by a product",
        "s = Shape(x) a = Slice(s, i0, i1) b = Slice(s, i1, i4) p = ReduceProd(b)"
        " t = Concat<axis=0>(a, p) y = Reshape(x, t)",
        "reshape",
        {"i0": i64(0), "i1": i64(1), "i4": i64(4)},
        MAP,
    ),
    Case("squeeze", "y = Squeeze(x, a)", "reshape", {"a": i64(-1, 2)}, "float[N,3,1,1] x"),
    Case("squeeze by attribute", "y = Squeeze<axes=[2]>(x)", "reshape", x="float[N,3,1] x", opset=11),
    Case("unsqueeze", "y = Unsqueeze(x, a)", "reshape", {"a": i64(-1, 1)}),
    Case("transpose", "y = Transpose<perm=[0,2,3,1]>(x)", "transpose", x=MAP),
    Case("transpose of nothing", "a = Transpose<perm=[0,1]>(x) y = Relu(a)", "relu"),
]

POOLS = [
    Case("max pool", "y = MaxPool<kernel_shape=[2,3]>(x)", "max_pool", x=MAP),
    Case(
        "max pool strides pads",
        "y = MaxPool<kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1]>(x)",
        "max_pool",
        x=MAP,
    ),
    Case(
        "max pool same",
        'y = MaxPool<kernel_shape=[2,2], strides=[2,2], auto_pad="SAME_UPPER">(x)',
        "max_pool",
        x=MAP,
    ),
    *(
        Case(
            f"max pool ceil {k} {s} {p}",
            f"y = MaxPool<kernel_shape=[{k},{k}], strides=[{s},{s}], pads=[{p},{p},{p},{p}], ceil_mode=1>(x)",
            "max_pool",
            x=MAP,
        )
        for k, s, p in (
            (2, 2, 0),
            (3, 2, 0),
            (3, 2, 1),
            (2, 3, 0),
            (2, 3, 1),
            (3, 4, 1),
            (2, 2, 1),
            (2, 1, 1),
        )
    ),
    Case(
        "max pool line", "y = MaxPool<kernel_shape=[2], strides=[2]>(x)", "reshape max_pool reshape", x=LINE
    ),
    Case("average pool", "y = AveragePool<kernel_shape=[2,2]>(x)", "average_pool", x=MAP),
    Case(
        "average pool padding counted",
        "y = AveragePool<kernel_shape=[2,2], pads=[1,1,0,0], count_include_pad=1>(x)",
        "average_pool",
        x=MAP,
    ),
    Case(
        "average pool ceil that divides",
        "y = AveragePool<kernel_shape=[2,1], strides=[2,1], ceil_mode=1>(x)",
        "average_pool",
        x=MAP,
    ),
    Case("global average pool", "y = GlobalAveragePool(x)", "average_pool", x="float[N,2,4,2] x"),
    Case("global max pool", "y = GlobalMaxPool(x)", "max_pool", x=MAP),
    Case("reduce mean", "y = ReduceMean<axes=[2,3]>(x)", "average_pool", x="float[N,2,4,2] x"),
    Case(
        "reduce mean to a vector",
        "y = ReduceMean<axes=[-1,-2], keepdims=0>(x)",
        "average_pool reshape",
        x="float[N,2,4,2] x",
    ),
    Case(
        "reduce mean axes input",
        "y = ReduceMean<keepdims=0>(x, a)",
        "average_pool reshape",
        {"a": i64(2, 3)},
        "float[N,2,4,2] x",
        18,
    ),
    Case("pad", "y = Pad(x, p)", "pad", {"p": i64(0, 0, 1, 0, 0, 0, 2, 3)}, MAP),
    Case("pad value", "y = Pad(x, p, v)", "pad", {"p": i64(0, 0, 1, 0, 0, 0, 2, 3), "v": -1.0}, MAP),
    Case("pad attributes", "y = Pad<pads=[0,0,1,0,0,0,2,3], value=1.0>(x)", "pad", x=MAP, opset=9),
    Case("pad axes", "y = Pad(x, p, v, a)", "pad", {"p": i64(1, 2), "v": 0.0, "a": i64(-1)}, MAP, 18),
    Case(
        "pad then conv",
        "a = Pad(x, p) y = Conv(a, w)",
        "pad conv",
        {**KERNEL, "p": i64(0, 0, 1, 1, 0, 0, 1, 1)},
        MAP,
    ),
    Case("pad line", "y = Pad(x, p)", "reshape pad reshape", {"p": i64(0, 0, 1, 0, 0, 2)}, LINE),
]

ENDINGS = [
    Case("arg max", "y = ArgMax<axis=1>(x)", "arg_top_k"),
    Case("arg max flat", "y = ArgMax<axis=-1, keepdims=0>(x)", "arg_top_k reshape"),
    Case("arg max of a map", "y = ArgMax<axis=1>(x)", "reshape arg_top_k reshape", x="float[N,5,1,1] x"),
    Case("top k", "v, y = TopK(x, k)", "arg_top_k", {"k": i64(3)}),
    Case("top k attribute", "v, y = TopK<k=2>(x)", "arg_top_k", opset=9),
    Case(
        "top k then reshape",
        "v, i = TopK<axis=1>(x, k) y = Reshape(i, d)",
        "arg_top_k reshape",
        {"k": i64(3), "d": i64(0, 1, 3)},
    ),
]

SOFTMAXES = [
    Case("softmax", "y = Softmax(x)", "softmax"),
    Case("log softmax", "y = LogSoftmax<axis=1>(x)", "log_softmax"),
    Case(
        "softmax of a map before opset 13",
        "y = Softmax<axis=1>(x)",
        "reshape softmax reshape",
        x="float[N,5,1,1] x",
        opset=11,
    ),
    Case("softmax of a map", "y = Softmax<axis=1>(x)", "reshape softmax reshape", x="float[N,5,1,1] x"),
    Case(
        "softmax then flatten",
        "a = Softmax<axis=1>(x) y = Flatten(a)",
        "reshape softmax reshape reshape",
        x="float[N,5,1,1] x",
    ),
]

FOLDED = [
    Case("constants meet first", "a = Add(p, q) b = Sqrt(a) y = Div(x, b)", "div", {"p": 2.0, "q": 7.0}),
    Case("constant nodes", "c = Constant<value_float=2.0>() y = Mul(x, c)", "mul"),
    Case("constant tensor", "c = Constant<value=float[1] {2.0}>() y = Mul(x, c)", "mul"),
    Case("constant lists", "d = Constant<value_ints=[0, 2, 2]>() y = Reshape(x, d)", "reshape"),
    Case("constant vector", "c = Constant<value_floats=[1.0, 2.0, 3.0, 4.0]>() y = Mul(x, c)", "mul"),
    Case(
        "constant of shape",
        "c = ConstantOfShape<value=float[1] {2.0}>(d) y = Mul(x, c)",
        "mul",
        {"d": i64(4)},
    ),
    Case("weights computed", "t = Transpose(w) r = Relu(t) y = MatMul(x, r)", "dense", {"w": ints(3, 4)}),
    Case(
        "shape of a constant",
        "s = Shape(w) r = Reshape(v, s) y = MatMul(x, r)",
        "dense",
        {"w": ints(4, 3), "v": ints(12)},
    ),
]

OTHERS = [*LINEAR, *ELEMENTWISE, *SHAPES, *POOLS, *ENDINGS, *FOLDED]
