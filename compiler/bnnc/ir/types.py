"""Types of values: plain tensors and bit-packed maps. Shapes leave out the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bnnc.ir.elem import Elem

WORD_BITS = 32


@dataclass(frozen=True)
class Tensor:
    """A dense array of `elem.dtype`, C order. Below the source level maps are channel-last: (H, W, C)."""

    elem: Elem
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.elem}<{'x'.join(map(str, self.shape))}>"

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Bytes of the unpacked elements."""
        return self.size * self.elem.dtype.itemsize


@dataclass(frozen=True)
class Packed:
    """A map (H, W, C) as bit planes: uint32 (H, W, elem.bits, words), words = ceil(C / 32).

    Bit i of word j of plane p is bit p of the code of channel 32*j + i; lanes past C are 0 in every plane.
    In memory (little-endian) bit i of byte j of a plane is channel 8*j + i.
    """

    elem: Elem
    shape: tuple[int, int, int]

    def __str__(self) -> str:
        return f"packed {self.elem}<{'x'.join(map(str, self.shape))}>"

    @property
    def words(self) -> int:
        """Words of one plane of a pixel."""
        return n_words(self.shape[2])

    @property
    def storage_shape(self) -> tuple[int, int, int, int]:
        """(H, W, planes, words) of the uint32 array."""
        h, w, _ = self.shape
        return (h, w, self.elem.bits, self.words)

    @property
    def n_bytes(self) -> int:
        """Bytes of the words."""
        return 4 * math.prod(self.storage_shape)


Type = Tensor | Packed


def n_words(channels: int) -> int:
    """Words that hold one bit plane of so many channels."""
    return -(-channels // WORD_BITS)
