"""Rescales, sums, concatenations and gathers equal the slow definition, which counts in Python's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs import random_values
from tests.sim.cases import ONE, assert_as_slow, integers
from tests.value_cases import FARTHEST, INT32, LARGEST, only_clipping, random_rescale

from bnnc.ir.elem import B1_01, B1_PM, I8, I16, I32, TER, U8, Elem, elem
from bnnc.ir.op import Array
from bnnc.ir.value_ops import MAX_SHIFT, AddMaps, ConcatChannels, GatherChannels, Rescale

CHANNELS = [1, 31, 32, 33, 63, 64, 65, 127, 129]
SOURCES = [B1_PM, TER, U8, I8, elem("i12"), I16, elem("u16"), I32]
RESULTS = [B1_01, TER, *(elem(name) for name in ("u3", "i5", "u8", "i8", "i12", "i16", "u16", "i32"))]


def line(
    multiplier: int | tuple[int, int], offset: int | tuple[int, int], shift: int, pivot: int = 0,
    kind: Elem = I32, source: Elem = I32,
) -> Rescale:  # fmt: skip
    """A rescale of one channel: one line, or one below the pivot and one from it on."""
    x = integers(source, (1, 1, 1))
    ends = [np.broadcast_to(np.array(ends), 2).reshape(2, 1) for ends in (multiplier, offset)]
    numbers = (np.array([pivot], np.int32), ends[0].astype(np.int32), ends[1].astype(np.int64))
    return Rescale("n", x, *numbers, np.array([shift], np.int32), ONE, kind.lo, kind.hi, kind)


def answers(op: Rescale, *numbers: int) -> list[int]:
    x = np.array(numbers).astype(op.x.type.elem.dtype).reshape(-1, 1, 1, 1)
    return [int(y) for y in assert_as_slow(op, x).ravel()]


def inputs(rng: np.random.Generator, op: Rescale) -> Array:
    """(n, 1, 1, C): the pivots, where lines cross the ends of the result, the ends of the type, more."""
    kind = op.x.type.elem
    slope = np.where(op.multiplier == 0, 1, op.multiplier).astype(np.int64)
    edges = np.array([op.lo - 1, op.lo, op.hi, op.hi + 1]).reshape(-1, 1, 1) << op.shift.astype(np.int64)
    crossings = np.clip((edges - op.offset) // slope, kind.lo, kind.hi).reshape(8, -1)
    near = np.concatenate([crossings, op.pivot[None].astype(np.int64)])
    rows = [near - 1, near, near + 1, random_values(rng, kind, (20, len(op.pivot))), [op.pivot * 0 + kind.hi]]
    x = np.clip(np.concatenate(rows), kind.lo, kind.hi)
    return (np.where(x > 0, 1, -1) if kind == B1_PM else x).astype(kind.dtype)[:, None, None]


@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
def test_random_lines(source: Elem, channels: int) -> None:
    rng = np.random.default_rng(channels)
    for kind in RESULTS:
        centre = rng.integers(source.lo // 2, source.hi // 2 + 1, channels)
        x = integers(source, (1, 1, channels))
        op = random_rescale(rng, x, "n", kind, centre, max(1, source.hi // 3))
        assert_as_slow(op, inputs(rng, op))


def test_halves_are_rounded_up_by_an_offset_of_a_half() -> None:
    assert answers(line(1, 1, 1), -5, -4, -3, -2, -1, 0, 1, 2, 3) == [-2, -2, -1, -1, 0, 0, 1, 1, 2]


def test_the_shift_rounds_down() -> None:
    assert answers(line(1, 0, 2), -5, -4, -1, 0, 3, 4) == [-2, -1, -1, 0, 0, 1]


def test_the_pivot_belongs_to_the_upper_line() -> None:
    assert answers(line((-2, 3), (0, 100), 0, pivot=7), 6, 7, 8) == [-12, 121, 124]


def test_pivots_at_the_ends_of_32_bits() -> None:
    numbers = INT32.min, 0, INT32.max - 1, INT32.max
    assert answers(line((0, 1), (5, 0), 0, INT32.min), *numbers) == list(numbers)
    assert answers(line((0, 1), (5, 0), 0, INT32.max), *numbers) == [5, 5, 5, INT32.max]


def test_the_widest_product_does_not_wrap_around() -> None:
    for sign in (-1, 1):
        op = line(sign * LARGEST, sign * FARTHEST, MAX_SHIFT)
        values = answers(op, INT32.min, INT32.max, 0)
        assert values == [
            (n * sign * LARGEST + sign * FARTHEST) >> MAX_SHIFT for n in (INT32.min, INT32.max, 0)
        ]
    assert answers(line(LARGEST, FARTHEST, 0, kind=I16), INT32.min, INT32.max) == [I16.hi, I16.hi]
    assert answers(line(LARGEST, -FARTHEST, 0, kind=U8), INT32.min, INT32.max) == [0, 0]


@pytest.mark.parametrize("kind", [TER, U8, I16], ids=str)
def test_only_clipping(kind: Elem) -> None:
    rng = np.random.default_rng(0)
    op = only_clipping(rng, integers(I32, (1, 1, 64)), "n", kind.lo, kind.hi, kind)
    assert op.only_clips and not line(1, 1, 0).only_clips and not line((1, 2), 0, 0).only_clips
    x = random_values(rng, I32, (20, 1, 1, 64)) >> rng.integers(0, 31, (20, 1, 1, 64))
    np.testing.assert_array_equal(assert_as_slow(op, x), np.clip(x, kind.lo, kind.hi))


def test_one_line_needs_no_pivot() -> None:
    assert line(3, 1, 2).is_linear and line((3, 3), (1, 1), 2, pivot=9).is_linear
    assert not line((3, 4), 1, 2).is_linear and not line(3, (1, 2), 2).is_linear


@pytest.mark.parametrize(("a", "b"), [(I16, I16), (B1_PM, I16), (I32, U8), (TER, B1_01), (I32, I32)], ids=str)
@pytest.mark.parametrize("channels", [1, 31, 33])
def test_sums(a: Elem, b: Elem, channels: int) -> None:
    rng, shape = np.random.default_rng(channels), (3, 4, channels)
    left, right = random_values(rng, a, (2, *shape)), random_values(rng, b, (2, *shape))
    if a == b == I32:
        left, right = left >> 1, right >> 1
    op = AddMaps("n", integers(a, shape), integers(b, shape), elem("i17") if I32 not in (a, b) else I32)
    assert_as_slow(op, left, right)


def test_a_sum_in_a_type_narrower_than_its_operands() -> None:
    """What can be reached fits the result, whatever the operands' types say."""
    x, y = (np.array(values, np.int32).reshape(1, 1, 1, 2) for values in ([40000, -40000], [-40001, 7300]))
    op = AddMaps("n", integers(I32, (1, 1, 2)), integers(I32, (1, 1, 2)), I16)
    assert assert_as_slow(op, x, y).ravel().tolist() == [-1, -32700]


