"""What engines and memories take: by hand, and larger where they do more."""

from __future__ import annotations

from typing import Any

import pytest

from bnnc.hls.lanes import BIPOLAR, Lane
from bnnc.hls.model import logic
from bnnc.hls.model.calibration import SHELL, UNIT, project_cost
from bnnc.hls.model.compute import elements_circuit, mvtu_cost, sparse_cost
from bnnc.hls.model.functions import Function, function_circuit, thresholds
from bnnc.hls.model.memory import (
    MEMORY_PORT,
    bram18s,
    fifo_cost,
    lut_ram,
    lut_rom,
    ram_cost,
    rom_cost,
    urams,
    weights_cost,
)
from bnnc.hls.model.moving import add_cost, map_cost, pool_cost, top_k_cost, width_cost, window_cost
from bnnc.hls.model.products import Form, cheapest
from bnnc.hls.model.resources import NOTHING, Resources, total

MATRIX: dict[str, Any] = {
    "pe": 8,
    "simd": 16,
    "x_bits": 2,
    "w_bits": 2,
    "sum_bits": 12,
    "steps": 3,
    "words": 36,
    "folds": 8,
}


@pytest.mark.parametrize(
    ("depth", "bits", "blocks"),
    [
        (512, 36, 1),
        (512, 37, 2),
        (513, 36, 2),
        (1024, 18, 1),
        (1025, 18, 2),
        (2048, 9, 1),
        (4096, 4, 1),
        (4096, 5, 2),
        (8192, 2, 1),
        (16384, 1, 1),
        (16385, 1, 2),
        (18432, 32, 64),  # a block of 36 kbit is 32768 x 1: one for each bit
        (2304, 32, 8),  # eight of 4096 x 4
        (416, 64, 2),
        (73728, 16, 2 * 2 * 16 + 8),  # two stacks of 32768 x 1, and 8192 x 2 for the rest
    ],
)
def test_shapes_of_block_ram(depth: int, bits: int, blocks: int) -> None:
    assert bram18s(depth, bits) == blocks


@pytest.mark.parametrize(
    ("depth", "bits", "blocks"), [(4096, 72, 1), (4097, 72, 2), (4096, 73, 2), (1, 1, 1)]
)
def test_shapes_of_ultra_ram(depth: int, bits: int, blocks: int) -> None:
    assert urams(depth, bits) == blocks


@pytest.mark.parametrize(
    ("depth", "bits", "tables"), [(1, 8, 0), (32, 8, 4), (64, 8, 8), (65, 8, 16), (256, 1, 4), (512, 1, 9)]
)
def test_constants_in_lookup_tables(depth: int, bits: int, tables: int) -> None:
    assert lut_rom(depth, bits) == tables


def test_memories_of_lookup_tables_have_four_in_a_row() -> None:
    assert (lut_ram(32, 6), lut_ram(32, 7), lut_ram(64, 3), lut_ram(64, 4)) == (4, 8, 4, 8)


def test_small_arrays_stay_in_lookup_tables() -> None:
    assert rom_cost(64, 16).bram18 == 0 == ram_cost(64, 16).bram18
    assert rom_cost(64, 17).bram18 == 1 == ram_cost(64, 17).bram18


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("lut", Resources(lut=4 * 2 * 20, ff=4 * 20)),
        ("bram", Resources(bram18=3)),  # 80 bits, 36 of them in a block
        ("uram", MEMORY_PORT + Resources(uram=2)),
        ("ddr", MEMORY_PORT + Resources(ff=2 * 80)),
        (None, Resources(lut=4 * 2 * 20, ff=4 * 20)),
    ],
)
def test_weights_lie_where_they_are_told(storage: str | None, expected: Resources) -> None:
    assert weights_cost(128, 20, 4, storage) == expected


def test_a_single_constant_takes_nothing() -> None:
    assert rom_cost(1, 64, "bram", copies=8) == NOTHING


