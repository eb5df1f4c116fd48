"""One small model a row: values that meet and part, fixed-point steps, and the operations they become."""

from __future__ import annotations

import numpy as np
from tests.frontends.cases import KERNEL, LINE, MAP, Case, i64, ints

from bnnc.ir.op import Array

FOUR = "float[N,4,3,2] x"


def f64(*values: float) -> Array:
    return np.array(values, np.float64)


def scalar(value: float) -> Array:
    return np.array(value, np.float64)


SUMS = [
    Case("residual", "a = Relu(x) y = Add(x, a)", "relu add_tensors"),
    Case("residual from behind", "a = Relu(x) y = Add(a, x)", "relu add_tensors"),
    Case("twice the same", "y = Add(x, x)", "add_tensors"),
    Case("difference", "a = Relu(x) y = Sub(a, x)", "relu neg add_tensors"),
    Case(
        "residual of convolutions",
        "a = Conv<pads=[1,1,1,1]>(x, w) b = Relu(a) c = Conv<pads=[1,1,1,1]>(x, v) y = Add(b, c)",
        "conv relu conv add_tensors",
        {**KERNEL, "v": ints(3, 2, 3, 3, low=-1)},
        MAP,
    ),
    Case(
        "branches that meet twice",
        "a = Relu(x) b = Abs(x) c = Add(a, b) d = Neg(c) e = Add(d, a) y = Add(e, c)",
        "relu abs add_tensors neg add_tensors add_tensors",
    ),
    Case("sum of one", "a = Sum(x) y = Relu(a)", "relu"),
    Case(
        "sum of three",
        "a = Relu(x) b = Abs(x) y = Sum(x, a, b)",
        "relu add_tensors abs add_tensors",
    ),
    Case("sum with constants", "a = Relu(x) y = Sum(c, x, a, c)", "add relu add_tensors add", {"c": ints(4)}),
]

