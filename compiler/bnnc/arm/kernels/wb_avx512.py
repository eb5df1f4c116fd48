"""WB convolutions on AVX-512: a lane is an output channel, a word of the map goes to all lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, local, loop, splat
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import AssemblyLoop
from bnnc.arm.kernels.wb_avx512_loop import Avx512Loop
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_sums import PixelCounts
from bnnc.arm.kernels.wb_tile import Bits, WbTile
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array

LANES = 16
SUM = "int32"


@dataclass(frozen=True)
class Avx512Tile(WbTile):
    """Counts of 32 bits. `weights` uint32 (.., 2, 16); `map` uint32 (.., 2); `own` int32."""

    @property
    def sum_type(self) -> str:
        return SUM

    @property
    def bits_type(self) -> str:
        return f"uint{LANES}"

    @property
    def pair_words(self) -> int:
        return 2

    def steps(self, pixels: int, pixel_bytes: int) -> AssemblyLoop:
        return Avx512Loop(pixels, self.tiling.vectors, pixel_bytes)

    def halved(self, a: Expr, b: Expr) -> Expr:
        return (a + b + splat(1, LANES)) >> splat(1, LANES)

    def store_bits(self, bits: Bits, sums: View, first: tuple[Expr, Expr], pixels: int, step: int) -> None:
        vectors, (pixel, panel) = self.tiling.vectors, first
        for i in range(pixels):
            for j in range(vectors):
                register = panel * vectors + j
                reached = sums.vector((i * vectors + j) * LANES, LANES) < splat(0, LANES)
                value = bits_as(self.bits_type, reached) ^ bits.inverted[register]
                bits.out.put((pixel + i * step) * (bits.capacity // LANES) + register, value)


def avx512_map(kernel: Kernel, win: Window, pairing: Pairing, parts: int) -> tuple[View, View]:
    """The map that the stage reads in pairs, and the negative counts of its windows; see `Avx512Tile`."""
    pairs = kernel.scratch("uint32", win.rows.size * win.columns.size * parts * pairing.pairs * 2)
    counts = PixelCounts(kernel, win, parts, SUM, LANES)
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
