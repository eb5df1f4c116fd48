"""The map of a WB convolution in pairs, and what its pixels count by themselves; see `wb_pairing`."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, cast, local, loop, splat, spread
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.window import Axis, Window

VECTOR = 8  # int16 lanes that sums are made of at a time
SUM = "int16"


@dataclass(frozen=True)
class PairedMap:
    """Registers (H, W, parts, pairs, 2) of 16 bytes: X and B, each half repeated until the register is full.

    `sums` int16 (parts, OH * OW) are the negative counts of B over the taps of every window in the map, with
    room for `VECTOR` more.
    """

    registers: View
    sums: View
    pairing: Pairing
    parts: int

    @property
    def pixel_bytes(self) -> int:
        """From one pixel to the next."""
        return self.parts * self.pairing.pairs * 32


def paired_map(kernel: Kernel, win: Window, pairing: Pairing, parts: int) -> PairedMap:
    """Pair the words of the map that the stage reads."""
    pixels = win.rows.size * win.columns.size
    registers = kernel.scratch("uint32", pixels * parts * pairing.pairs * 2 * 4)
    counts = _Counts(kernel, win, parts)
    counts.clear()
    with loop(win.rows.size) as y, loop(win.columns.size) as x, loop(parts) as part:
        first = (y * win.columns.size + x) * parts + part
        counted = local("int16", 8)
        counted.put(0, splat(0, 8, SUM), 8)
        _pair_pixel(kernel, pairing, registers.at(first * (pairing.pairs * 8)), first, counted)
        total = T.call_llvm_pure_intrin("int32", "llvm.aarch64.neon.uaddlv", counted.vector(0, 8))
        # A half that is narrower than a register is in it several times.
        counts.put(part, y, x, cast(SUM, total >> splat(3 - pairing.half.bit_length(), 1)))
    return PairedMap(registers, counts.summed(kernel), pairing, parts)


def _pair_pixel(kernel: Kernel, pairing: Pairing, out: View, number: Expr, counted: View) -> None:
    """The pairs of a pixel's part, whose words begin at `number * words`."""
    words = kernel.x("uint32").at(number * pairing.words)
    whole = pairing.words // (2 * pairing.half)
    if whole:
        with loop(whole) as pair:
            start = pair * (2 * pairing.half)
            first, second = (_repeated(words, start + i * pairing.half, pairing.half) for i in (0, 1))
            _put_pair(out.at(pair * 8), second, first ^ second, counted)
    if whole < pairing.pairs:
        first = _repeated(words, whole * 2 * pairing.half, pairing.half)
        _put_pair(out.at(whole * 8), splat(0, 4, "uint32"), first, counted)


def _repeated(words: View, start: Expr, half: int) -> Expr:
    """uint32x4: successive words again and again."""
    if half == 1:
        return T.bind(spread(words[start], 4))
    if half == 4:
        return T.bind(words.vector(start, 4))
    return T.bind(tirx.Shuffle([words.vector(start, 2)] * 2, list(range(4))))


def _put_pair(out: View, x: Expr, b: Expr, counted: View) -> None:
    """Store X and B and count the bits of B."""
    out.put(0, x, 4)
    b = T.bind(b)
    out.put(4, b, 4)
    bits = T.popcount(bits_as("uint8x16", b))
    counted.put(
        0, counted.vector(0, 8) + T.call_llvm_pure_intrin("int16x8", "llvm.aarch64.neon.uaddlp", bits), 8
    )


class _Counts:
    """One count a pixel, int16 (parts, height, width), with the pads around the map, which count 0."""

    def __init__(self, kernel: Kernel, win: Window, parts: int) -> None:
        self._window, self._parts = win, parts
        self._height = _padded(win.rows)
        self._width = -(-_padded(win.columns) // VECTOR) * VECTOR
        self._counts = kernel.scratch(SUM, parts * self._height * self._width + VECTOR)

    def clear(self) -> None:
        with loop(self._parts * self._height * self._width // VECTOR) as i:
            self._counts.put(i * VECTOR, splat(0, VECTOR, SUM), VECTOR)

    def put(self, part: Expr, y: Expr, x: Expr, count: Expr) -> None:
        rows, columns = self._window.rows, self._window.columns
        at = (part * self._height + y + rows.pad) * self._width + x + columns.pad
        self._counts.put(at, count)

    def summed(self, kernel: Kernel) -> View:
        """The negative sums over all windows: down the columns, then along the row of their sums."""
        rows, columns = self._window.rows, self._window.columns
        sums = kernel.scratch(SUM, self._parts * self._window.pixels + VECTOR)
        reach = (columns.kernel - 1) * columns.dilation
        row = kernel.scratch(SUM, self._width + reach + VECTOR)
        with loop(self._parts) as part, loop(rows.out) as oy:
            top = self._counts.at((part * self._height + oy * rows.stride) * self._width)
            with loop(self._width // VECTOR) as i:
                row.put(i * VECTOR, _total(top, i * VECTOR, rows, self._width, VECTOR), VECTOR)
            lanes = VECTOR if columns.stride == 1 else 1
            with loop(-(-columns.out // lanes)) as i:
                total = _total(row, i * lanes * columns.stride, columns, 1, lanes)
                at = part * self._window.pixels + oy * columns.out + i * lanes
                # Past the end of a row: the next one overwrites it.
                sums.put(at, splat(0, lanes, SUM) - total, lanes)
        return sums


def _padded(axis: Axis) -> int:
    """Positions of the map and of its pads in front and behind."""
    reach = (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
    return max(reach, axis.pad + axis.size)


def _total(counts: View, start: Expr, axis: Axis, step: int, lanes: int) -> Expr:
    """The sum over the taps of an axis, whose positions are `step` elements apart."""
    total = local(SUM, lanes)
    total.put(0, counts.vector(start, lanes), lanes)
    for tap in range(1, axis.kernel):
        more = counts.vector(start + tap * axis.dilation * step, lanes)
        total.put(0, total.vector(0, lanes) + more, lanes)
    return total.vector(0, lanes)
