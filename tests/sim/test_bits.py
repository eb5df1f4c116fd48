"""Packing: the layout of words, checked bit by bit, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graphs import random_values
from tests.sim.cases import packed

from bnnc.ir.elem import B1_01, B1_PM, TER, Elem, elem
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.sim import slow
from bnnc.sim.bits import pack, plane_offset, plane_weights, unpack, weight_values

ELEMS = [B1_PM, B1_01, TER, *(elem(name) for name in ("u2", "u3", "i2", "i3", "i4", "u8", "i8"))]
CHANNELS = [1, 31, 32, 33, 63, 64, 65, 129]


@pytest.mark.parametrize("kind", ELEMS, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
def test_words_are_as_packed_says(kind: Elem, channels: int) -> None:
    values = random_values(np.random.default_rng(channels), kind, (2, 3, channels))
    words = pack(values, kind)
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(words, slow.packed_words(values, kind))
    np.testing.assert_array_equal(unpack(words, kind, channels), values)
    np.testing.assert_array_equal(slow.plain_integers(words, kind, channels), values)
    assert unpack(words, kind, channels).dtype == kind.dtype


def test_bit_i_of_word_j_is_channel_32_j_plus_i() -> None:
    values = np.full((1, 1, 40), -1, np.int8)
    values[0, 0, [0, 31, 33]] = 1
    assert pack(values, B1_PM).tolist() == [[[[1 | 1 << 31, 1 << 1]]]]


def test_byte_j_holds_channels_8_j_and_up() -> None:
    values = np.zeros((1, 1, 20), np.uint8)
    values[0, 0, 17] = 1
    assert list(pack(values, B1_01).tobytes()) == [0, 0, 2, 0]


def test_planes_of_a_ternary_map_are_not_zero_and_negative() -> None:
    values = np.array([[[0, 1, -1]]], np.int8)
    assert pack(values, TER).tolist() == [[[[0b110], [0b100]]]]


@pytest.mark.parametrize("kind", ELEMS, ids=str)
def test_padding_bits_are_zero(kind: Elem) -> None:
    for value in (kind.lo, kind.hi):
        words = pack(np.full((1, 1, 33), value, kind.dtype), kind)
        assert not (words[..., 1] >> 1).any()


@pytest.mark.parametrize("kind", ELEMS, ids=str)
def test_planes_and_offset_make_up_the_value(kind: Elem) -> None:
    values = random_values(np.random.default_rng(0), kind, (1, 1, 32))
    planes = pack(values, kind)[0, 0, :, 0]
    bits = (planes[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    np.testing.assert_array_equal(plane_offset(kind) + plane_weights(kind) @ bits.astype(int), values[0, 0])


def test_weights_of_packed_convolutions_as_integers() -> None:
    rng = np.random.default_rng(0)
    signs, ternary = (random_values(rng, kind, (5, 2, 1, 33)) for kind in (B1_PM, TER))
    xnor = XnorConv2d("n", packed(B1_PM, (2, 1, 33)), pack(signs, B1_PM)[:, :, :, 0])
    bitwise = BitConv2d("n", packed(B1_PM, (2, 1, 33)), pack(ternary, TER), TER)
    np.testing.assert_array_equal(weight_values(xnor), signs)
    np.testing.assert_array_equal(weight_values(bitwise), ternary)


def test_weights_of_groups_have_the_depth_of_a_group() -> None:
    signs = random_values(np.random.default_rng(0), B1_PM, (6, 1, 1, 64))
    grouped = XnorConv2d("n", packed(B1_PM, (2, 1, 192)), pack(signs, B1_PM)[:, :, :, 0], groups=3)
    np.testing.assert_array_equal(weight_values(grouped), signs)