CHANNELS = [
    Case("concat", "a = Relu(x) y = Concat<axis=1>(x, a)", "relu concat", x=MAP),
    Case("concat from behind", "a = Relu(x) y = Concat<axis=-1>(a, x)", "relu concat"),
    Case("concat of a line", "a = Relu(x) y = Concat<axis=1>(x, a)", "relu concat", x=LINE),
    Case("concat of one", "a = Concat<axis=1>(x) y = Relu(a)", "relu", x=MAP),
    Case(
        "concat of three",
        "a = Relu(x) b = Abs(x) y = Concat<axis=1>(x, a, b)",
        "relu concat abs concat",
        x=MAP,
    ),
    Case("duplicate", "y = Concat<axis=1>(x, x)", "gather", x=MAP),
    Case("tile", "y = Tile(x, r)", "gather", {"r": i64(1, 3, 1, 1)}, MAP),
    Case("expand", "y = Expand(x, d)", "gather", {"d": i64(1, 3, 1, 1)}, "float[N,1,4,2] x"),
    Case("expand of less rank", "y = Expand(x, d)", "gather", {"d": i64(3, 1, 2)}, "float[N,1,4,2] x"),
    Case(
        "each channel twice",
        "u = Unsqueeze(x, a) e = Expand(u, d) y = Reshape(e, s)",
        "gather",
        {"a": i64(2), "d": i64(1, 1, 2, 1, 1), "s": i64(0, 4, 6, 5)},
        MAP,
    ),
    Case(
        "each element twice",
        "u = Unsqueeze(x, a) e = Tile(u, r) y = Reshape(e, s)",
        "gather",
        {"a": i64(2), "r": i64(1, 1, 2), "s": i64(0, 8)},
    ),
    Case(
        "channel shuffle",
        "a = Reshape(x, g) b = Transpose<perm=[0,2,1,3,4]>(a) y = Reshape(b, s)",
        "gather",
        {"g": i64(0, 2, 2, 3, 2), "s": i64(0, 4, 3, 2)},
        FOUR,
    ),
    Case(
        "channel shuffle of a vector",
        "a = Reshape(x, g) b = Transpose<perm=[0,2,1]>(a) y = Flatten(b)",
        "gather",
        {"g": i64(0, 2, 2)},
    ),
    Case(
        "shuffle there and back",
        "a = Reshape(x, g) b = Transpose<perm=[0,2,1,3,4]>(a) c = Transpose<perm=[0,2,1,3,4]>(b)"
        " d = Reshape(c, s) y = Relu(d)",
        "relu",
        {"g": i64(0, 2, 2, 3, 2), "s": i64(0, 4, 3, 2)},
        FOUR,
    ),
    Case(
        "pixels reshaped are no shuffle",
        "a = Transpose<perm=[0,1,3,2]>(x) y = Reshape(a, s)",
        "transpose reshape",
        {"s": i64(0, 4, 3, 2)},
        FOUR,
    ),
    Case(
        "groups taken from a shuffle",
        "a = Reshape(x, g) b = Transpose<perm=[0,2,1,3,4]>(a) c = Gather<axis=1>(b, one) y = Relu(c)",
        "gather relu",
        {"g": i64(0, 2, 2, 3, 2), "one": np.array(1, np.int64)},
        FOUR,
    ),
    Case("slice", "y = Slice(x, a, b, c)", "gather", {"a": i64(1), "b": i64(3), "c": i64(1)}, FOUR),
    Case(
        "slice of all axes",
        "y = Slice(x, a, b)",
        "gather",
        {"a": i64(0, 2, 0, 0), "b": i64(2**62, -1, 3, 2**40)},
        FOUR,
    ),
    Case(
        "slice backwards",
        "y = Slice(x, a, b, c, d)",
        "gather",
        {"a": i64(-1), "b": i64(-(2**62)), "c": i64(1), "d": i64(-1)},
        FOUR,
    ),
    Case("slice by attributes", "y = Slice<starts=[1], ends=[9], axes=[1]>(x)", "gather", x=FOUR, opset=9),
    Case(
        "slice of all",
        "a = Slice(x, s, e) b = Relu(a) y = Abs(b)",
        "relu abs",
        {"s": i64(0), "e": i64(2**40)},
    ),
    Case(
        "every other pixel",
        "y = Slice(x, a, b, c, d)",
        "max_pool max_pool",
        {"a": i64(0, 0), "b": i64(99, 99), "c": i64(2, 3), "d": i64(2, 2)},
        MAP,
    ),
    Case("gather", "y = Gather<axis=1>(x, i)", "gather", {"i": i64(3, 0, -1)}, FOUR),
    Case(
        "gather of a gather",
        "a = Gather<axis=1>(x, i) y = Gather<axis=1>(a, i)",
        "gather",
        {"i": i64(1, 1, 0)},
    ),
    Case("gather of all", "a = Gather<axis=1>(x, i) y = Relu(a)", "relu", {"i": i64(0, 1, 2, 3)}),
    Case(
        "gather of one channel",
        "a = Gather<axis=1>(x, i) y = Relu(a)",
        "gather reshape relu",
        {"i": np.array(2, np.int64)},
        FOUR,
    ),
]

SPLITS = [
    Case("split", "a, y = Split<axis=1>(x)", "gather", x=FOUR),
    Case("split in halves", "a, b = Split<axis=1>(x) y = Add(a, b)", "gather gather add_tensors", x=FOUR),
    Case(
        "split in three",
        "a, b, c = Split<axis=1>(x, s) d = Relu(b) y = Concat<axis=1>(c, d, a)",
        "gather gather relu concat gather concat",
        {"s": i64(1, 2, 1)},
        FOUR,
    ),
    Case("split and swapped", "a, b = Split<axis=-1>(x) y = Concat<axis=1>(b, a)", "gather"),
    Case("split and joined", "a, b = Split<axis=1>(x) c = Concat<axis=1>(a, b) y = Relu(c)", "relu"),
    Case("split by attribute", "a, y = Split<axis=1, split=[3,1]>(x)", "gather", x=FOUR, opset=11),
    Case(
        "split, last part smaller",
        "a, b, y = Split<axis=1, num_outputs=3>(x)",
        "gather",
        x="float[N,8] x",
        opset=18,
    ),
]

