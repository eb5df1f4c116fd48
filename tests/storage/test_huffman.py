"""Canonical Huffman codes: optimal, complete, limited; streams come back and are as long as predicted."""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnnc.storage import huffman


def huffman_cost(counts: list[int]) -> int:
    """The bits of an optimal code of any length: the sum of all merged weights (Huffman 1952)."""
    heap, total = [count for count in counts if count], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=64).filter(lambda c: sum(map(bool, c)) > 1))
@settings(max_examples=60, deadline=None)
def test_a_code_is_optimal_and_complete(counts: list[int]) -> None:
    lengths = huffman.code_lengths(np.array(counts), 63)
    assert [length > 0 for length in lengths.tolist()] == [count > 0 for count in counts]
    assert int(np.array(counts) @ lengths) == huffman_cost(counts)
    assert sum(Fraction(1, 2**length) for length in lengths.tolist() if length) == 1


@pytest.mark.parametrize("counts", [(1, 1, 2, 3, 5), (1, 2, 4, 8, 16), (7, 7, 7, 7, 7), (1, 100, 1, 50, 3)])
@pytest.mark.parametrize("limit", [3, 4])
def test_a_limited_code_is_optimal(counts: tuple[int, ...], limit: int) -> None:
    """Against every choice of lengths that leaves room for all symbols (Kraft)."""
    lengths = huffman.code_lengths(np.array(counts), limit)
    possible = [
        sum(np.multiply(counts, chosen))
        for chosen in product(range(1, limit + 1), repeat=5)
        if sum(2 ** (limit - n) for n in chosen) <= 2**limit
    ]
    assert lengths.max() <= limit and np.array(counts) @ lengths == min(possible)


def test_the_limit_holds_where_the_optimum_is_deeper() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 30:
        fibonacci.append(sum(fibonacci[-2:]))
    lengths = huffman.code_lengths(np.array(fibonacci))
    assert lengths.max() == huffman.MAX_LENGTH
    assert sum(Fraction(1, 2**length) for length in lengths.tolist()) == 1


def test_codes_are_canonical() -> None:
    """The example of RFC 1951, section 3.2.2."""
    lengths = np.array([3, 3, 3, 3, 3, 2, 4, 4])
    wanted = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]
    assert huffman.canonical_codes(lengths).tolist() == wanted


@pytest.mark.parametrize("symbol_bits", range(1, 10))
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 1000])
def test_a_stream_comes_back(symbol_bits: int, n: int) -> None:
    rng = np.random.default_rng(n)
    symbols = np.minimum(rng.geometric(0.1, n) - 1, 2**symbol_bits - 1).astype(np.uint16)
    stream = huffman.encode(symbols, symbol_bits)
    found, decoded = huffman.decode(stream)
    assert found == symbol_bits and np.array_equal(decoded, symbols)
    counts = np.bincount(symbols, minlength=2**symbol_bits)
    assert len(stream) == huffman.stream_bytes(counts)


def test_no_symbols() -> None:
    symbol_bits, symbols = huffman.decode(huffman.encode(np.zeros(0, np.uint16), 3))
    assert symbol_bits == 3 and symbols.size == 0


def test_long_streams_are_coded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = np.random.default_rng(3).binomial(511, 0.3, 5000).astype(np.uint16)
    whole = huffman.encode(symbols, 9)
    for chunk in (1, 7, 1000):
        monkeypatch.setattr(huffman, "_CHUNK", chunk)
        assert huffman.encode(symbols, 9) == whole
        assert np.array_equal(huffman.decode(whole)[1], symbols)


def test_the_bytes_of_a_stream() -> None:
    """Symbols 0 1 2 0 0 with codes 0, 10, 11: 0 10 11 0 0 and a bit of filling."""
    stream = huffman.encode(np.array([0, 1, 2, 0, 0], np.uint16), 2)
    assert stream.hex() == "02000000" + "05000000" + "07000000" + "2102" + f"{0b01011000:02x}"
