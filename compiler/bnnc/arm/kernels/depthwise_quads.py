"""Depthwise convolutions by dot products of quads: four neighbouring pixels of a channel side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, View, bits_as, local, loop, splat
from bnnc.arm.kernels.depthwise_plan import QUAD, QuadPlan
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array

_VECTOR = 16


@dataclass(frozen=True)
class QuadBand:
    """The quads of a band, row by row, tile by tile, and the weights and the bias of all channels."""

    plan: QuadPlan
    row: View
    memory: View
    weights: View
    bias: View | None

    @property
    def _row_bytes(self) -> int:
        return self.plan.tiles * self.plan.tile_bytes

    def fill(self, x: View, first: Expr) -> None:
        """The rows of the map that the output rows from `first` on read."""
        band = self.plan.band
        with loop(band.read_rows) as i:
            band.copy_row(x, band.window.rows.source(first, 0) + i, self.row)
            self._store(self.memory.at(i * self._row_bytes))

    def _store(self, to: View) -> None:
        """The quads of a row for the windows of every tile."""
        plan, channels = self.plan, self.plan.band.channels
        with loop(plan.tiles) as t, loop(channels // _VECTOR) as k:
            for q in range(plan.quads):
                first = (t * plan.step + q * QUAD) * channels + k * _VECTOR
                pixels = [T.bind(self.row.vector(first + i * channels, _VECTOR)) for i in range(QUAD)]
                at = t * plan.tile_bytes + (q * channels + k * _VECTOR) * QUAD
                for i, vector in enumerate(_transposed(pixels, plan.band.dtype)):
                    to.put(at + i * _VECTOR, vector, _VECTOR)

    def registers(self, block: Expr) -> list[Expr]:
        """The weights of a block of channels."""
        plan, size = self.plan, self.plan.lanes * QUAD
        count = plan.band.window.rows.kernel * plan.quads * plan.outputs * plan.vectors
        return [T.bind(self.weights.vector((block * count + i) * size, size)) for i in range(count)]

    def sums(self, weights: list[Expr], block: Expr, row: Expr, tile: Expr, outputs: int) -> list[View]:
        """int32 (channels of a block) of the first outputs of a tile."""
        plan, band = self.plan, self.plan.band
        sums = [self._started(block) for _ in range(outputs)]
        first = (row * band.window.rows.stride * plan.tiles + tile) * plan.tile_bytes
        x = self.memory.at(first + block * plan.width * QUAD)
        for u in range(band.window.rows.kernel):
            for q in range(plan.quads):
                place = u * band.window.rows.dilation * self._row_bytes + q * QUAD * band.channels
                own = weights[(u * plan.quads + q) * plan.outputs * plan.vectors :]
                self._add(sums, x.at(place), own)
        return sums

    def _started(self, block: Expr) -> View:
        plan, total = self.plan, local("int32", self.plan.width)
        for at in range(0, plan.width, plan.lanes):
            start = self.bias.vector(block * plan.width + at, plan.lanes) if self.bias else None
            total.put(at, splat(0, plan.lanes) if start is None else start, plan.lanes)
        return total

    def _add(self, sums: list[View], x: View, weights: list[Expr]) -> None:
        """The products of a quad of every channel with the weights of each output."""
        plan, lanes = self.plan, self.plan.lanes
        for v in range(plan.vectors):
            values = T.bind(x.vector(v * lanes * QUAD, lanes * QUAD))
            for o, total in enumerate(sums):
                before, own = total.vector(v * lanes, lanes), weights[o * plan.vectors + v]
                total.put(v * lanes, _dot(before, values, own, lanes), lanes)


def quad_band(kernel: Kernel, conv: Conv2d, plan: QuadPlan, bias: View | None) -> QuadBand:
    """Memory for a band, and the constants of a convolution."""
    band = plan.band
    row = kernel.scratch(band.dtype, band.row_bytes)
    memory = kernel.scratch(band.dtype, band.read_rows * plan.tiles * plan.tile_bytes)
    return QuadBand(plan, row, memory, kernel.constant(_quad_weights(conv, plan)), bias)


def _transposed(pixels: list[Expr], dtype: str) -> Iterator[Expr]:
    """Bytes of four registers in turn: pixels 0 and 1, 2 and 3 in pairs, then pairs of pairs."""
    first, second = pixels[:2], pixels[2:]
    for half in range(2):
        pairs = [T.bind(bits_as("int16x8", _zipped(a, b, half, 16))) for a, b in (first, second)]
        for quarter in range(2):
            yield bits_as(f"{dtype}x16", _zipped(pairs[0], pairs[1], quarter, 8))


def _zipped(a: Expr, b: Expr, half: int, lanes: int) -> Expr:
    """The lower or upper halves of two registers, lane by lane in turn."""
    first = half * lanes // 2
    lanes_in_turn = [i + n * lanes for i in range(first, first + lanes // 2) for n in range(2)]
    return tirx.Shuffle([a, b], lanes_in_turn)


def _quad_weights(conv: Conv2d, plan: QuadPlan) -> Array:
    """int8 (blocks, kernel rows, quads, outputs, vectors, lanes, QUAD): those of an output moved along."""
    win, channels = plan.band.window, plan.band.channels
    taps = conv.weights.reshape(channels, *conv.kernel)
    spread = np.zeros((channels, win.rows.kernel, plan.outputs, plan.quads * QUAD), np.int8)
    for o in range(plan.outputs):
        for v in range(win.columns.kernel):
            spread[:, :, o, o * win.columns.stride + v * win.columns.dilation] = taps[:, :, v]
    split = spread.reshape(-1, plan.vectors, plan.lanes, win.rows.kernel, plan.outputs, plan.quads, QUAD)
    return np.ascontiguousarray(split.transpose(0, 3, 5, 4, 1, 2, 6))


def _dot(sums: Expr, x: Expr, w: Expr, lanes: int) -> Expr:
    """Sums of four products a lane."""
    name = "llvm.aarch64.neon.sdot" if lanes == 4 else "llvm.x86.avx512.vpdpbusd.512"
    return T.call_llvm_pure_intrin(f"int32x{lanes}", name, sums, bits_as(f"int8x{4 * lanes}", x), w)