def test_a_map_plus_itself() -> None:
    x = integers(I8, (2, 2, 5))
    values = random_values(np.random.default_rng(0), I8, (3, 2, 2, 5))
    doubled = assert_as_slow(AddMaps("n", x, x, elem("i9")), values, values)
    np.testing.assert_array_equal(doubled, 2 * values.astype(np.int16))


@pytest.mark.parametrize("kind", [B1_PM, TER, U8, I16, I32], ids=str)
@pytest.mark.parametrize("channels", [(1, 1), (31, 1), (32, 33), (5, 64), (65, 127)])
def test_concatenations_and_splits(kind: Elem, channels: tuple[int, int]) -> None:
    rng = np.random.default_rng(channels)
    a, b = (integers(kind, (2, 3, n)) for n in channels)
    left, right = (random_values(rng, kind, (2, 2, 3, n)) for n in channels)
    joined = ConcatChannels("n", a, b)
    both = assert_as_slow(joined, left, right)
    np.testing.assert_array_equal(both, np.concatenate([left, right], axis=3))
    back = GatherChannels("n", joined, np.arange(channels[0], sum(channels), dtype=np.int32))
    np.testing.assert_array_equal(assert_as_slow(back, both), right)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(CHANNELS), st.data())
def test_any_choice_of_channels(channels: int, data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=70))
    x = random_values(np.random.default_rng(0), I8, (2, 1, 3, channels))
    op = GatherChannels("n", integers(I8, (1, 3, channels)), np.array(index, np.int32))
    np.testing.assert_array_equal(assert_as_slow(op, x), x[..., index])
