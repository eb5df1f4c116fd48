"""WB convolutions on NEON: their map, their register tile, and bits of its sums.

A register of weights holds a half pair of one, two or four output channels, a register of the map the same
half pair repeated as often. Counted bytes are added pairwise until 8 channels are side by side in a register,
and their sums in 16 bits: as many additions as one count each would take, and none across lanes at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, local, loop, splat, spread
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import AssemblyLoop
from bnnc.arm.kernels.wb_neon_loop import NeonLoop
from bnnc.arm.kernels.wb_neon_store import NeonStore, store_function
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_sums import PixelCounts
from bnnc.arm.kernels.wb_tile import Bits, WbTile
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array

CHANNELS = 8  # of a register of sums
SUM = "int16"
_WORDS = 4  # of a register


@dataclass(frozen=True)
class NeonTile(WbTile):
    """Counts of 16 bits. `weights` uint32 (.., 2, 4); `map` uint32 (.., 2, 4); `own` int16."""

    in_order: str = ""

    @property
    def sum_type(self) -> str:
        return SUM

    @property
    def bits_type(self) -> str:
        return f"uint{self.tiling.width}"

    @property
    def pair_words(self) -> int:
        return 2 * _WORDS

    def steps(self, pixels: int, pixel_bytes: int) -> AssemblyLoop:
        return NeonLoop(
            pixels, self.tiling.vectors, weight_registers(self.pairing), pixel_bytes, self.in_order
        )

    def halved(self, a: Expr, b: Expr) -> Expr:
        return T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.srhadd", a, b)

    def store_bits(self, bits: Bits, sums: View, first: tuple[Expr, Expr], pixels: int, step: int) -> None:
        groups, width = self.tiling.vectors, self.tiling.width
        (pixel, panel), at_once, per_pixel = first, 16 // groups, bits.capacity // width
        inverted = T.bind(spread(bits.inverted[panel], at_once))
        for done in range(0, pixels, at_once):
            count = min(at_once, pixels - done)
            registers = range(done * groups, (done + count) * groups)
            octets = _octets([sums.vector(i * CHANNELS, CHANNELS) for i in registers])
            values = (octets if groups == 1 else bits_as(f"uint{width}x{at_once}", octets)) ^ inverted
            at = (pixel + done * step) * per_pixel + panel
            if count == 1:
                bits.out.put(at, tirx.Shuffle([values], [0]))
            else:
                _store_lanes(bits.out.at(at), values, NeonStore(width, count, step * bits.capacity // 8))


def neon_map(kernel: Kernel, win: Window, pairing: Pairing, parts: int) -> tuple[View, View]:
    """The map that the stage reads in pairs, and the negative counts of its windows; see `NeonTile`."""
    size = pairing.pairs * 2 * _WORDS
    pairs = kernel.scratch("uint32", win.rows.size * win.columns.size * parts * size)
    counts = PixelCounts(kernel, win, parts, SUM, CHANNELS)
    counts.clear()
    with loop(win.rows.size) as y, loop(win.columns.size) as x, loop(parts) as part:
        number = (y * win.columns.size + x) * parts + part
        counted = local(SUM, CHANNELS)
        counted.put(0, splat(0, CHANNELS, SUM), CHANNELS)
        _pair_up(kernel.x("uint32").at(number * pairing.words), pairs.at(number * size), pairing, counted)
        total = T.call_llvm_pure_intrin("int32", "llvm.aarch64.neon.uaddlv", counted.vector(0, CHANNELS))
        # A half that is narrower than a register is in it several times.
        counts.put(part, y, x, cast(SUM, total >> splat(3 - pairing.half.bit_length(), 1)))
    return pairs, counts.summed(kernel)


def neon_weights(pairing: Pairing, tiling: Tiling, weights: Array) -> Array:
    """uint32 (capacity, kh, kw, words) to (panels, kh, kw, pairs, registers, 2, 4)."""
    pairs = pairing.weights(weights)  # capacity, kh, kw, pairs, 2, half
    per_register = _WORDS // pairing.half
    split = pairs.reshape(-1, tiling.width // per_register, per_register, *pairs.shape[1:])
    # panels, registers, channels of one, kh, kw, pairs, 2, half
    moved = np.ascontiguousarray(split.transpose(0, 3, 4, 5, 1, 6, 2, 7))
    return moved.reshape(*moved.shape[:6], _WORDS)


def weight_registers(pairing: Pairing) -> int:
    """Pairs of registers that hold a pair of words of 8 channels."""
    return CHANNELS * pairing.half // _WORDS


def _pair_up(words: View, out: View, pairing: Pairing, counted: View) -> None:
    """The pairs of a pixel; adds the bits of B to `counted`."""
    whole, half = pairing.words // (2 * pairing.half), pairing.half
    if whole:
        with loop(whole) as pair:
            first, second = (_repeated(words, (2 * pair + i) * half, half) for i in (0, 1))
            _put_pair(out.at(pair * (2 * _WORDS)), second, first ^ second, counted)
    if whole < pairing.pairs:
        first = _repeated(words, whole * 2 * half, half)
        _put_pair(out.at(whole * (2 * _WORDS)), splat(0, _WORDS, "uint32"), first, counted)


def _repeated(words: View, start: Expr, half: int) -> Expr:
    """uint32x4: successive words again and again."""
    if half == 1:
        return T.bind(spread(words[start], _WORDS))
    if half == _WORDS:
        return T.bind(words.vector(start, _WORDS))
    return T.bind(tirx.Shuffle([words.vector(start, 2)] * 2, list(range(_WORDS))))


def _put_pair(out: View, x: Expr, b: Expr, counted: View) -> None:
    """Store X and B and count the bits of B."""
    b = T.bind(b)
    out.put(0, x, _WORDS)
    out.put(_WORDS, b, _WORDS)
    bits = T.popcount(bits_as("uint8x16", b))
    added = T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.uaddlp", bits)
    counted.put(0, counted.vector(0, CHANNELS) + added, CHANNELS)


def _store_lanes(out: View, values: Expr, store: NeonStore) -> None:
    """The first lanes of a register, one a pixel."""
    with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", store_function(store)):
        octets = bits_as("uint8x16", values)
        T.evaluate(tirx.call_extern("void", store.name, tirx.address_of(out[0]), octets))


def _octets(sums: list[Expr]) -> Expr:
    """uint8x16: byte i has the bits [sum < 0] of register i."""
    weight = tirx.Shuffle([tirx.const(1 << (i % 8), "uint8") for i in range(16)], list(range(16)))
    octets = _even([bits_as("int8x16", s) for s in sums])
    # The sign of a sum is that of its second byte.
    signs = [tirx.Shuffle(octets[i : i + 2], list(range(1, 32, 2))) for i in range(0, len(octets), 2)]
    none = splat(0, 16, "uint8")
    bits = [T.bind(tirx.Select(sign < splat(0, 16, "int8"), weight, none)) for sign in signs]
    for _ in range(3):
        bits = _even(bits)
        bits = [_pairwise(*bits[i : i + 2]) for i in range(0, len(bits), 2)]
    return bits[0]


def _pairwise(a: Expr, b: Expr) -> Expr:
    """uint8x16: neighbours added."""
    return T.bind(T.call_llvm_pure_intrin("uint8x16", "llvm.aarch64.neon.addp", a, b))


def _even(vectors: list[Expr]) -> list[Expr]:
    """An even number of vectors, the last one twice if need be."""
    return vectors + vectors[-1:] * (len(vectors) % 2)
