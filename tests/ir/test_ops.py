"""Constructing an operation checks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from tests.sim.cases import ONE, integers, packed

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, I32, TER, U8, elem
from bnnc.ir.integer_ops import NO_CUT, Conv2d, MaxPool2d, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import BitConv2d, Pack, PackedMaxPool2d, Unpack, XnorConv2d

X = integers(I8, (4, 5, 6))
BITS = packed(B1_PM, (4, 5, 33))
FLOAT = Input("x", (3, 4, 5))


def i32(values: object) -> Array:
    return np.array(values, np.int32)


def f32(values: object) -> Array:
    return np.array(values, np.float32)


def weights(*shape: int) -> Array:
    return np.ones(shape, np.int8)


def words(*shape: int) -> Array:
    return np.zeros(shape, np.uint32)


def steps(base: object, cuts: object, jumps: object, kind: str = "i8") -> Threshold:
    return Threshold("n", integers(I32, (1, 1, 2)), i32(base), i32(cuts), i32(jumps), ONE, elem(kind))


WRONG: dict[str, tuple[Callable[[], Op], str]] = {
    "input without elements": (lambda: Input("n", (3, 0)), "not positive"),
    "conv on floats": (lambda: Conv2d("n", FLOAT, weights(1, 1, 1, 5), I8), "integer operands"),
    "conv with float weights": (lambda: Conv2d("n", X, np.ones((1, 1, 1, 6)), I8), "integer weights"),
    "conv of other depth": (lambda: Conv2d("n", X, weights(1, 1, 1, 5), I8), "do not fit"),
    "conv in wrong groups": (lambda: Conv2d("n", X, weights(4, 1, 1, 6), I8, groups=2), "do not fit"),
    "conv of odd outputs": (lambda: Conv2d("n", X, weights(3, 1, 1, 3), I8, groups=2), "split"),
    "conv with a zero among signs": (lambda: Conv2d("n", X, 0 * weights(1, 1, 1, 6), B1_PM), "does not hold"),
    "conv with too large weights": (lambda: Conv2d("n", X, 2 * weights(1, 1, 1, 6), TER), "does not hold"),
    "conv larger than the map": (lambda: Conv2d("n", X, weights(1, 5, 1, 6), I8), "does not fit"),
    "conv spread too far": (lambda: Conv2d("n", X, weights(1, 3, 1, 6), I8, dilations=(2, 1)), "fit"),
    "conv on words": (lambda: Conv2d("n", BITS, weights(1, 1, 1, 33), I8), "plain tensor"),
    "xnor on plain integers": (lambda: XnorConv2d("n", X, words(1, 1, 1, 1)), "packed map"),
    "xnor on ter": (lambda: XnorConv2d("n", packed(TER, (1, 1, 3)), words(1, 1, 1, 1)), "b1_pm is needed"),
    "xnor with int64 words": (lambda: XnorConv2d("n", BITS, np.zeros((1, 1, 1, 2), int)), "uint32"),
    "xnor with too few words": (lambda: XnorConv2d("n", BITS, words(1, 1, 1, 1)), "do not fit"),
    "xnor padded with two": (lambda: XnorConv2d("n", BITS, words(1, 1, 1, 2), pad_value=2), "pad value"),
    "bit conv with a plane missing": (lambda: BitConv2d("n", BITS, words(1, 1, 1, 1, 2), TER), "plane"),
    "bit conv with too many words": (lambda: BitConv2d("n", BITS, words(1, 1, 1, 2, 3), TER), "do not fit"),
    "packing i16": (lambda: Pack("n", integers(I16, (1, 1, 3))), "at most 8 bits"),
    "packing a vector": (lambda: Pack("n", integers(I8, (3,))), "map"),
    "unpacking integers": (lambda: Unpack("n", X), "packed map"),
    "maximum of u2": (lambda: PackedMaxPool2d("n", packed(elem("u2"), (2, 2, 3)), (2, 2)), "no maximum"),
    "pool larger than the map": (lambda: MaxPool2d("n", X, (5, 1)), "does not fit"),
    "pool wholly in the padding": (lambda: SumPool2d("n", X, (2, 2), pads=(2, 0, 0, 0)), "outside the map"),
    "steps with other bases": (lambda: steps([0], [[1], [2]], [[1], [1]]), "bases"),
    "steps with other jumps": (lambda: steps([0, 0], [[1], [2]], [[1, 1], [1, 1]]), "differ"),
    "steps of other channels": (lambda: steps([0, 0], [[1]], [[1]]), "cuts for"),
    "steps that descend": (lambda: steps([0, 0], [[1, 0], [0, 0]], [[1, 1], [1, 1]]), "ascend"),
    "steps that jump where nothing is": (lambda: steps([0, 0], [[1], [NO_CUT]], [[1], [1]]), "filling"),
    "steps out of the type": (lambda: steps([0, 0], [[1], [1]], [[128], [1]]), "hold the levels"),
    "steps of signs to zero": (lambda: steps([-1, -1], [[1], [1]], [[1], [2]], "b1_pm"), "not \\+-1"),
    "table of other channels": (lambda: Table("n", X, i32([0] * 6), weights(5, 2), ONE, 0, I8), "table"),
    "table with other offsets": (lambda: Table("n", X, i32([0] * 5), weights(6, 2), ONE, 0, I8), "offsets"),
    "table out of the type": (lambda: Table("n", X, i32([0] * 6), 2 * weights(6, 2), ONE, 0, TER), "hold"),
    "table of a zero sign": (lambda: Table("n", X, i32([0] * 6), weights(6, 2) - 1, ONE, 0, B1_PM), "hold"),
    "top of a map": (lambda: TopK("n", X, 1), "vector"),
    "top of none": (lambda: TopK("n", integers(I8, (1, 1, 3)), 0), "k = 0"),
    "top of more than there are": (lambda: TopK("n", integers(I8, (1, 1, 3)), 4), "k = 4"),
    "floats as floats": (lambda: ToFloat("n", FLOAT), "float already"),
    "cast that loses": (lambda: Cast("n", X, U8), "does not hold"),
    "reshape to another size": (lambda: Reshape("n", X, (7, 17)), "elements"),
    "layout of a vector": (lambda: ChannelsLast("n", integers(I8, (3,))), "map"),
    "layout back of a vector": (lambda: ChannelsFirst("n", integers(I8, (3,))), "map"),
    "constant of other channels": (lambda: src.Mul("n", FLOAT, f32([1, 2])), "neither"),
    "unknown comparison": (lambda: src.Select("n", FLOAT, "==", f32(0), f32(1), f32(0)), "comparison"),
    "thresholds of other channels": (lambda: src.MultiThreshold("n", FLOAT, f32([[1], [2]]), 1, 0), "rows"),
    "conv of a vector": (lambda: src.Conv("n", Input("x", (3,)), f32(np.ones((1, 3, 1, 1))), ONE), "map"),
    "1-d conv": (lambda: src.Conv("n", FLOAT, f32(np.ones((1, 3, 1))), ONE), "2-d"),
    "dense on a map": (lambda: src.Dense("n", FLOAT, f32(np.ones((2, 3))), ONE), "flatten"),
    "transpose of other rank": (lambda: src.Transpose("n", FLOAT, (1, 0)), "permutation"),
    "softmax of a map": (lambda: src.Softmax("n", FLOAT), "vector"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_operations_are_refused(case: str) -> None:
    build, what = WRONG[case]
    with pytest.raises(BnncError, match=what) as error:
        build()
    assert error.value.findings[0].where.startswith("node ")


def test_types_of_results() -> None:
    assert str(Conv2d("n", X, weights(7, 3, 2, 6), I8, (2, 1), (1, 0, 1, 1)).type) == "i32<2x5x7>"
    assert str(XnorConv2d("n", BITS, words(9, 3, 3, 2), pads=(1, 1, 1, 1)).type) == "i32<4x5x9>"
    assert str(MaxPool2d("n", X, (2, 2), (2, 2)).type) == "i8<2x2x6>"
    assert str(PackedMaxPool2d("n", BITS, (2, 2), (2, 2)).type) == "packed b1_pm<2x2x33>"
    assert str(SumPool2d("n", X, (4, 5)).type) == "i32<1x1x6>"
    assert str(Unpack("n", BITS).type) == "b1_pm<4x5x33>"
    assert str(ChannelsLast("n", FLOAT).type) == "f32<4x5x3>"


def test_cuts_may_lie_a_whole_int32_apart() -> None:
    lowest = -(2**31)
    op = steps([0, 0], [[lowest, NO_CUT], [-1, NO_CUT]], [[1, 0], [1, 0]])
    assert op.type.elem == I8


def test_operations_are_frozen_and_compare_by_identity() -> None:
    first, second = src.Relu("n", FLOAT), src.Relu("n", FLOAT)
    assert first != second and len({first, second}) == 2
    with pytest.raises(FrozenInstanceError):
        first.name = "m"  # type: ignore[misc]


def test_constants_are_read_only_copies() -> None:
    array = weights(1, 1, 1, 6)
    op = Conv2d("n", X, array, I8)
    array[:] = 5
    assert op.weights.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        op.weights[0] = 2


def test_new_operands_are_checked() -> None:
    op = TopK("n", integers(I8, (1, 1, 3)), 3)
    assert op.with_operands(*op.operands) is op
    assert op.with_operands(integers(B1_01, (1, 1, 4))).x.type.shape == (1, 1, 4)
    with pytest.raises(BnncError):
        op.with_operands(integers(I8, (1, 1, 2)))
