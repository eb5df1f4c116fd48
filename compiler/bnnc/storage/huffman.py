"""Canonical Huffman codes of at most 15 bits, and streams of symbols coded with them.

A stream, all numbers little-endian:

    u8  symbol_bits    the alphabet is 0 .. 2**symbol_bits - 1; 1 to 9
    u8, u16            0
    u32 symbols        how many symbols are coded
    u32 bits           how many bits they take
    u4  lengths        2**symbol_bits code lengths, 0 for a symbol without a code, the low nibble first
    u8  codes          ceil(bits / 8) bytes, the first bit of a code in the highest free bit; filled up with 0

Codes are handed out by (length, symbol), as in Deflate. They fill the code space: sum 2**-length = 1.
"""

from __future__ import annotations

import struct

import numpy as np

from bnnc.ir.op import Array

MAX_LENGTH = 15
MAX_SYMBOL_BITS = 9
HEADER = struct.Struct("<BBHII")
_CHUNK = 1 << 18  # symbols coded, or bits decoded, at a time: megabytes of temporary arrays


def code_lengths(counts: Array, limit: int = MAX_LENGTH) -> Array:
    """uint8 (alphabet,): the lengths of an optimal prefix code of at most `limit` bits for these counts.

    Package-merge (Larmore and Hirschberg 1990); ties go to the smaller symbol. At least two symbols get a
    code, so that the code is complete where only one occurs.
    """
    used = np.flatnonzero(counts).tolist()
    while len(used) < 2:
        used.append(next(symbol for symbol in range(len(counts)) if symbol not in used))
    leaves = sorted((int(counts[symbol]), (symbol,)) for symbol in used)
    packages: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(limit):
        merged = sorted(leaves + packages, key=lambda item: item[0])
        packages = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(merged[::2], merged[1::2], strict=False)]
    chosen = [symbol for _, symbols in packages[: len(used) - 1] for symbol in symbols]
    return np.bincount(chosen, minlength=len(counts)).astype(np.uint8)


def canonical_codes(lengths: Array) -> Array:
    """uint16 (alphabet,): the code of every symbol that has one, in its low bits."""
    codes, code = np.zeros(len(lengths), np.uint16), 0
    for length in range(1, MAX_LENGTH + 1):
        for symbol in np.flatnonzero(lengths == length):
            codes[symbol] = code
            code += 1
        code *= 2
    return codes


def stream_bytes(counts: Array) -> int:
    """The size of the stream of symbols that occur so often."""
    bits = int(counts.astype(np.int64) @ code_lengths(counts))
    return HEADER.size + len(counts) // 2 + -(-bits // 8)


def histogram(symbols: Array) -> Array:
    """int64 (2**n,): how often each symbol occurs, in the smallest alphabet that holds them all."""
    n_bits = max(1, int(symbols.max()).bit_length())
    return np.bincount(symbols.ravel(), minlength=1 << n_bits)


def encode(symbols: Array, symbol_bits: int) -> bytes:
    """The stream of integers (n,) below 2**symbol_bits."""
    assert 1 <= symbol_bits <= MAX_SYMBOL_BITS
    lengths = code_lengths(np.bincount(symbols, minlength=1 << symbol_bits))
    codes = canonical_codes(lengths)
    parts = [symbols[i : i + _CHUNK] for i in range(0, len(symbols), _CHUNK)]
    bits = np.concatenate([np.zeros(0, np.uint8), *(joined(codes[part], lengths[part]) for part in parts)])
    header = HEADER.pack(symbol_bits, 0, 0, len(symbols), len(bits))
    nibbles: Array = lengths[::2] | lengths[1::2] << 4
    return header + bytes(nibbles) + bytes(np.packbits(bits))


def joined(codes: Array, lengths: Array) -> Array:
    """uint8 (sum of lengths,): the codes one after another, each from its highest bit down."""
    ends = np.cumsum(lengths, dtype=np.int64)
    below = np.repeat(ends, lengths) - np.arange(ends[-1]) - 1
    return (np.repeat(codes, lengths) >> below.astype(np.uint16) & 1).astype(np.uint8)


def decode(stream: bytes) -> tuple[int, Array]:
    """symbol_bits and the symbols, uint16 (n,). ValueError when the bytes are no stream."""
    symbol_bits, *zeros, n_symbols, n_bits = _header(stream)
    table = HEADER.size + (1 << symbol_bits) // 2
    _require(not any(zeros) and len(stream) == table + -(-n_bits // 8), "a header that does not fit")
    nibbles = np.frombuffer(stream, np.uint8)[HEADER.size : table]
    lengths = np.stack([nibbles & 15, nibbles >> 4], axis=-1).ravel()
    bits = np.unpackbits(np.frombuffer(stream, np.uint8)[table:])
    _require(not bits[n_bits:].any(), "bits behind the last code")
    return symbol_bits, decode_bits(bits[:n_bits], lengths, n_symbols)


def _header(stream: bytes) -> tuple[int, ...]:
    _require(len(stream) >= HEADER.size, "cut off")
    fields = HEADER.unpack_from(stream)
    _require(1 <= fields[0] <= MAX_SYMBOL_BITS, f"symbols of {fields[0]} bits")
    return fields


def decode_bits(bits: Array, lengths: Array, n_symbols: int) -> Array:
    """uint16 (n_symbols,) of all of the bits.

    A code is looked up at every bit; then the codes that follow on one another.
    """
    symbol_of, length_of = _lookup(lengths)
    padded = np.concatenate([bits, np.zeros(MAX_LENGTH, np.uint8)])
    found, at = [], 0
    for start in range(0, len(bits), _CHUNK):
        windows = _windows(padded[start : min(start + _CHUNK, len(bits)) + MAX_LENGTH - 1])
        steps, starts = length_of[windows].tolist(), []
        while at - start < len(steps):
            starts.append(at - start)
            at += steps[at - start]
        found.append(symbol_of[windows[starts]])
    symbols = np.concatenate(found) if found else np.zeros(0, np.uint16)
    _require(at == len(bits) and len(symbols) == n_symbols, "a wrong number of symbols or bits")
    return symbols


def _windows(bits: Array) -> Array:
    """uint16 (n,): the 15 bits from each bit on, the first one highest, of bits uint8 (n + 14,)."""
    n = len(bits) - MAX_LENGTH + 1
    windows: Array = np.zeros(n, np.uint16)
    for i in range(MAX_LENGTH):
        windows = windows << 1 | bits[i : i + n]
    return windows


def _lookup(lengths: Array) -> tuple[Array, Array]:
    """(2**15,) each: the symbol whose code the 15 bits begin with, and the length of that code."""
    order = np.lexsort((np.arange(len(lengths)), lengths))
    order = order[lengths[order] > 0]
    spans = 1 << (MAX_LENGTH - lengths[order].astype(np.int64))
    _require(int(spans.sum()) == 1 << MAX_LENGTH, "code lengths that leave or overfill the code space")
    return np.repeat(order, spans).astype(np.uint16), np.repeat(lengths[order], spans)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"not a Huffman stream: {what}")
