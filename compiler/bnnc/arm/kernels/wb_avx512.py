"""WB convolutions on AVX-512: a lane is an output channel, a word of the map goes to all lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, local, loop, splat, spread
from bnnc.arm.kernels.rows import Place
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_layer import Bits
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_sums import PixelCounts
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array

SUM = "int32"


@dataclass(frozen=True)
class Avx512Tile:
    """Where a tile finds its operands.

    `weights` uint32 (panels, kh, kw, pairs, vectors, 2, 16); `map` uint32 (H, W, parts, pairs, 2): X and B;
    `own` int32 (parts, OH * OW): the negative counts of B over the window of every pixel.
    """

    tiling: Tiling
    window: Window
    pairing: Pairing
    parts: int
    weights: View
    map: View
    own: View
    sum_type: str = SUM

    def accumulate(self, sums: View, panel: Expr, part: Expr, place: Place) -> None:
        """sums[pixel, channel] += pc(h) over the reach of a place."""
        reach, pairs = place.reach, self.pairing.pairs
        rows, columns = self.window.rows, self.window.columns
        (u0, u1), (v0, v1) = reach.rows, reach.columns
        with loop(u1, u0) as u, loop(v1, v0) as v, loop(reach.words) as k:
            at = panel * (self.window.taps * pairs) + (u * reach.kernel[1] + v) * reach.words + k
            pixel = rows.source(place.oy, u) * columns.size + columns.source(place.ox, v)
            first = ((pixel * self.parts + part) * pairs + k) * 2
            step = columns.stride * self.parts * pairs * 2
            map_ = [self.map.at(first + i * step) for i in range(place.pixels)]
            self._step(sums, self.weights.at(at * (2 * self.tiling.width)), map_)

    def _step(self, sums: View, weights: View, map_: list[View]) -> None:
        """A pair of every pixel with all output channels of the panel."""
        lanes, vectors = self.tiling.lanes, self.tiling.vectors
        w = [
            [T.bind(weights.vector((2 * j + half) * lanes, lanes)) for half in (0, 1)] for j in range(vectors)
        ]
        for i, pair in enumerate(map_):
            x, b = (T.bind(spread(pair[half], lanes)) for half in (0, 1))
            for j, (w1, a) in enumerate(w):
                at, which = (i * vectors + j) * lanes, T.bind(w1 ^ x)
                counted = T.popcount((which & a) | (~which & b))
                sums.put(at, sums.vector(at, lanes) + bits_as(f"{SUM}x{lanes}", counted), lanes)

    def halved(self, a: Expr, b: Expr) -> Expr:
        """ceil((a + b) / 2)."""
        return (a + b + splat(1, self.tiling.lanes)) >> splat(1, self.tiling.lanes)

    @property
    def bits_type(self) -> str:
        """The bits of a register."""
        return f"uint{self.tiling.lanes}"

    def store_bits(self, bits: Bits, sums: View, first: tuple[Expr, Expr], pixels: int) -> None:
        """Bits [sum <= 0] of so many pixels from `first` (pixel, panel) on."""
        lanes, vectors = self.tiling.lanes, self.tiling.vectors
        pixel, panel = first
        for i in range(pixels):
            for j in range(vectors):
                register = panel * vectors + j
                reached = sums.vector((i * vectors + j) * lanes, lanes) <= splat(0, lanes)
                value = bits_as(self.bits_type, reached) ^ bits.inverted[register]
                bits.out.put((pixel + i) * (bits.capacity // lanes) + register, value)


def avx512_map(
    kernel: Kernel, isa_lanes: int, win: Window, pairing: Pairing, parts: int
) -> tuple[View, View]:
    """The map that the stage reads in pairs, and the negative counts of its windows; see `Avx512Tile`."""
    pairs = kernel.scratch("uint32", win.rows.size * win.columns.size * parts * pairing.pairs * 2)
    counts = PixelCounts(kernel, win, parts, SUM, isa_lanes)
    counts.clear()
    with loop(win.rows.size) as y, loop(parts) as part, loop(win.columns.size) as x:
        number = (y * win.columns.size + x) * parts + part
        words, out = kernel.x("uint32").at(number * pairing.words), pairs.at(number * pairing.pairs * 2)
        counts.put(part, y, x, _pair_up(words, out, pairing))
    return pairs, counts.summed(kernel)


def avx512_weights(tiling: Tiling, pairing: Pairing, weights: Array) -> Array:
    """uint32 (capacity, kh, kw, words) to (panels, kh, kw, pairs, vectors, 2, lanes)."""
    pairs = pairing.weights(weights)[..., 0]  # capacity, kh, kw, pairs, 2
    split = pairs.reshape(-1, tiling.vectors, tiling.lanes, *pairs.shape[1:])
    return np.ascontiguousarray(split.transpose(0, 3, 4, 5, 1, 6, 2))


def _pair_up(words: View, out: View, pairing: Pairing) -> Expr:
    """The pairs of a pixel; returns the bits of B."""
    counted = local(SUM)
    counted.put(0, splat(0, 1))
    whole = pairing.words // 2
    if whole:
        with loop(whole) as pair:
            first, second = T.bind(words[pair * 2]), T.bind(words[pair * 2 + 1])
            _put_pair(out.at(pair * 2), second, first ^ second, counted)
    if whole < pairing.pairs:
        _put_pair(out.at(whole * 2), splat(0, 1, "uint32"), words[whole * 2], counted)
    return counted[0]


def _put_pair(out: View, x: Expr, b: Expr, counted: View) -> None:
    b = T.bind(b)
    out.put(0, x)
    out.put(1, b)
    counted.put(0, counted[0] + cast(SUM, T.popcount(b)))
