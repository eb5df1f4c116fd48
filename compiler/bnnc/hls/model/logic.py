"""What arithmetic takes: lookup tables of six inputs and the carry chains beside them, before calibration."""

from __future__ import annotations

PER_BIT = 1.5
"""Tables for each bit of a XNOR or AND with its popcount. `benchmarks/hls_resources.py` counts them."""
DSP_BITS = 10
"""Factors that both have so many bits are multiplied by DSP slices, others by tables.

An FPGA has some 240 tables for each slice, which multiply 15 by 15 bits.
"""
DSP_A, DSP_B = 25, 18


def popcount(n: int) -> float:
    """Tables that count the ones among n products of two bits."""
    return PER_BIT * n


def adder_tree(n: int, bits: int) -> float:
    """Tables that add n numbers of `bits` bits, in pairs: a bit of an adder is a table."""
    tables = 0
    while n > 1:
        tables += n // 2 * (bits + 1)
        n, bits = n - n // 2, bits + 1
    return tables


def product(x_bits: int, w_bits: int) -> float:
    """Tables of one product: a sign, a gate, a table of up to six inputs, or rows of adders."""
    if min(x_bits, w_bits) == 1:
        return max(x_bits, w_bits)
    if x_bits + w_bits <= 6:
        return (x_bits + w_bits) / (2 if x_bits + w_bits <= 5 else 1)
    return x_bits * w_bits


def dot(lanes: int, x_bits: int, w_bits: int) -> float:
    """Tables of a sum of products; those of two bits are counted, others added up."""
    if x_bits == w_bits == 1:
        return popcount(lanes)
    bits = max(x_bits, w_bits) if min(x_bits, w_bits) == 1 else x_bits + w_bits
    products = 0.0 if in_dsp(x_bits, w_bits) else lanes * product(x_bits, w_bits)
    return products + adder_tree(lanes, bits)


def in_dsp(x_bits: int, w_bits: int) -> bool:
    return min(x_bits, w_bits) >= DSP_BITS


def dsps(x_bits: int, w_bits: int) -> int:
    """DSP slices of one product."""
    if not in_dsp(x_bits, w_bits):
        return 0
    wide, narrow = max(x_bits, w_bits), min(x_bits, w_bits)
    return -(-wide // (DSP_A - 1)) * -(-narrow // (DSP_B - 1))


def accumulator(bits: int, lanes: int) -> float:
    """Tables of a sum of `bits` bits that starts again, and of lanes - 2 * ones, which is added to it."""
    return bits + lanes.bit_length()


def comparator(bits: int) -> float:
    """Tables that compare two variables: a carry chain takes two bits of both a table."""
    return bits / 2 + 1


def multiplexer(inputs: int, bits: int) -> float:
    """Tables that choose one of `inputs` words: four to a table, sixteen with the slice's multiplexers."""
    return 0.0 if inputs <= 1 else bits * -(-inputs // 4)


def counter(last: int) -> float:
    """Tables of a counter 0..last - 1 that starts again: an adder and a comparison."""
    return 0.0 if last <= 1 else 1.5 * (last - 1).bit_length() + 1
