"""Register tiles: how many pixels and output channels a kernel computes at once."""

from __future__ import annotations

from dataclasses import dataclass

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
    def width(self) -> int:
        """Output channels of a panel."""
        return self.vectors * self.lanes

    @property
    def capacity(self) -> int:
        """Output channels of all panels, the padding included."""
        return self.panels * self.width


def tiling(isa: Isa, channels: int, row: int, packed: bool) -> Tiling:
    """The tile for so many output channels over rows of `row` pixels.

    Where the result is `packed`, the panels fill its words exactly and their borders fall on bytes.
    """
    lanes = isa.lanes
    most = MAX_VECTORS if row > 1 else 2 * MAX_VECTORS
    needed = -(-channels // lanes)
    if packed:
        needed = -(-channels // WORD_LANES) * WORD_LANES // lanes
        fitting = [n for n in range(1, most + 1) if needed % n == 0 and n * lanes % 8 == 0]
        vectors = max(fitting)
    else:
        vectors = min(range(1, most + 1), key=lambda n: (-(-needed // n) * n, -n))
    pixels = max(1, min(row, isa.accumulators // vectors))
    pixels = -(-row // -(-row // pixels))
    return Tiling(lanes, vectors, -(-needed // vectors), pixels)


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
