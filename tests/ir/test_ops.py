"""Constructing an operation checks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

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
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale

X = integers(I8, (4, 5, 6))
BITS = packed(B1_PM, (4, 5, 33))
FLOAT = Input("x", (3, 4, 5))
ZERO = np.zeros(())


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


def u8(values: object) -> Array:
    return np.array(values, np.uint8)


def rescale(**changes: Any) -> Rescale:
    """y = x in three channels, with other fields than these."""
    nothing = i32([0] * 3)
    fields: dict[str, Any] = {
        "x": integers(I32, (2, 2, 3)), "pivot": nothing, "multiplier": i32([[1] * 3] * 2),
        "offset": np.zeros((2, 3), np.int64), "shift": nothing, "scale": ONE,
        "lo": -128, "hi": 127, "elem": I8,
    }  # fmt: skip
    return Rescale("n", **(fields | changes))


def sparse(**changes: Any) -> SparseDense:
    """Two rows of two and one entries over four columns, with other fields than these."""
    fields: dict[str, Any] = {
        "x": integers(I8, (1, 1, 4)), "rows": i32([0, 2, 3]), "gaps": u8([0, 2, 3]), "codes": u8([1, 2, 3]),
        "table": np.arange(4, dtype=np.int16), "gap_bits": 2, "code_bits": 2,
    }  # fmt: skip
    return SparseDense("n", **(fields | changes))


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
    "rescale of floats": (lambda: rescale(x=FLOAT), "rescales integers"),
    "rescale of other channels": (lambda: rescale(pivot=i32([0, 0])), "pivot is not"),
    "rescale with one shift": (lambda: rescale(shift=i32([0])), "shift is not"),
    "rescale with one line": (lambda: rescale(multiplier=i32([[1] * 3])), "multiplier is not"),
    "rescale with other offsets": (lambda: rescale(offset=i32([[0] * 2] * 2)), "offset is not"),
    "rescale by too much": (lambda: rescale(multiplier=i32([[1, 2, -(2**17)]] * 2)), "18 bits"),
    "rescale by the smallest integer": (lambda: rescale(multiplier=i32([[-(2**31)] * 3] * 2)), "18 bits"),
    "rescale from the smallest integer": (lambda: rescale(offset=np.full((2, 3), -(2**63))), "58 bits"),
    "rescale from too far": (lambda: rescale(offset=np.full((2, 3), 2**58)), "58 bits"),
    "rescale shifted back": (lambda: rescale(shift=i32([0, 0, -1])), "0..40"),
    "rescale shifted away": (lambda: rescale(shift=i32([0, 41, 0])), "0..40"),
    "rescale to nothing": (lambda: rescale(lo=5, hi=4), "clips to 5..4"),
    "rescale out of the type": (lambda: rescale(hi=128), "does not hold"),
    "rescale to signs": (lambda: rescale(lo=-1, hi=1, elem=B1_PM), "does not hold"),
    "sum of other shapes": (lambda: AddMaps("n", X, integers(I8, (4, 5, 7)), I16), "adds"),
    "sum of floats": (lambda: AddMaps("n", FLOAT, FLOAT, I16), "adds integers"),
    "sum in floats": (lambda: AddMaps("n", X, X, elem("f32")), "holds no sums"),
    "sum in 64 bits": (lambda: AddMaps("n", X, X, elem("i64")), "holds no sums"),
    "sum of words": (lambda: AddMaps("n", BITS, BITS, I16), "plain tensor"),
    "joining other sizes": (lambda: ConcatChannels("n", X, integers(I8, (4, 4, 6))), "joins maps"),
    "joining other types": (lambda: ConcatChannels("n", X, integers(U8, (4, 5, 6))), "joins"),
    "joining vectors": (lambda: ConcatChannels("n", integers(I8, (3,)), integers(I8, (3,))), "map"),
    "no channels": (lambda: GatherChannels("n", X, i32([])), "does not have"),
    "channels behind the last": (lambda: GatherChannels("n", X, i32([0, 6])), "does not have"),
    "channels in front of the first": (lambda: GatherChannels("n", X, i32([-1])), "does not have"),
    "sparse on floats": (lambda: sparse(x=Input("x", (1, 1, 4))), "at most 16 bits"),
    "sparse on accumulators": (lambda: sparse(x=integers(I32, (1, 1, 4))), "at most 16 bits"),
    "sparse on a vector": (lambda: sparse(x=integers(I8, (4,))), "map"),
    "sparse with gaps that go back": (lambda: sparse(gaps=np.array([0, -1, 3], np.int8)), "int8"),
    "sparse with long row pointers": (lambda: sparse(rows=np.array([0, 2, 3])), "int64"),
    "sparse with wide gaps": (lambda: sparse(gap_bits=9), "gaps of 9 bits"),
    "sparse without codes": (lambda: sparse(code_bits=0), "codes of 0 bits"),
    "sparse without rows": (lambda: sparse(rows=i32([0])), "row pointers"),
    "sparse from a later entry": (lambda: sparse(rows=i32([1, 2, 3])), "row pointers"),
    "sparse rows that descend": (lambda: sparse(rows=i32([0, 2, 1, 3])), "row pointers"),
    "sparse rows with entries left": (lambda: sparse(rows=i32([0, 1, 2])), "row pointers"),
    "sparse with a gap less": (lambda: sparse(codes=u8([1, 1])), "as many gaps as codes"),
    "sparse with a short table": (lambda: sparse(table=np.zeros(3, np.int16)), "table of"),
    "sparse with a larger gap": (lambda: sparse(gaps=u8([0, 4, 0])), "a gap of more bits"),
    "sparse with a larger code": (lambda: sparse(codes=u8([0, 4, 0])), "a code of more bits"),
    "sparse beyond the last column": (lambda: sparse(gaps=u8([3, 0, 0])), "a column that"),
    "xnor in groups of half words": (
        lambda: XnorConv2d("n", packed(B1_PM, (1, 1, 96)), words(2, 1, 1, 2), groups=2), "whole words"),
    "xnor of odd outputs": (
        lambda: XnorConv2d("n", packed(B1_PM, (1, 1, 64)), words(3, 1, 1, 1), groups=2), "3 outputs in 2"),
    "bit conv with the words of all groups": (
        lambda: BitConv2d("n", packed(TER, (1, 1, 64)), words(2, 1, 1, 2, 2), TER, groups=2), "do not fit"),
    "adding tensors of other shapes": (lambda: src.AddTensors("n", FLOAT, Input("y", (3, 4, 6))), "adds"),
    "joining tensors of other sizes": (lambda: src.Concat("n", FLOAT, Input("y", (3, 4, 6))), "joins"),
    "no channels of a source": (lambda: src.Gather("n", FLOAT, np.array([], np.int64)), "does not have"),
    "channels a source lacks": (lambda: src.Gather("n", FLOAT, np.array([3])), "does not have"),
    "fixed point of other channels": (
        lambda: src.FixedPoint("n", FLOAT, np.ones(2), ZERO, ZERO, ZERO, 0.0, 1.0), "neither"),
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
    assert str(rescale().type) == "i8<2x2x3>"
    assert str(AddMaps("n", X, X, elem("i9")).type) == "i9<4x5x6>"
    assert str(ConcatChannels("n", X, integers(I8, (4, 5, 3))).type) == "i8<4x5x9>"
    assert str(GatherChannels("n", X, i32([5, 0, 5, 5])).type) == "i8<4x5x4>"
    assert str(sparse().type) == "i32<1x1x2>"
    assert str(XnorConv2d("n", packed(B1_PM, (1, 1, 64)), words(6, 1, 1, 1), groups=2).type) == "i32<1x1x6>"
    assert str(src.Concat("n", FLOAT, Input("y", (2, 4, 5))).type) == "f32<5x4x5>"
    assert str(src.Gather("n", FLOAT, np.array([2, 2])).type) == "f32<2x4x5>"


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


def test_what_is_printed_does_not_grow_with_the_paths_of_a_graph() -> None:
    x: Op = integers(I8, (4, 5, 6))
    for n in range(40):
        x = AddMaps(f"sum {n}", x, x, I32)
    assert repr(x) == "<node 'sum 39' (add_maps)>"
