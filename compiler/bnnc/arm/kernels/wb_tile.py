"""The register tile of a WB convolution, whatever the instruction set."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, cast, loop
from bnnc.arm.kernels.tiling import Tiling
from bnnc.arm.kernels.wb_assembly import AssemblyLoop, loop_function
from bnnc.arm.kernels.wb_pairing import Pairing
from bnnc.arm.kernels.wb_walk import WbPlace
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

    @property
    def pixel_bytes(self) -> int:
        """From a pixel of the map to the next."""
        return 4 * self.pair_words * self.parts * self.pairing.pairs

    def steps(self, pixels: int, pixel_bytes: int) -> AssemblyLoop:
        """The inner loop for pixels that are so far apart in the map."""
        raise NotImplementedError

    def halved(self, a: Expr, b: Expr) -> Expr:
        """ceil((a + b) / 2) of two registers."""
        raise NotImplementedError

    def store_bits(self, bits: Bits, sums: View, first: tuple[Expr, Expr], pixels: int, step: int) -> None:
        """Bits [sum < 0] of so many pixels, `step` apart, from `first` (pixel, panel) on."""
        raise NotImplementedError

    def accumulate(self, sums: View, panel: Expr, part: Expr, place: WbPlace) -> None:
        """sums[pixel, channel] += pc(h) over the reach of a place."""
        win, (u0, u1), (v0, v1) = self.window, place.reach.rows, place.reach.columns
        # Rows and columns of taps may all be outside of the map.
        some_rows = _at_most_one(u1 - u0) if any(len(taps) == 0 for taps in win.rows.classes) else 1
        some_columns = _at_most_one(v1 - v0) if any(len(taps) == 0 for taps in win.columns.classes) else 1
        with loop(some_rows), loop(some_columns):
            if self.parts == 1 and win.columns.dilation == 1:
                # Taps side by side are one long tap.
                self._run(sums, panel, part, place, v0, (v1 - v0) * self.pairing.pairs)
            else:
                with loop(v1, v0) as v:
                    self._run(sums, panel, part, place, v, self.pairing.pairs)

    def _run(self, sums: View, panel: Expr, part: Expr, place: WbPlace, v: Expr, n_pairs: Expr) -> None:
        """So many pairs of each row of taps, from column `v` of the taps on."""
        rows, columns, (u0, u1) = self.window.rows, self.window.columns, place.reach.rows
        pairs, pair_bytes, pixel_bytes = self.pairing.pairs, 4 * self.pair_words, self.pixel_bytes
        weight_bytes = 8 * self.tiling.width * self.pairing.half
        row_bytes = columns.size * pixel_bytes
        apart = rows.stride * row_bytes if place.step > 1 else columns.stride * pixel_bytes
        steps = self.steps(place.pixels, apart if place.pixels > 1 else 0)
        pixel = rows.source(place.oy, u0) * columns.size + columns.source(place.ox, v)
        at = (panel * self.window.taps + u0 * columns.kernel + v) * pairs
        weights = self.weights.at(at * (weight_bytes // 4))
        map_ = self.map.at((pixel * self.parts + part) * (pairs * self.pair_words))
        map_skip = rows.dilation * row_bytes - n_pairs * pair_bytes
        weights_skip = (columns.kernel * pairs - n_pairs) * weight_bytes
        with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", loop_function(steps)):
            pointers = [tirx.address_of(view[0]) for view in (sums, map_, weights)]
            scalars = [cast("int64", value) for value in (u1 - u0, n_pairs, map_skip, weights_skip)]
            T.evaluate(tirx.call_extern("void", steps.name, *pointers, *scalars))


def _at_most_one(value: Expr) -> Expr:
    return min(value, 1) if isinstance(value, int) else tirx.min(value, 1)
