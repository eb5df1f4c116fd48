"""The register tile of a WB convolution, whatever the instruction set."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, cast, loop
from bnnc.arm.kernels.rows import Place
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import AssemblyLoop, loop_function
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.window import Window


@dataclass(frozen=True)
class Bits:
    """Where bits of `capacity` channels go, and which are `inverted`: views of a tile's `bits_type`."""

    out: View
    inverted: View
    capacity: int


@dataclass(frozen=True)
class WbTile:
    """Where a tile finds its operands.

    `weights` (panels, kh, kw, pairs, registers, 2, ..): W and A; `map` uint32 (H, W, parts, pairs, 2, ..): X
    and B; `own` (parts, OH * OW): the negative counts of B over the window of every pixel.
    """

    tiling: Tiling
    window: Window
    pairing: Pairing
    parts: int
    weights: View
    map: View
    own: View

    @property
    def sum_type(self) -> str:
        """Of a count."""
        raise NotImplementedError

    @property
    def bits_type(self) -> str:
        """Of bits that are stored at once."""
        raise NotImplementedError

    @property
    def pair_words(self) -> int:
        """Of a pair in the map."""
        raise NotImplementedError

    def steps(self, pixels: int, pixel_bytes: int) -> AssemblyLoop:
        """The inner loop for pixels that are so far apart in the map."""
        raise NotImplementedError

    def halved(self, a: Expr, b: Expr) -> Expr:
        """ceil((a + b) / 2) of two registers."""
        raise NotImplementedError

    def store_bits(self, bits: Bits, sums: View, first: tuple[Expr, Expr], pixels: int) -> None:
        """Bits [sum < 0] of so many pixels from `first` (pixel, panel) on."""
        raise NotImplementedError

    def accumulate(self, sums: View, panel: Expr, part: Expr, place: Place) -> None:
        """sums[pixel, channel] += pc(h) over the reach of a place."""
        reach, (u0, u1), (v0, v1) = place.reach, place.reach.rows, place.reach.columns
        with loop(u1, u0) as u:
            if self.parts == 1 and self.window.columns.dilation == 1:
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
        pairs, words = self.pairing.pairs, self.pair_words
        steps = self.steps(place.pixels, 4 * columns.stride * self.parts * pairs * words)
        pixel = rows.source(place.oy, u) * columns.size + columns.source(place.ox, v)
        at = panel * (self.window.taps * pairs) + (u * reach.kernel[1] + v) * reach.words
        weights = self.weights.at(at * (2 * self.tiling.width * self.pairing.half))
        map_ = self.map.at((pixel * self.parts + part) * (pairs * words))
        with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", loop_function(steps)):
            pointers = [tirx.address_of(view[0]) for view in (sums, map_, weights)]
            T.evaluate(tirx.call_extern("void", steps.name, *pointers, cast("int64", n_pairs)))
