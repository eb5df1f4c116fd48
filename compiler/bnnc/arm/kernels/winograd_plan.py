"""Which 3x3 convolutions are computed by Winograd's F(2x2, 3x3): a product for 2.25 (arXiv 1509.09308)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from bnnc.arm.kernels.depthwise_band import Band
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_weights import weight_type
from bnnc.arm.kernels.window import window
from bnnc.arm.kernels.winograd_loop import MOST_TILES, POINTS, WIDTH, WinogradLoop
from bnnc.ir.elem import I8, U8
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape, tensor_of
from bnnc.ir.types import WORD_BITS
from bnnc.passes.sparse_costs import from_memory

_MAP_BYTES = 1 << 18  # of a transformed map: as much as second caches hold beside weights
_ENDS = 16  # instructions for a result besides its products: both transforms, and what follows
# The matrices of the transforms; that of the weights is doubled, so that all is integer.
_WEIGHTS = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_RESULTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
SHIFT = 2  # results are four times too large: the doubled matrix comes in twice
_LIMITS = {"int8": I8, "uint8": U8}
_GROWTH = 4  # of the map, in magnitude


@dataclass(frozen=True)
class WinogradPlan:
    """A band of the map is transformed at once, in tiles of 2x2 results, `columns` a row."""

    loop: WinogradLoop
    band: Band
    weights: Array

    @property
    def name(self) -> str:
        return f"winograd tiles={self.loop.tiles}"

    @property
    def columns(self) -> int:
        return ceil(self.band.window.columns.out / 2)

    @property
    def blocks(self) -> int:
        """Calls of the loop for a band and WIDTH output channels."""
        return ceil(self.loop.n_tiles / self.loop.tiles)

    @property
    def panels(self) -> int:
        return len(self.weights)

    @property
    def instructions(self) -> float:
        """An estimate; every band reads all weights."""
        bands = ceil(self.band.window.rows.out / self.band.rows)
        results = 4 * WIDTH * self.loop.tiles
        calls = self.panels * self.blocks * (self.loop.instructions + _ENDS * results)
        return bands * (calls + from_memory(self.weights.nbytes))


def winograd_plan(isa: Isa, conv: Conv2d, packed: bool) -> WinogradPlan | None:
    """How a convolution is transformed; None where that does not apply."""
    if isa.products != "smlal" or not _applies(conv, packed):
        return None
    x, pad = tensor_of(conv.x), conv.pad_value if any(conv.pads) else 0
    weights = _transformed(conv)
    largest = _GROWTH * max(abs(x.elem.lo), abs(x.elem.hi), abs(pad))
    if _largest_sum(weights) * largest >= 2**31:
        return None
    win = window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
    across, channels = ceil(win.columns.out / 2), map_shape(conv.x)[2]
    tile_rows = _tile_rows(win.rows.out, across * POINTS * channels * 2)
    width = max(win.columns.out + 2, win.columns.pad + win.columns.size)
    band = Band(win, channels, x.elem.dtype.name, 0, pad, width, 2 * tile_rows)
    n_tiles = tile_rows * across
    at_once = ceil(n_tiles / ceil(n_tiles / MOST_TILES))
    return WinogradPlan(WinogradLoop(at_once, n_tiles, channels), band, _panels(weights))


def _applies(conv: Conv2d, packed: bool) -> bool:
    """3x3 on bytes by bytes, step by step, of channels in whole registers and results in whole words."""
    x, (rows, columns, outputs) = tensor_of(conv.x), conv.type.shape
    plain = (conv.kernel, conv.strides, conv.dilations, conv.groups) == ((3, 3), (1, 1), (1, 1), 1)
    pad = conv.pad_value if any(conv.pads) else 0
    narrow = x.elem.dtype.name in ("int8", "uint8") and _LIMITS[x.elem.dtype.name].holds(pad, pad)
    whole = map_shape(conv.x)[2] % 16 == 0 and (not packed or outputs % WORD_BITS == 0)
    # Weights of fewer bits are stored in as many, which transformed ones would not be.
    stored_as_bytes = weight_type(conv) == "int8" and conv.weight_elem.bits == 8
    return plain and narrow and whole and stored_as_bytes and min(rows, columns) >= 2


def _tile_rows(rows: int, bytes_of_row: int) -> int:
    """Rows of tiles in a band: the fewest that are computed twice, then the most at once."""
    most = max(min(_MAP_BYTES // bytes_of_row, rows // 2), 1)
    return min(range(1, most + 1), key=lambda n: (ceil(rows / (2 * n)) * n, -n))


def _transformed(conv: Conv2d) -> Array:
    """int64 (O, POINTS, C)."""
    weights = conv.weights.astype(np.int64)
    points: Array = np.einsum("iu,ouvc,jv->oijc", _WEIGHTS, weights, _WEIGHTS)
    points = points.reshape(len(weights), POINTS, -1)
    return points


def _largest_sum(weights: Array) -> int:
    """The most that sums of a result are, of a map of magnitude 1, on every way to it."""
    sizes = abs(weights).sum(axis=2).reshape(-1, 4, 4)
    return int(np.einsum("ai,oij,bj->oab", abs(_RESULTS), sizes, abs(_RESULTS)).max())


def _panels(weights: Array) -> Array:
    """int16 (panels, POINTS, C, WIDTH), filled up with 0."""
    missing = -len(weights) % WIDTH
    filled = np.pad(weights, ((0, missing), (0, 0), (0, 0))).reshape(-1, WIDTH, *weights.shape[1:])
    panels: Array = np.ascontiguousarray(filled.transpose(0, 2, 3, 1)).astype(np.int16)
    return panels