def test_fifos_are_shift_registers_until_they_are_large() -> None:
    assert fifo_cost(2, 128).bram18 == 0 == fifo_cost(32, 32).bram18
    assert fifo_cost(128, 64).bram18 == 2
    assert fifo_cost(16, 32).lut < fifo_cost(17, 32).lut


@pytest.mark.parametrize("what", ["pe", "simd", "x_bits", "w_bits", "sum_bits", "steps", "words", "folds"])
@pytest.mark.parametrize("storage", ["lut", "bram", "ddr"])
def test_a_matrix_takes_more_the_more_it_does(what: str, storage: str) -> None:
    costs = [mvtu_cost(**MATRIX | {what: n}, storage=storage) for n in range(1, 13)]
    for less, more in zip(costs, costs[1:], strict=False):
        assert less.lut <= more.lut and less.bram18 <= more.bram18 and less.dsp <= more.dsp
    assert costs[0] != costs[-1]


def test_weights_move_between_memories() -> None:
    in_tables, in_blocks = (mvtu_cost(**MATRIX, storage=storage) for storage in ("lut", "bram"))
    assert in_blocks.bram18 - in_tables.bram18 == bram18s(36 * 8, 32 * 8)
    assert in_tables.lut - in_blocks.lut == MATRIX["pe"] * lut_rom(36 * 8, 32)


def test_a_vector_is_kept_only_if_it_is_used_again() -> None:
    again, once = (mvtu_cost(**MATRIX | {"words": 100}, uses=uses) for uses in (8, 1))
    assert again.bram18 - once.bram18 == bram18s(100, 32)


def test_ones_are_counted_in_pairs() -> None:
    """16 pairs of products, then 8 + 4 + 2 + 1 adders of 2, 3, 4 and 5 bits."""
    assert logic.dot(32, 1, 1, in_pairs=True) == 16 + 8 * 2 + 4 * 3 + 2 * 4 + 5
    assert logic.dot(32, 1, 1) == pytest.approx(1.36 * 32)


def test_pairs_pay_where_several_elements_share_what_follows_from_the_input() -> None:
    forms = [cheapest(BIPOLAR, BIPOLAR, 64, sharing, 0, True) for sharing in (1, 2, 3, 16)]
    assert forms == [Form.EQUAL, Form.EQUAL, Form.PAIRS, Form.PAIRS]


@pytest.mark.parametrize(
    ("x", "w", "lanes", "marks", "is_stepped", "form"),
    [
        (BIPOLAR, BIPOLAR, 64, 0, False, Form.EQUAL),
        (BIPOLAR, BIPOLAR, 64, 1, True, Form.EQUAL),
        (BIPOLAR, BIPOLAR, 45, 9, True, Form.DOT),
        (BIPOLAR, BIPOLAR, 63, 0, True, Form.EQUAL),
        (BIPOLAR, BIPOLAR, 8, 0, True, Form.EQUAL),
        (BIPOLAR, Lane("Signed", 2), 64, 0, True, Form.DOT),
        (Lane("Unsigned", 1), BIPOLAR, 64, 0, True, Form.PAIRS),
        (Lane("Unsigned", 1), BIPOLAR, 64, 0, False, Form.DOT),
        (Lane("Signed", 2), BIPOLAR, 32, 0, True, Form.PAIRS),
        (Lane("Unsigned", 8), BIPOLAR, 64, 0, True, Form.DOT),
    ],
)
def test_bits_are_counted_where_a_row_has_a_place_for_its_number(
    x: Lane, w: Lane, lanes: int, marks: int, is_stepped: bool, form: Form
) -> None:
    assert cheapest(x, w, lanes, 16, marks, is_stepped) is form


def test_an_array_takes_what_its_elements_share_once() -> None:
    """PE 16, SIMD 64: elements of 1.1 tables a lane and an accumulator of half the sum, and 1.36 a pair."""
    circuit = elements_circuit(16, 64, 1, 1, 14, Form.PAIRS, at_once=2)
    assert circuit.lut == pytest.approx(16 * (1.1 * 64 + 13) + 2 * 1.36 * 32)


