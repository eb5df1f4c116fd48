"""Sparse layers that decode their entries as they read them: the same integers, in as many cycles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graphs import random_codes
from tests.hls.branches import rescale
from tests.hls.logged import logged
from tests.hls.lowered import lower
from tests.hls.projects import packed
from tests.hls.test_coded import compressed, in_block_ram
from tests.hls.test_sparse import pruned, sparse, sparse_op
from tests.value_cases import random_sparse

from bnnc.executors.hls import HlsExecutor
from bnnc.hls import coded, csim
from bnnc.hls.model.calibration import UNIT
from bnnc.hls.names import Names
from bnnc.hls.project.lint import lint
from bnnc.hls.sparse import entry_words
from bnnc.hls.sparse_codes import CodedEntries, smallest_codes
from bnnc.ir.elem import elem
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.sim import simulator


def uneven() -> Array:
    """Rows of very different lengths, some of them empty."""
    weights = pruned(36, 1000, 0.12, 0.7)
    weights[[0, 7, 35]] = 0
    return weights


def uneven_network() -> Graph:
    return packed("uneven", sparse_op(uneven()))


def two_layers() -> Graph:
    """The second one is so small that codes take more."""
    rng = np.random.default_rng(5)
    hidden = rescale(rng, sparse_op(uneven()), "hidden", elem("u4"), 2**18)
    return packed("two", random_sparse(rng, hidden, "few", 5, 15))


def decoded(words: Array, codes: CodedEntries, steps: int) -> Iterator[int]:
    """What an element decodes, bit by bit, with what the engine keeps: two words of each stream."""
    numbers = {}
    code, n_codes = 0, np.bincount(codes.code.lengths, minlength=16)
    symbols = iter(codes.symbols.tolist())
    for length in range(1, 16):
        for _ in range(int(n_codes[length])):
            numbers[length, code] = next(symbols)
            code += 1
        code *= 2
    bits = [int(bit) for word in words for bit in f"{word:016b}"]
    places = [0, len(bits) // 2]
    for step in range(steps):
        at = places[step % 2]
        assert (at // 16 + 2) < len(words)  # the word behind the window
        length = next(n for n in range(1, 16) if (n, _number(bits[at : at + n])) in numbers)
        symbol = numbers[length, _number(bits[at : at + length])]
        places[step % 2] = at + length + codes.raw_bits
        assert length + codes.raw_bits <= 15
        yield symbol << codes.raw_bits | _number(bits[at + length : places[step % 2]])


def _number(bits: list[int]) -> int:
    return int("0" + "".join(map(str, bits)), 2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 120), st.sampled_from([1, 2, 3, 4, 8]))
def test_what_is_decoded_are_the_entries(seed: int, rows: int, inputs: int, pe: int) -> None:
    density = float(np.random.default_rng(seed).choice([0.0, 0.02, 0.2, 0.9]))
    s = sparse(pruned(rows * pe, inputs, density, 0.5, seed))
    lists = entry_words(s, pe)
    codes = smallest_codes(lists, s.entry_bits, s.code_bits)
    assert codes is not None
    for row, words in zip(lists, codes.words(), strict=True):
        assert list(decoded(words, codes, len(row))) == row.tolist()


BLOCKS = [(4, (4096, 4), 11, 8), (8, (2048, 9), 10, 8), (16, (1024, 18), 10, None)]


@pytest.mark.parametrize(("pe", "block", "plain", "taken"), BLOCKS)
def test_codes_are_taken_where_they_need_fewer_blocks(
    pe: int, block: tuple[int, int], plain: int, taken: int | None
) -> None:
    """Entries of all elements share blocks, codes of each lie in their own: 16 elements need 16."""
    s = sparse(pruned(256, 512, 0.09))
    assert block[0] / 2 < s.deal(pe).steps <= block[0] and -(-pe * s.entry_bits // block[1]) == plain
    codes = s.coded(pe)
    assert (codes.bram18 if codes else None) == taken


def test_few_entries_are_never_coded() -> None:
    assert sparse(pruned(4, 30, 0.3)).coded(2) is None


def test_frequent_weights_are_part_of_the_symbols() -> None:
    weights = pruned(64, 400, 0.2)
    weights[(weights != 0) & (np.random.default_rng(1).random(weights.shape) < 0.9)] = np.unique(weights)[0]
    frequent, even = sparse(weights).coded(2), sparse(pruned(64, 400, 0.2)).coded(2)
    assert frequent is not None and even is not None
    assert frequent.raw_bits < even.raw_bits <= sparse(weights).code_bits


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("pe", [1, 3, 4])
def test_as_sim(pe: int, tmp_path: Path) -> None:
    graph = uneven_network()
    assert compressed(graph, tmp_path, {"fc": {"pe": pe, "simd": 2}}) == {"fc": "entries"}


@pytest.mark.usefixtures("cpp")
def test_layers_behind_each_other(tmp_path: Path) -> None:
    """The plain entries of one layer and the codes of another; the sources are clean."""
    assert compressed(two_layers(), tmp_path, {"fc": {"pe": 4, "simd": 2}}) == {"fc": "entries", "few": "raw"}
    assert lint(tmp_path) == () and csim.csim(tmp_path).startswith("PASS")


@pytest.mark.usefixtures("cpp")
def test_a_wrong_bit_is_seen(tmp_path: Path) -> None:
    graph = uneven_network()
    compressed(graph, tmp_path, {"fc": {"pe": 2, "simd": 2}})
    header = tmp_path / "src" / "fc_sparse.h"
    text = header.read_text()
    wrong = re.sub(r"(fc_sparse_codes_1\[\d+\] = \{\s+)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 64}", text)
    assert wrong != text
    header.write_text(wrong)
    codes = random_codes(graph, 5, 7)
    assert not np.array_equal(HlsExecutor(tmp_path, graph).run(codes), simulator.run(graph, codes))


@pytest.mark.usefixtures("cpp")
def test_cycles_are_those_of_plain_entries(tmp_path: Path) -> None:
    graph = uneven_network()
    folding = in_block_ram(graph, {"fc": {"pe": 4, "simd": 2}})
    plain = lower(graph, Names(), folding)
    seen = logged(graph, tmp_path, folding, plain.stages[0].reads[0].words, compress="huffman")
    for stage in plain.stages:
        np.testing.assert_array_equal(seen[stage.unit.name], stage.unit.trace.whole)
    for before, after in zip(plain.stages, coded.compressed(plain)[0].stages, strict=True):
        assert before.unit.cycles == after.unit.cycles and before.reads == after.reads


def test_decoders_cost_tables_and_save_block_ram() -> None:
    plain = lower(packed("large", sparse_op(pruned(256, 2048, 0.09))), Names(), {"fc": {"pe": 2, "simd": 1}})
    with_codes, (stored,) = coded.compressed(plain)
    (unit,) = (unit for unit in with_codes.units if unit.name == "fc_sparse")
    assert unit.comment.endswith("PE 2, SIMD 1, entries as Huffman codes")
    assert stored.form == "entries" and stored.stored_bytes < stored.n_bytes
    (before,), (after,) = (
        [u.resources for u in acc.units if u.name == "fc_sparse"] for acc in (plain, with_codes)
    )
    assert after.bram18 < before.bram18 and after.lut - before.lut > 2 * UNIT.lut
