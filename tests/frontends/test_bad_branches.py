"""Sums, joins, splits and fixed-point steps that cannot be represented are refused by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from tests.frontends.branch_cases import f64, scalar
from tests.frontends.cases import MAP, VECTOR, i64
from tests.frontends.reading import model, refusal

from bnnc.ir.op import Array

Arrays = Mapping[str, Array | float]

BRANCHES: list[tuple[str, str, Arrays, str]] = [
    (
        "p = MaxPool<kernel_shape=[6,5]>(x) y = Add(x, p)",
        MAP,
        {},
        "node 'Add_y' (Add): adds f32<2x6x5> and f32<2x1x1>; give both the same shape",
    ),
    ("f = Flatten(x) y = Add(f, x)", MAP, {}, "adds f32<60> and f32<2x6x5>"),
    ("f = Flatten(x) y = Sub(f, x)", MAP, {}, "node 'Sub_y' (Sub): adds f32<60> and f32<2x6x5>"),
    ("f = Flatten(x) y = Sum(x, x, f)", MAP, {}, "node 'Sum_y' (Sum): adds f32<2x6x5> and f32<60>"),
    ("y = Sum(c, c, x)", VECTOR, {"c": 1.0}, "input 1 is a constant where a layer's result is needed"),
    ("v, i = TopK(x, k) y = Add(i, i)", VECTOR, {"k": i64(1)}, "adds the indices of an ArgMax or TopK"),
    ("y = Concat<axis=2>(x, x)", MAP, {}, "joins along axis 2; only channels (axis 1) can be joined"),
    ("y = Concat<axis=0>(x, x)", MAP, {}, "joins along axis 0"),
    (
        "p = MaxPool<kernel_shape=[2,2]>(x) y = Concat<axis=1>(x, p)",
        MAP,
        {},
        "joins f32<2x6x5> and f32<2x5x4>; all but the channels have to be alike",
    ),
    ("f = Flatten(x) y = Concat<axis=1>(x, f)", MAP, {}, "joins f32<2x6x5> and f32<60>"),
    (
        "y = Concat<axis=1>(x, c)",
        VECTOR,
        {"c": 1.0},
        "input 1 is a constant where a layer's result is needed",
    ),
    ("y, b = Split<axis=0>(x)", MAP, {}, "takes samples of the batch; the batch stays whole"),
    ("y, b = Split<axis=2>(x)", MAP, {}, "takes axis 2 of f32<2x6x5> apart; only channels (axis 1) can be"),
    ("y, b = Split<axis=1>(x, s)", VECTOR, {"s": i64(1, 2)}, "sizes [1, 2] of 4 elements along axis 1"),
    ("y, b = Split<axis=1>(x, s)", VECTOR, {"s": i64(4)}, "1 sizes for 2 outputs"),
    ("y = Slice(x, s, e)", MAP, {"s": i64(1), "e": i64(9)}, "takes samples of the batch"),
    (
        "y = Slice(x, s, e, a)",
        MAP,
        {"s": i64(1), "e": i64(9), "a": i64(2)},
        "crops axis 2 of f32<2x6x5>; slice channels, or take every n-th row",
    ),
    (
        "y = Slice(x, s, e, a)",
        MAP,
        {"s": i64(2), "e": i64(2), "a": i64(1)},
        "takes nothing of the 2 elements of axis 1",
    ),
    (
        "y = Slice(x, s, e)",
        MAP,
        {"s": i64(1), "e": i64(9, 9)},
        "starts [1], ends [9, 9], axes [0], steps [1]",
    ),
    ("y = Gather<axis=1>(x, i)", VECTOR, {"i": i64(4)}, "takes elements [4] of 4 along axis 1 of f32<4>"),
    ("y = Gather<axis=3>(x, i)", MAP, {"i": i64(1)}, "takes axis 3 of f32<2x6x5> apart"),
    ("y = Gather(x, i)", MAP, {"i": i64(0)}, "takes samples of the batch"),
    (
        "y = Gather<axis=1>(x, i)",
        VECTOR,
        {"i": np.zeros((2, 2), np.int64)},
        "its index is no list of integers",
    ),
    (
        "y = Tile(x, r)",
        MAP,
        {"r": i64(1, 1, 2, 1)},
        "repeats axis 2 of f32<2x6x5>; only channels can be repeated",
    ),
    ("y = Tile(x, r)", MAP, {"r": i64(2, 1, 1, 1)}, "repeats [2, 1, 1, 1] of f32<2x6x5> and its batch"),
    ("y = Tile(x, r)", VECTOR, {"r": i64(1, 2**60)}, "makes 4611686018427387904 elements of a sample"),
    ("y = Expand(x, d)", "float[N,2,1,1] x", {"d": i64(1, 1, 4, 1)}, "repeats axis 2 of f32<2x1x1>"),
    ("y = Expand(x, d)", "float[N,2,1,1] x", {"d": i64(5, 1, 1, 1)}, "repeats the batch"),
    ("y = Expand(x, d)", VECTOR, {"d": i64(1, 2, 4)}, "raises the rank of f32<4>"),
    ("y = ReduceSum(x, a)", MAP, {"a": i64(1)}, "reduces axes [1] of f32<2x6x5>"),
    ("y = ReduceSum(x, a)", VECTOR, {"a": i64(1)}, "reduces axes [1] of f32<4>"),
]

_DOUBLE = "float64 is read as Cast, Mul, [Add], [PRelu], [Add], Floor, Clip, Cast only"
_C = {"m": f64(0.5), "lo": scalar(-3), "hi": scalar(5)}
_END = "f = Floor(d) k = Clip(f, lo, hi) y = Cast<to=1>(k)"

DOUBLES: list[tuple[str, Arrays, str]] = [
    (
        "c = Cast<to=11>(x) y = Cast<to=1>(c)",
        {},
        f"node 'Cast_y' (Cast): casts float64 numbers behind Cast; {_DOUBLE}",
    ),
    ("c = Cast<to=11>(x) f = Floor(c) y = Cast<to=1>(f)", {}, "casts float64 numbers behind Floor"),
    (
        "c = Cast<to=11>(x) f = Floor(c) k = Clip(f, lo, hi) y = Cast<to=6>(k)",
        _C,
        "casts float64 numbers behind Clip",
    ),
    (
        "c = Cast<to=11>(x) f = Clip(c, lo, hi) y = Cast<to=1>(f)",
        _C,
        "clips float64 numbers in front of Floor",
    ),
    (
        "c = Cast<to=11>(x) f = Floor(c) k = Clip(f, lo) y = Cast<to=1>(k)",
        _C,
        "clips float64 numbers on one side",
    ),
    ("c = Cast<to=11>(x) f = Floor(c) y = Clip(f, hi, lo)", _C, "clips to 5.0..-3.0; use whole numbers"),
    ("c = Cast<to=11>(x) f = Floor(c) y = Clip(f, m, hi)", _C, "clips to 0.5..5.0; use whole numbers"),
    (
        f"c = Cast<to=11>(x) a = Add(c, m) d = Mul(a, m) {_END}",
        _C,
        "node 'Mul_d' (Mul): stands behind Add in float64",
    ),
    (f"c = Cast<to=11>(x) a = Mul(c, m) d = Mul(a, m) {_END}", _C, "stands behind Mul in float64"),
    (
        f"c = Cast<to=11>(x) a = Add(c, m) b = Add(a, m) d = Add(b, m) {_END}",
        _C,
        "node 'Add_d' (Add): stands behind the second Add in float64",
    ),
    (
        f"c = Cast<to=11>(x) a = Mul(c, m) d = Sqrt(a) {_END}",
        _C,
        f"node 'Sqrt_d' (Sqrt): computes in float64; {_DOUBLE}",
    ),
    (f"c = Cast<to=11>(x) d = Add(c, c) {_END}", _C, "combines two layers' results in float64"),
    (
        f"c = Cast<to=11>(x) d = Mul(c, n) {_END}",
        {**_C, "n": f64(np.nan)},
        "NaN or infinity in the multiplier",
    ),
    (f"c = Cast<to=11>(x) d = Mul(c, n) {_END}", {**_C, "n": 2.0}, "the multiplier is float32, not float64"),
    (
        f"c = Cast<to=11>(x) d = Mul(c, n) {_END}",
        {**_C, "n": f64(1, 2, 3)},
        "does not fit f32<4> and its batch",
    ),
    ("y = Cast<to=11>(x)", {}, "output 'y': is float64; append a Cast to float32"),
    ("y = Mul(x, m)", _C, "the constant is float64; export in float32"),
    ("m2 = Cast<to=1>(m) a = Mul(x, m2) y = Cast<to=10>(a)", _C, "casts a layer's result to FLOAT16"),
]


@pytest.mark.parametrize(
    ("body", "x", "arrays", "message"), BRANCHES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_is_refused(body: str, x: str, arrays: Arrays, message: str) -> None:
    assert message in refusal(model(body, arrays, x))


@pytest.mark.parametrize(
    ("body", "arrays", "message"), DOUBLES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_float64_is_refused(body: str, arrays: Arrays, message: str) -> None:
    assert message in refusal(model(body, arrays))


def test_old_clips_of_float64_are_refused() -> None:
    body = "c = Cast<to=11>(x) f = Floor(c) k = Clip(f, lo, hi) y = Cast<to=1>(k)"
    assert "clips float64 in opset 11; use 12 or newer" in refusal(model(body, _C, opset=11))
