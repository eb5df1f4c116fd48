"""A WB convolution tile by tile: where its counts start, and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, View, cast, local, splat, spread
from bnnc.arm.kernels.parts import Parts
from bnnc.arm.kernels.rows import first_pixel
from bnnc.arm.kernels.wb_tile import WbTile
from bnnc.arm.kernels.wb_walk import WbPlace


@dataclass(frozen=True)
class WbLayer:
    """The sums of a panel of output channels over a tile of pixels.

    `base` (border classes, channels) is what they have by weights and border alone, or where `wb_cuts` lets
    them start.
    """

    tile: WbTile
    parts: Parts
    base: View

    def counts(self, place: WbPlace, part: Expr, panel: Expr) -> View:
        """(pixels, width): pc(h)."""
        lanes, dtype = self.tile.tiling.lanes, self.tile.sum_type
        sums = local(dtype, place.pixels * self.tile.tiling.width)
        for i in range(place.pixels * self.tile.tiling.vectors):
            sums.put(i * lanes, splat(0, lanes, dtype), lanes)
        self.tile.accumulate(sums, part * self.tile.tiling.panels + panel, part, place)
        return sums

    def compared(self, place: WbPlace, part: Expr, panel: Expr) -> View:
        """(pixels, width): below 0 where a sum reaches its cut."""
        tiles, base = self.tile.tiling, self._base(place, part, panel)
        sums = local(self.tile.sum_type, place.pixels * tiles.width)
        start = [T.bind(base.vector(j * tiles.lanes, tiles.lanes)) for j in range(tiles.vectors)]
        for i, own in enumerate(self._own(place, part)):
            for j in range(tiles.vectors):
                at = (i * tiles.vectors + j) * tiles.lanes
                sums.put(at, self.tile.halved(start[j], own), tiles.lanes)
        self.tile.accumulate(sums, part * tiles.panels + panel, part, place)
        return sums

    def _own(self, place: WbPlace, part: Expr) -> Iterator[Expr]:
        """The pixels' own counts, each in all lanes of a register."""
        lanes, pixel = self.tile.tiling.lanes, self._pixel(place, part)
        if place.step > 1:
            yield from (spread(self.tile.own[pixel + i * place.step], lanes) for i in range(place.pixels))
            return
        for first in range(0, place.pixels, lanes):
            own = T.bind(self.tile.own.vector(pixel + first, lanes))
            for i in range(min(lanes, place.pixels - first)):
                yield T.bind(T.broadcast(tirx.Shuffle([own], [i]), lanes))

    def run(self, strip: View, place: WbPlace, part: Expr, panel: Expr) -> None:
        """strip int32 (pixels, width) = the outputs of a tile."""
        tiles, counts, base = (
            self.tile.tiling,
            self.counts(place, part, panel),
            self._base(place, part, panel),
        )
        lanes = tiles.lanes
        for i in range(place.pixels):
            own = cast("int32", self.tile.own[self._pixel(place, part) + i * place.step]) * -2
            for j in range(tiles.vectors):
                at = (i * tiles.vectors + j) * lanes
                counted = cast("int32", counts.vector(at, lanes), lanes) * splat(4, lanes)
                strip.put(at, base.vector(j * lanes, lanes) + spread(own, lanes) - counted, lanes)

    def _base(self, place: WbPlace, part: Expr, panel: Expr) -> View:
        tiles, kind = self.tile.tiling, place.kind
        return self.base.at(kind * self.parts.capacity + (part * tiles.panels + panel) * tiles.width)

    def _pixel(self, place: WbPlace, part: Expr) -> Expr:
        return part * self.tile.window.pixels + first_pixel(self.tile.window, place)
