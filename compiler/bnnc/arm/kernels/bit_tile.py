"""The register tile of convolutions on bit planes: pixels x output channels of counted bits.

A lane of a register is an output channel. One word of the map (32 input channels of a pixel) goes to all
lanes, the weights lie in panels of registers: xor (and), count, add per register, and no sum across lanes
at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.bit_terms import Term
from bnnc.arm.kernels.builder import Expr, View, local, loop, splat, spread
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.rows import Bounds, Place, Reach
from bnnc.arm.kernels.tiling import Tiling, chunks
from bnnc.arm.kernels.window import Window
from bnnc.ir.types import Packed

Piece = tuple[Bounds, Bounds, Bounds]  # tap rows, tap columns, words of a tap
Start = Callable[[Expr, int], Expr]  # (pixel of a tile, first lane) -> a register of int32


@dataclass(frozen=True)
class Operands:
    """The weights of a panel, and the first word of a pixel that they meet."""

    panel: View
    first_word: Expr


@dataclass(frozen=True)
class BitTile:
    """Where a tile finds its operands.

    `weights` are words (panels, kh, kw, words, planes, width); `words` are those of a group in a tap.
    """

    isa: Isa
    tiling: Tiling
    window: Window
    x_type: Packed
    x: View
    weights: View
    words: int
    w_planes: int

    @property
    def plane_words(self) -> int:
        """Words of a plane of a pixel."""
        return 4 * self.x_type.words // self.isa.word_bytes

    def is_one_piece(self, reach: Reach) -> bool:
        """Whether a tile's counts are widened just once."""
        pieces = chunks(self.isa, reach.kernel, reach.words)
        return (pieces.rows, pieces.columns, pieces.words) == (*reach.kernel, reach.words)

    def accumulate(self, strip: View, term: Term, at: Operands, place: Place, fresh: Start | None) -> None:
        """strip[pixel, channel] += coefficient * counts; = `fresh` + .. where no strip is started."""
        lanes, vectors = self.tiling.lanes, self.tiling.vectors
        dtype, count_lanes = self.isa.count_type
        with self._pieces(place.reach) as piece:
            counts = local(dtype, place.pixels * vectors * count_lanes)
            for i in range(place.pixels * vectors):
                counts.put(i * count_lanes, splat(0, count_lanes, dtype), count_lanes)
            self._count(counts, term, at, place, piece)
            for i in range(place.pixels * vectors):
                counted = self.isa.widen(counts.vector(i * count_lanes, count_lanes))
                pixel, vector = divmod(i, vectors)
                before = fresh(pixel, vector * lanes) if fresh else strip.vector(i * lanes, lanes)
                strip.put(i * lanes, before + counted * splat(term.coefficient, lanes), lanes)

    @contextmanager
    def _pieces(self, reach: Reach) -> Iterator[Piece]:
        """Loops over the chunks of a reach: taps (rows, columns) and words of each."""
        size = chunks(self.isa, reach.kernel, reach.words)
        (kh, kw), words = reach.kernel, reach.words
        with (
            loop(_ceil(kh, size.rows)) as a,
            loop(_ceil(kw, size.columns)) as b,
            loop(_ceil(words, size.words)) as c,
        ):
            yield (
                _piece(reach.rows, a, size.rows, kh),
                _piece(reach.columns, b, size.columns, kw),
                _piece((0, words), c, size.words, words),
            )

    def _count(self, counts: View, term: Term, at: Operands, place: Place, piece: Piece) -> None:
        rows, columns, words = piece
        reach, step = place.reach, self.w_planes * self.tiling.width
        with loop(rows[1], rows[0]) as u, loop(columns[1], columns[0]) as v, loop(words[1], words[0]) as k:
            at_w = at.panel.at(((u * reach.kernel[1] + v) * reach.words + k) * step)
            word = at.first_word + k
            at_x = [self._word(place.oy, place.ox + i, u, v, word) for i in range(place.pixels)]
            self._step(counts, term, at_w, at_x)

    def _word(self, oy: Expr, ox: Expr, u: Expr, v: Expr, k: Expr) -> View:
        """Word k of plane 0 of the map at a tap; a plane further is `plane_words` further."""
        rows, columns = self.window.rows, self.window.columns
        pixel = rows.source(oy, u) * columns.size + columns.source(ox, v)
        return self.x.at(pixel * (self.x_type.elem.bits * self.plane_words) + k)

    def _step(self, counts: View, term: Term, at_w: View, at_x: list[View]) -> None:
        """One word of every pixel with all output channels of the panel."""
        lanes, vectors, width = self.tiling.lanes, self.tiling.vectors, self.tiling.width
        _, count_lanes = self.isa.count_type
        w = [
            [T.bind(at_w.vector(q * width + j * lanes, lanes)) for q in term.w_planes] for j in range(vectors)
        ]
        for i, word in enumerate(at_x):
            x = [T.bind(spread(word[p * self.plane_words], lanes)) for p in term.x_planes]
            for j in range(vectors):
                place = (i * vectors + j) * count_lanes
                counted = self.isa.counts(term.bits(x, w[j]))
                counts.put(place, counts.vector(place, count_lanes) + counted, count_lanes)


def _piece(bounds: Bounds, number: Expr, size: int, total: int) -> Bounds:
    """The part of `bounds` that lies in piece `number`, of `size`, of 0..total-1."""
    if size == total:
        return bounds
    start, stop = number * size, number * size + size
    known = bounds == (0, total) if all(isinstance(bound, int) for bound in bounds) else False
    if known:
        return start, stop if total % size == 0 else tirx.min(stop, total)
    return tirx.max(bounds[0], start), tirx.min(bounds[1], stop)


def _ceil(total: int, size: int) -> int:
    return -(-total // size)