MAPS = [
    Case("sum of a map", "y = ReduceSum(x, a)", "sum_pool", {"a": i64(2, 3)}, MAP),
    Case("sum to a vector", "y = ReduceSum<keepdims=0>(x, a)", "sum_pool reshape", {"a": i64(-1, -2)}, MAP),
    Case("sum of a line", "y = ReduceSum<axes=[2]>(x)", "reshape sum_pool reshape", x=LINE, opset=11),
    Case("sum of columns", "y = ReduceSum(x, a)", "sum_pool", {"a": i64(3)}, MAP),
    Case(
        "mean of rows",
        "y = ReduceMean<axes=[2], keepdims=0>(x)",
        "average_pool reshape",
        x="float[N,2,4,3] x",
    ),
    Case(
        "maximum of a map", "y = ReduceMax<keepdims=0>(x, a)", "max_pool reshape", {"a": i64(2, 3)}, MAP, 18
    ),
    Case("maximum of a line", "y = ReduceMax<axes=[2]>(x)", "reshape max_pool reshape", x=LINE),
    Case("leaky relu of a map", "y = LeakyRelu<alpha=-0.5>(x)", "prelu", x=MAP),
    Case("prelu of one slope", "y = PRelu(x, s)", "prelu", {"s": ints(1, 1, 1, low=2)}, MAP),
    Case("prelu of a vector", "y = PRelu(x, s)", "prelu", {"s": ints(4)}),
    Case("relu6", "y = Clip(x, lo, hi)", "clip", {"lo": 0, "hi": 6}, MAP),
]

_BOUNDS = {"lo": scalar(-3), "hi": scalar(5)}
_ENDING = "f = Floor(d) k = Clip(f, lo, hi) y = Cast<to=1>(k)"

FIXED_POINT = [
    Case(
        "multiplied",
        f"c = Cast<to=11>(x) d = Mul(c, m) {_ENDING}",
        "fixed_point",
        {**_BOUNDS, "m": f64(0.75)},
    ),
    Case("only rounded", f"d = Cast<to=11>(x) {_ENDING}", "fixed_point", _BOUNDS),
    Case(
        "multiplied and added",
        f"c = Cast<to=11>(x) e = Mul(m, c) d = Add(a, e) {_ENDING}",
        "fixed_point",
        {**_BOUNDS, "m": f64(0.75, 1, -2, 2**-20).reshape(4), "a": f64(0.5)},
    ),
    Case(
        "whole step on a map",
        f"c = Cast<to=11>(x) e = Mul(c, m) p = Add(e, a) q = PRelu(p, s) d = Add(q, b) {_ENDING}",
        "fixed_point",
        {
            **_BOUNDS,
            "m": f64(0.75, -0.3).reshape(2, 1, 1),
            "a": f64(0.5, 0.25).reshape(1, 2, 1, 1),
            "s": f64(-1.5, 0.1).reshape(2, 1, 1),
            "b": f64(0.5),
        },
        MAP,
        21,
    ),
    Case(
        "slope, then offset",
        f"c = Cast<to=11>(x) e = Mul(c, m) q = PRelu(e, s) d = Add(q, b) {_ENDING}",
        "fixed_point",
        {**_BOUNDS, "m": f64(0.5), "s": f64(-1, 2, 0, 0.1), "b": f64(0.5)},
        opset=16,
    ),
    Case(
        "two offsets",
        f"c = Cast<to=11>(x) e = Add(c, a) d = Add(e, a) {_ENDING}",
        "fixed_point",
        {**_BOUNDS, "a": f64(0.1)},
    ),
    Case(
        "one cast, two steps",
        "c = Cast<to=11>(x) d = Mul(c, m) f = Floor(d) k = Clip(f, lo, hi) a = Cast<to=1>(k)"
        " g = Floor(c) h = Clip(g, lo, hi) b = Cast<to=1>(h) s = Mul(b, unit) y = Add(a, s)",
        "fixed_point fixed_point mul add_tensors",
        {**_BOUNDS, "m": f64(0.75), "unit": 0.25},
    ),
]

BRANCHES = [*SUMS, *CHANNELS, *SPLITS, *MAPS, *FIXED_POINT]
