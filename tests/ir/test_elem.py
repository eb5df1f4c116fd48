"""Element types, sizes of windows, and types of values."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.ir.elem import B1_01, B1_PM, F32, TER, elem, range_elem, smallest_elem
from bnnc.ir.geometry import output_map, output_size
from bnnc.ir.types import Packed, Tensor, n_words


@pytest.mark.parametrize(
    ("name", "bits", "lo", "hi", "dtype"),
    [
        ("b1_pm", 1, -1, 1, "int8"),
        ("b1_01", 1, 0, 1, "uint8"),
        ("ter", 2, -1, 1, "int8"),
        ("u2", 2, 0, 3, "uint8"),
        ("i2", 2, -2, 1, "int8"),
        ("u8", 8, 0, 255, "uint8"),
        ("i8", 8, -128, 127, "int8"),
        ("i9", 9, -256, 255, "int16"),
        ("u16", 16, 0, 65535, "uint16"),
        ("i17", 17, -65536, 65535, "int32"),
        ("i32", 32, -(2**31), 2**31 - 1, "int32"),
        ("i64", 64, -(2**63), 2**63 - 1, "int64"),
    ],
)
def test_named_types(name: str, bits: int, lo: int, hi: int, dtype: str) -> None:
    kind = elem(name)
    assert (str(kind), kind.bits, kind.lo, kind.hi, kind.dtype) == (name, bits, lo, hi, np.dtype(dtype))
    assert elem(name) is kind
    assert np.iinfo(kind.dtype).min <= lo and hi <= np.iinfo(kind.dtype).max


@pytest.mark.parametrize(
    "name", ["", "u0", "u1", "i1", "u17", "i33", "i65", "f64", "b1", "U8", "i08", "u8 ", "8"]
)
def test_other_names_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="unknown element type"):
        elem(name)


def test_float_is_a_type_that_holds_no_integer() -> None:
    assert F32.is_float and F32.dtype == np.float32 and not F32.holds(0, 0)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([1, -1], "b1_pm"),
        ([1], "b1_pm"),
        ([0, 1], "b1_01"),
        ([0], "b1_01"),
        ([-1, 0, 1], "ter"),
        ([0, 2], "u2"),
        ([-2, 1], "i2"),
        ([-1, 2], "i3"),
        ([255, 0], "u8"),
        ([-128], "i8"),
        ([65536], "i18"),
        ([2**31 - 1], "i32"),
    ],
)
def test_smallest_type_of_values(values: list[int], name: str) -> None:
    assert smallest_elem(np.array(values)).name == name


def test_a_range_includes_what_lies_between() -> None:
    assert range_elem(-1, 1) == TER
    assert range_elem(0, 1) == B1_01
    assert range_elem(0, 1) != B1_PM
    with pytest.raises(ValueError, match="no element type"):
        range_elem(0, 2**31)


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("pad", [0, 1, 3])
def test_output_size_counts_the_positions(kernel: int, stride: int, dilation: int, pad: int) -> None:
    for size in range(1, 12):
        span = dilation * (kernel - 1) + 1
        positions = [i for i in range(0, size + pad, stride) if i + span <= size + pad]
        assert max(0, output_size(size, kernel, stride, dilation, pad)) == len(positions)


def test_pads_are_top_left_bottom_right() -> None:
    assert output_map((5, 7), (3, 2), (1, 1), (1, 1), (1, 0, 2, 3)) == (6, 9)


def test_sizes_of_values() -> None:
    assert [n_words(c) for c in (1, 31, 32, 33, 64, 65)] == [1, 1, 1, 2, 2, 3]
    assert Tensor(elem("i4"), (2, 3, 5)).n_bytes == 30
    assert Tensor(elem("i17"), (3,)).n_bytes == 12
    packed = Packed(TER, (4, 5, 33))
    assert packed.storage_shape == (4, 5, 2, 2)
    assert packed.n_bytes == 4 * 5 * 2 * 2 * 4
    assert (str(packed), str(Tensor(F32, (2, 3)))) == ("packed ter<4x5x33>", "f32<2x3>")
