"""Weights of convolutions on plain integers in memory: a number each or, where they are many, in few bits.

A row is what the output channels of a panel have for one input channel of a tap. Fields of 1, 2 or 4 bits are
widened in registers on their way into the products, which costs a few instructions a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from tvm import tirx

from bnnc.arm.kernels.builder import Expr, Kernel, View, cast, keep, loop, splat, spread
from bnnc.ir.elem import B1_PM, I8, I16, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array

MANY = 1 << 14  # weights from which on bits count: as bytes they would fill half of a first-level cache


@dataclass(frozen=True)
class Part:
    """Weights of neighbouring output channels of a row."""

    first: int
    lanes: int
    values: Expr


class Form(Protocol):
    """How rows lie in memory."""

    def size(self, width: int) -> int:
        """Elements of memory that a row takes."""

    def parts(self, row: View, width: int) -> list[Part]:
        """The weights of a row."""


@dataclass(frozen=True)
class Weights:
    """Rows of `width` weights."""

    view: View
    width: int
    form: Form

    @property
    def is_plain(self) -> bool:
        """Whether every weight is a number of its own."""
        return isinstance(self.form, _Plain)

    def at(self, row: Expr) -> Weights:
        """The rows from `row` on."""
        return replace(self, view=self.view.at(row * self.form.size(self.width)))

    def row(self, number: Expr) -> list[Part]:
        """The weights of a row, of at most 16 bits unless they are stored in more."""
        return self.form.parts(self.at(number).view, self.width)


def stored_weights(kernel: Kernel, conv: Conv2d, rows: Array) -> Weights:
    """Weights (.., width) of a convolution as constants."""
    width = rows.shape[-1]
    if rows.size >= MANY and width % 8 == 0 and conv.weight_elem == B1_PM:
        lanes = 16 if width % 16 == 0 else 8
        words = kernel.constant(np.packbits(rows < 0, axis=-1, bitorder="little"), f"uint{lanes}")
        return Weights(words, width, _Signs(lanes, _powers(kernel)))
    if rows.size >= MANY and width % 8 == 0 and _fits(rows, "i2"):
        return Weights(kernel.constant(_pair_words(rows), "int16"), width, _Pairs(_lifts(kernel)))
    if rows.size >= MANY and width % 8 == 0 and _fits(rows, "i4"):
        return Weights(kernel.constant(_nibble_bytes(rows)), width, _Nibbles())
    return Weights(kernel.constant(rows.astype(weight_type(conv))), width, _Plain())


def expanded(kernel: Kernel, stored: Weights, rows: int) -> Weights:
    """The first `rows` rows as bytes in scratch memory, for tiles that come back to them again and again."""
    memory = kernel.scratch("int8", rows * stored.width)
    with loop(rows) as number:
        keep()
        for part in stored.row(number):
            memory.put(number * stored.width + part.first, cast("int8", part.values, part.lanes), part.lanes)
    return Weights(memory, stored.width, _Plain())


def weight_type(conv: Conv2d) -> str:
    """The type that weights have when each is a number of its own."""
    lo, hi = int(conv.weights.min()), int(conv.weights.max())
    return "int8" if I8.holds(lo, hi) else "int16" if I16.holds(lo, hi) else "int32"


@dataclass(frozen=True)
class _Plain:
    """Numbers."""

    def size(self, width: int) -> int:
        return width

    def parts(self, row: View, width: int) -> list[Part]:
        return [Part(0, width, row.vector(0, width))]


@dataclass(frozen=True)
class _Signs:
    """Bit i of a word of `lanes` is 1 where the weight of channel i is -1, else +1. `powers` are 2^i."""

    lanes: int
    powers: View

    def size(self, width: int) -> int:
        return width // self.lanes

    def parts(self, row: View, width: int) -> list[Part]:
        return [Part(self.lanes * i, self.lanes, self._signs(row[i])) for i in range(self.size(width))]

    def _signs(self, word: Expr) -> Expr:
        lanes = self.lanes
        bits = spread(cast("int16", word), lanes) & self.powers.vector(0, lanes)
        return tirx.Select(bits != _short(0, lanes), _short(-1, lanes), _short(1, lanes))


@dataclass(frozen=True)
class _Pairs:
    """Bits 2i and 2i + 1 of a word are the weight of channel i. `lifts` are 14 - 2i: shifts to the top."""

    lifts: View

    def size(self, width: int) -> int:
        return width // 8

    def parts(self, row: View, width: int) -> list[Part]:
        return [Part(8 * i, 8, self._weights(row[i])) for i in range(width // 8)]

    def _weights(self, word: Expr) -> Expr:
        return (spread(word, 8) << self.lifts.vector(0, 8)) >> splat(14, 8, "int16")


@dataclass(frozen=True)
class _Nibbles:
    """The low half of byte i is the weight of channel i, the high half that of channel width / 2 + i."""

    def size(self, width: int) -> int:
        return width // 2

    def parts(self, row: View, width: int) -> list[Part]:
        half = width // 2
        both, four, twelve = cast("int16", row.vector(0, half), half), _short(4, half), _short(12, half)
        return [Part(0, half, (both << twelve) >> twelve), Part(half, half, both >> four)]


def _short(value: int, lanes: int) -> Expr:
    return splat(value, lanes, "int16")


def _fits(rows: Array, kind: str) -> bool:
    return elem(kind).holds(int(rows.min()), int(rows.max()))


def _pair_words(rows: Array) -> Array:
    fields = (rows & 3).astype(np.uint16).reshape(*rows.shape[:-1], -1, 8) << 2 * np.arange(
        8, dtype=np.uint16
    )
    words: Array = np.bitwise_or.reduce(fields, axis=-1)
    return words


def _nibble_bytes(rows: Array) -> Array:
    low, high = np.split(rows & 15, 2, axis=-1)
    octets: Array = (low | high << 4).astype(np.uint8)
    return octets.view(np.int8)


def _powers(kernel: Kernel) -> View:
    return kernel.constant(1 << np.arange(16, dtype=np.uint16), "int16")


def _lifts(kernel: Kernel) -> View:
    return kernel.constant(14 - 2 * np.arange(8, dtype=np.int16))