def test_a_sign_with_two_bits_is_one_table_a_bit_of_a_pair() -> None:
    assert logic.dot(4, 2, 1) == 2 * 4 + 4


@pytest.mark.parametrize(
    ("x_bits", "w_bits", "slices"),
    [(8, 8, 0), (9, 16, 0), (10, 10, 1), (18, 25, 1), (18, 26, 2), (32, 16, 2)],
)
def test_only_long_products_take_dsp_slices(x_bits: int, w_bits: int, slices: int) -> None:
    assert logic.dsps(x_bits, w_bits) == slices
    assert mvtu_cost(**MATRIX | {"x_bits": x_bits, "w_bits": w_bits}).dsp == 8 * 16 * slices


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_longer_products_take_more(bits: int) -> None:
    for lanes in (1, 2, 3, 7, 8, 64):
        assert logic.dot(lanes, bits, 1) <= logic.dot(lanes, bits + 1, 1) <= logic.dot(lanes, bits + 1, 2)
        assert logic.dot(lanes, bits, bits) < logic.dot(lanes + 1, bits, bits)


def test_many_steps_are_searched() -> None:
    compared, searched = (function_circuit(thresholds(n, 16, 4), 4, 32) for n in (15, 16))
    assert searched.lut < compared.lut
    assert thresholds(0, 16, 16).kind == "keep"


def test_thresholds_that_never_change_are_part_of_the_logic() -> None:
    assert function_circuit(thresholds(3, 16, 2), 4, 1).memory == NOTHING


def test_rescaled_sums_take_a_slice_where_both_factors_are_long() -> None:
    long, short = (function_circuit(Function("line", 16, 8, 30, bits), 4, 32).dsp for bits in (12, 9))
    assert (long, short) == (4, 0)


def test_more_lanes_take_more() -> None:
    f = thresholds(1, 8, 1)
    for one, many in (
        (map_cost(lanes=1, folds=4, function=f), map_cost(lanes=8, folds=4, function=f)),
        (
            add_cost(lanes=1, folds=4, a_bits=4, b_bits=4, function=f),
            add_cost(lanes=8, folds=4, a_bits=4, b_bits=4, function=f),
        ),
        (
            pool_cost(lanes=1, words=4, taps=4, x_bits=2, y_bits=2, sums=False),
            pool_cost(lanes=8, words=4, taps=4, x_bits=2, y_bits=2, sums=False),
        ),
        (width_cost(narrow_bits=4, ratio=2), width_cost(narrow_bits=32, ratio=2)),
        (top_k_cost(k=1, x_bits=8, size=10), top_k_cost(k=5, x_bits=8, size=10)),
    ):
        assert UNIT.lut < one.lut < many.lut and UNIT.ff < one.ff < many.ff


def test_a_ring_of_lines_is_block_ram_unless_it_is_small() -> None:
    assert window_cost(lines=4, words_per_row=64, bits=32).bram18 == 1
    assert window_cost(lines=4, words_per_row=8, bits=32).bram18 == 0


def test_a_sparse_element_has_the_vector_and_its_entries() -> None:
    cost = sparse_cost(
        pe=4,
        size=1024,
        steps=600,
        folds=16,
        x_bits=4,
        w_bits=4,
        entry_bits=8,
        code_bits=4,
        sum_bits=14,
        function=thresholds(1, 14, 1),
    )
    assert cost.bram18 == 4 * bram18s(1024, 4) + bram18s(600, 4 * 8)


def test_a_project_is_its_shell_units_and_fifos() -> None:
    unit = Resources(1, 2, 3, 4, 5)
    assert project_cost([unit, unit], [(2, 8)]) == SHELL + unit * 2 + fifo_cost(2, 8)
    assert total([]) == NOTHING
    assert Resources(bram18=3).bram36 == 1.5
