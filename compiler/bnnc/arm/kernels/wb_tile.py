"""The register tile of WB convolutions on NEON: pixels x output channels of counted bits.

A register of weights holds a half pair of one, two or four output channels, a register of the map the same
half pair repeated as often. Counted bytes are added pairwise until 8 channels are side by side in a register,
and their sums in 16 bits: as many additions as one count each would take, and none across lanes at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, cast, loop
from bnnc.arm.kernels.rows import Place
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import PAIR_BYTES, WbLoop, loop_function
from bnnc.arm.kernels.wb_map import PairedMap
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.window import Window
from bnnc.ir.op import Array

CHANNELS = 8  # of a register of sums


@dataclass(frozen=True)
class WbTile:
    """Where a tile finds its operands. `weights` uint8 (panels, kh, kw, pairs, registers, 2, 16)."""

    tiling: Tiling
    window: Window
    map: PairedMap
    weights: View

    def accumulate(self, sums: View, panel: Expr, part: Expr, place: Place) -> None:
        """sums[pixel, channel] += pc(h) over the reach of a place; int16, one register for 8 channels."""
        reach, (u0, u1), (v0, v1) = place.reach, place.reach.rows, place.reach.columns
        with loop(u1, u0) as u:
            if self.map.parts == 1 and self.window.columns.dilation == 1:
                # Taps side by side are one long tap.
                self._run(sums, panel, part, place, (u, v0), (v1 - v0) * reach.words)
            else:
                with loop(v1, v0) as v:
                    self._run(sums, panel, part, place, (u, v), reach.words)

    def _run(
        self, sums: View, panel: Expr, part: Expr, place: Place, tap: tuple[Expr, Expr], n_pairs: Expr
    ) -> None:
        """So many pairs from a tap on."""
        (u, v), reach = tap, place.reach
        rows, columns = self.window.rows, self.window.columns
        pairs, groups = self.map.pairing.pairs, self.tiling.vectors
        own = WbLoop(place.pixels, groups, 2 * self.map.pairing.half, self.map.pixel_bytes * columns.stride)
        pixel = rows.source(place.oy, u) * columns.size + columns.source(place.ox, v)
        at = panel * (self.window.taps * pairs) + (u * reach.kernel[1] + v) * reach.words
        weights = self.weights.at(at * (groups * own.weights * PAIR_BYTES))
        map_ = self.map.registers.at((pixel * self.map.parts + part) * (pairs * PAIR_BYTES // 4))
        with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", loop_function(own)):
            pointers = [tirx.address_of(view[0]) for view in (sums, map_, weights)]
            T.evaluate(tirx.call_extern("void", own.name, *pointers, cast("int64", n_pairs)))


def arranged(pairing: Pairing, tiling: Tiling, weights: Array) -> Array:
    """uint32 (capacity, kh, kw, words) to uint8 (panels, kh, kw, pairs, registers, 2, 16)."""
    pairs = pairing.weights(weights)  # capacity, kh, kw, pairs, 2, half
    per_register = 4 // pairing.half
    split = pairs.reshape(-1, tiling.width // per_register, per_register, *pairs.shape[1:])
    # panels, registers, channels of one, kh, kw, pairs, 2, half
    moved = np.ascontiguousarray(split.transpose(0, 3, 4, 5, 1, 6, 2, 7))
    return moved.view(np.uint8).reshape(*moved.shape[:6], 16)


def pairwise(vectors: list[Expr]) -> Expr:
    """uint8x16: neighbours of two registers added."""
    return T.bind(T.call_llvm_pure_intrin("uint8x16", "llvm.aarch64.neon.addp", *vectors))
