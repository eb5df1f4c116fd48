"""Register tiles: how many pixels and output channels a kernel computes at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from bnnc.arm.kernels.isa import MAX_BYTE_STEPS, Isa

MAX_VECTORS = 4  # of output channels in a tile of several pixels
WORD_LANES = 32


@dataclass(frozen=True)
class Tiling:
    """Output channels in `panels` of `vectors` registers of `lanes`; a tile is a panel times `pixels`."""

    lanes: int
    vectors: int
    panels: int
    pixels: int

    @property
    def name(self) -> str:
        """What tells it from the other tiles of a layer."""
        return f"vectors={self.vectors} pixels={self.pixels}"

    @property
    def width(self) -> int:
        """Output channels of a panel."""
        return self.vectors * self.lanes

    @property
    def capacity(self) -> int:
        """Output channels of all panels, the padding included."""
        return self.panels * self.width


def tiling(isa: Isa, channels: int, row: int, packed: bool, narrow: bool = False) -> Tiling:
    """The tile for so many output channels over rows of `row` pixels.

    Where the result is `packed`, the panels fill its words exactly and their borders fall on bytes. Weights
    of less than 32 bits are `narrow`: they are only loaded well in vectors of 2^n.
    """
    # Panels of packed results are at least a byte wide.
    return tilings(isa, channels, row, packed, narrow)[0]


def tilings(isa: Isa, channels: int, row: int, packed: bool, narrow: bool = False) -> tuple[Tiling, ...]:
    """All tiles for which there are accumulators, the best first; see `tiling`."""
    # Panels of packed results are at least a byte wide.
    lanes, most = isa.lanes, MAX_VECTORS if row > 1 and isa.lanes > 1 else 2 * MAX_VECTORS
    needed = -(-channels // lanes)
    sizes = [n for n in range(1, most + 1) if not narrow or n & (n - 1) == 0]
    if packed:
        needed = -(-channels // WORD_LANES) * WORD_LANES // lanes
        sizes = [n for n in reversed(sizes) if needed % n == 0 and n * lanes % 8 == 0]
    elif narrow:
        sizes.sort(key=lambda n: _steps(n, needed, _pixels(isa, row, n)))
    else:
        sizes.sort(key=lambda n: (-(-needed // n) * n, -n))
    rows = ([Tiling(lanes, n, -(-needed // n), pixels) for pixels in _counts(isa, row, n)] for n in sizes)
    return tuple(tile for tier in zip_longest(*rows) for tile in tier if tile)


def _counts(isa: Isa, row: int, vectors: int) -> list[int]:
    """Pixels of a tile, the most first, each with the last tile of a row about as long as the others."""
    most = _pixels(isa, row, vectors)
    return sorted({-(-row // -(-row // n)) for n in range(1, most + 1)}, reverse=True)


def _pixels(isa: Isa, row: int, vectors: int) -> int:
    """As many as there are accumulators for, the last tile of a row about as long as the others."""
    pixels = max(1, min(row, isa.accumulators // vectors))
    return -(-row // -(-row // pixels))


def _steps(vectors: int, needed: int, pixels: int) -> float:
    """Instructions about, a pixel and weight of narrow weights: to multiply, to load and widen, to count."""
    panels = -(-needed // vectors)
    return panels * (vectors * pixels + 1.5 * vectors + pixels + 2) / pixels


@dataclass(frozen=True)
class Chunks:
    """Taps (rows, columns) and words that are counted before the counts are widened."""

    rows: int
    columns: int
    words: int


def chunks(isa: Isa, kernel: tuple[int, int], words: int) -> Chunks:
    """The largest chunks that a byte can count, all of about the same size."""
    rows, columns = kernel
    if isa.counts_words:
        return Chunks(rows, columns, words)
    if words > MAX_BYTE_STEPS:
        return Chunks(1, 1, _even(words, MAX_BYTE_STEPS))
    if columns * words > MAX_BYTE_STEPS:
        return Chunks(1, _even(columns, MAX_BYTE_STEPS // words), words)
    return Chunks(_even(rows, MAX_BYTE_STEPS // (columns * words)), columns, words)


def _even(total: int, most: int) -> int:
    """The size of the parts, none above `most`, when `total` is cut into as few as possible."""
    return -(-total // -(-total // most))
