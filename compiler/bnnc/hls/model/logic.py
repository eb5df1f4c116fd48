"""What arithmetic takes: lookup tables of six inputs and the carry chains beside them, before calibration."""

from __future__ import annotations

DSP_BITS = 10
"""Factors that both have so many bits are multiplied by DSP slices, others by tables.

An FPGA has some 240 tables for each slice, which multiply 15 by 15 bits.
"""
DSP_A, DSP_B = 25, 18
SIGN = 1.5
FULL_ADDERS = 1.36
PAIRED = 1.1
"""Tables a lane of the ones of pairs, less what all elements share (docs/hls_resources.md)."""


def adder_tree(n: int, bits: int) -> float:
    """Tables that add n numbers of `bits` bits, in pairs: a table for each of them, the carry has none."""
    tables = 0
    while n > 1:
        tables += n // 2 * bits
        n, bits = n - n // 2, bits + 1
    return tables


def ones(lanes: int, in_pairs: bool = False) -> float:
    """Tables that count the ones among products of one bit by one bit: XNOR or AND.

    By full adders, which templates/hls/dot.h.j2 writes out (from counts of a synthesizer, as
    docs/hls_resources.md has them), or added `in_pairs`, as HLS tools do: the sum of a pair of products is
    that of tables of four inputs.
    """
    if not in_pairs:
        return FULL_ADDERS * lanes
    pairs, single = divmod(lanes, 2)
    return pairs + single / 2 + adder_tree(pairs + single, 2)


def dot(lanes: int, x_bits: int, w_bits: int, in_pairs: bool = False) -> float:
    """Tables of a sum of products. in_pairs: ones are added as all others are, as HLS tools add numbers.

    A pair of products of three bits has six inputs: tables make its sum at once, two bits of it where they
    share up to five inputs.
    """
    inputs = x_bits + w_bits
    if inputs == 2:
        return ones(lanes, in_pairs)
    pairs, single = divmod(lanes, 2)
    if inputs == 3:
        return 4 * pairs + 1.5 * single + adder_tree(pairs + single, 4)
    bits = inputs if w_bits > 1 and x_bits > 1 else max(x_bits, w_bits) + 1
    return lanes * product(x_bits, w_bits) + adder_tree(lanes, bits)


def product(x_bits: int, w_bits: int) -> float:
    """Tables of one product: a table a bit for up to six inputs, or rows of adders.

    A sign is part of the adder behind it, but for what it adds to the lowest bits.
    """
    inputs = x_bits + w_bits
    if in_dsp(x_bits, w_bits):
        return 0.0
    if min(x_bits, w_bits) == 1:
        return SIGN
    return inputs if inputs <= 6 else 1.4 * x_bits * w_bits


def in_dsp(x_bits: int, w_bits: int) -> bool:
    """Whether a product takes DSP slices."""
    return min(x_bits, w_bits) >= DSP_BITS


def dsps(x_bits: int, w_bits: int) -> int:
    """DSP slices of one product."""
    if not in_dsp(x_bits, w_bits):
        return 0
    wide, narrow = max(x_bits, w_bits), min(x_bits, w_bits)
    return -(-(wide - 1) // (DSP_A - 1)) * -(-(narrow - 1) // (DSP_B - 1))


def comparator(bits: int) -> float:
    """Tables that compare two variables: a carry chain takes two bits of both a table."""
    return bits / 2 + 1


def multiplexer(inputs: int, bits: int) -> float:
    """Tables that choose one of `inputs` words: four to a table, sixteen with the slice's multiplexers."""
    return 0.0 if inputs <= 1 else bits * -(-inputs // 4)


def decoder(number_bits: int, place_bits: int) -> float:
    """Tables that decode a Huffman code of at most 15 bits a step, as templates/hls/coded_sparse.h.j2 does.

    The next 15 bits out of two words, the length of their first code by comparisons with constants, two words
    that move on, the place of the next one, and the number of the symbol out of those 15 bits. Few symbols
    take less: 48 a fifth.
    """
    longest, word = 15, 16
    length = multiplexer(word, longest) + longest
    return length + word + place_bits + multiplexer(longest, number_bits)


def counter(last: int) -> float:
    """Tables of a counter 0..last - 1 that starts again: an adder and a comparison."""
    return 0.0 if last <= 1 else 1.5 * (last - 1).bit_length() + 1
