"""Sparse layers: as many cycles as there are weights for each processing element, however rows differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.graphs import encoder
from tests.hls.branches import sparse_network
from tests.hls.lowered import lower
from tests.hls.projects import assert_as_sim, packed

from bnnc.hls.folding import Fold
from bnnc.hls.lanes import Lane, Wire
from bnnc.hls.names import Names
from bnnc.hls.sparse import Sparse, sparse_of
from bnnc.hls.sparse_rows import MAX_BRIDGES, deal_of, entries_of
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.op import Array
from bnnc.ir.sparse_ops import SparseDense
from bnnc.storage.sparse import encode

CODES = Lane("Unsigned", 8)


def pruned(outputs: int, inputs: int, density: float, spread: float = 0, seed: int = 0) -> Array:
    """int16 (outputs, inputs): one of 15 weights or 0; the density of rows differs by factors of e^spread."""
    rng = np.random.default_rng(seed)
    densities = np.clip(density * np.exp(spread * rng.normal(size=(outputs, 1))), 0, 1)
    table = rng.choice(np.setdiff1d(np.arange(-400, 400), [0]), 15, replace=False)
    weights: Array = np.where(
        rng.random((outputs, inputs)) < densities, rng.choice(table, (outputs, inputs)), 0
    )
    return weights.astype(np.int16)


def sparse_op(weights: Array) -> SparseDense:
    codes = encoder(np.random.default_rng(0), Input("x", (weights.shape[1],)), "u8")
    e = encode(weights)
    x = Reshape("flat", codes, (1, 1, weights.shape[1]))
    return SparseDense("fc", x, e.rows, e.gaps, e.codes, e.table, e.gap_bits, e.code_bits)


def sparse(weights: Array) -> Sparse:
    return sparse_of(sparse_op(weights), Wire(CODES, 1, weights.shape[1], 0, 255))


@pytest.mark.parametrize("density", [0.0, 0.003, 0.02, 0.2])
def test_entries_are_the_weights(density: float) -> None:
    weights = pruned(40, 700, density)
    s = sparse(weights)
    entries, ends = s.entries, np.cumsum(s.entries.lengths)
    assert (entries.lengths >= 1).all() and (entries.gaps >> entries.gap_bits == 0).all()
    restored = np.zeros_like(weights)
    for row, end in enumerate(ends):
        part = slice(end - entries.lengths[row], end)
        columns = np.cumsum(entries.gaps[part] + 1) - 1
        restored[row, columns] = s.table[entries.codes[part]]
    np.testing.assert_array_equal(restored, weights)
    n_weights = np.count_nonzero(weights)
    assert entries.lengths.sum() <= (1 + MAX_BRIDGES) * n_weights + (n_weights == 0) * len(weights) + 40


@pytest.mark.parametrize("pe", [1, 3, 8])
def test_every_row_has_an_element(pe: int) -> None:
    lengths = np.random.default_rng(pe).integers(1, 60, 24 * pe)
    deal = deal_of(lengths, pe)
    np.testing.assert_array_equal(np.sort(deal.places, axis=1), np.tile(np.arange(pe), (24, 1)))
    assert (np.diff(deal.ends) > 0).all() and deal.steps - 1 >= lengths.sum() / pe
    assert pe > 1 or deal.is_natural


def test_rows_stay_where_they_are_if_that_is_even() -> None:
    assert deal_of(np.full(64, 9), 8).is_natural
    long_first = np.tile([90] + [10] * 7, 8)
    deal = deal_of(long_first, 8)
    assert not deal.is_natural and deal.steps == 160 + 1


@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("pe", [1, 4, 16])
def test_cycles_are_the_weights_of_an_element(pe: int, spread: float) -> None:
    """Within a tenth, the arrival of the vector included; layers fc6 and fc7 of TAC have 9 percent."""
    weights = pruned(1024, 1024, 0.09, spread)
    cycles = sparse(weights).cycles(8)[Fold(pe, 16)]
    assert 1 <= cycles / (np.count_nonzero(weights) / pe) < 1.1


def test_words_of_the_vector_have_a_power_of_two_of_lanes() -> None:
    folds = sparse(pruned(6, 48, 0.2)).cycles(8)
    assert {fold.simd for fold in folds} == {1, 2, 4, 8, 16}
    assert folds[Fold(2, 1)] - folds[Fold(2, 16)] == 48 - 3


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize(
    "folding",
    [
        {"fc": {"pe": 4, "simd": 8, "weights": "bram"}},
        {"fc": {"pe": 3, "simd": 1, "weights": "lut"}},
        {"fc": {"pe": 2, "simd": 16, "weights": "uram"}},
    ],
    ids=lambda folding: str(folding["fc"]["weights"]),
)
def test_as_sim(folding: dict[str, dict[str, int | str]], tmp_path: Path) -> None:
    """Rows of very different lengths, some of them empty, are dealt out and come back in their order."""
    weights = pruned(24, 80, 0.1, 1.5)
    weights[[0, 7, 23]] = 0
    graph = packed("sparse", sparse_op(weights))
    assert_as_sim(graph, tmp_path, folding)
    (unit,) = (unit for unit in lower(graph, Names(), folding).units if unit.name == "fc_sparse")
    assert "place(int lane, int fold)" in unit.parameters


def test_entries_lie_in_banks() -> None:
    acc = lower(sparse_network(), Names(), {"fc1": {"pe": 4, "simd": 4, "weights": "bram"}})
    (unit,) = (unit for unit in acc.units if unit.name == "fc1_sparse")
    assert unit.head and all(line.startswith("BNNC_BRAM_ROM(fc1_sparse_weights_") for line in unit.head)


def test_the_filler_is_the_zero_of_the_table() -> None:
    s = sparse(pruned(8, 50, 0.1))
    assert s.table[s.filler] == 0
    assert entries_of(s.op, s.filler).codes.max() < len(s.table)
