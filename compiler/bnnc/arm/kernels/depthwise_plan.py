"""Which depthwise convolutions multiply bytes lane by lane, and in which shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnnc.arm.kernels.depthwise_band import Band, band_rows
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_weights import weight_type
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape, tensor_of
from bnnc.ir.types import WORD_BITS

QUAD = 4
_SIGN = 128
_VECTOR = 16
_MAX_WEIGHTS = 14  # registers
_MAX_TAPS = 9  # that are held in registers one by one
_MAX_CHAIN = 9


@dataclass(frozen=True)
class QuadPlan:
    """Quads of neighbouring pixels of a row by dot products: `quads` of them cover the windows of `outputs`
    neighbours. A tile has `vectors` registers of channels.
    """

    band: Band
    shift: int
    quads: int
    outputs: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """Channels of a tile."""
        return self.vectors * self.lanes

    @property
    def step(self) -> int:
        """Pixels from a tile's first one to that of the next."""
        return self.outputs * self.band.window.columns.stride

    @property
    def tiles(self) -> int:
        """Of a row."""
        return -(-self.band.window.columns.out // self.outputs)

    @property
    def tile_bytes(self) -> int:
        """Of the quads of a row that a tile reads, all channels."""
        return self.quads * QUAD * self.band.channels


@dataclass(frozen=True)
class ChainPlan:
    """Products of 16 channels, `chain` of which are added in 16 bits."""

    band: Band
    shift: int
    chain: int


def depthwise_plan(isa: Isa, conv: Conv2d, packed: bool) -> QuadPlan | ChainPlan | None:
    """The shape for a processor; None where bytes do not hold the operands or channels fill no registers."""
    x, channels = tensor_of(conv.x), map_shape(conv.x)[2]
    is_depthwise = conv.weights.shape[3] == 1 and conv.weights.shape[0] == conv.groups == channels
    fits = x.elem.dtype.name in ("int8", "uint8") and weight_type(conv) == "int8"
    unit = WORD_BITS if packed else _VECTOR
    if not (is_depthwise and fits) or channels % unit or not isa.products:
        return None
    return _chain_plan(conv) if isa.products == "smlal" else _quad_plan(isa, conv)


def _quad_plan(isa: Isa, conv: Conv2d) -> QuadPlan | None:
    win, channels = _window(conv), map_shape(conv.x)[2]
    columns = win.columns
    span = (columns.kernel - 1) * columns.dilation + 1
    quads = -(-span // QUAD)
    most = (QUAD * quads - span) // columns.stride + 1
    registers = win.rows.kernel * quads
    outputs = max((n for n in range(1, most + 1) if n * registers <= _MAX_WEIGHTS), default=0)
    sizes = (n for n in (4, 2, 1) if channels % (n * isa.lanes) == 0)
    vectors = next((n for n in sizes if n * outputs * registers <= _MAX_WEIGHTS), 0)
    if not outputs or not vectors or isa.lanes * vectors < 8:
        return None
    outputs = min(outputs, columns.out)
    step, tiles = outputs * columns.stride, -(-columns.out // outputs)
    width = max((tiles - 1) * step + QUAD * quads, columns.pad + columns.size)
    rows = band_rows(win, tiles * quads * QUAD * channels)
    band, shift = _band(conv, win, width, rows, isa.products == "vnni")
    return QuadPlan(band, shift, quads, outputs, vectors, isa.lanes)


def _chain_plan(conv: Conv2d) -> ChainPlan | None:
    win, channels = _window(conv), map_shape(conv.x)[2]
    columns = win.columns
    span = (columns.out - 1) * columns.stride + (columns.kernel - 1) * columns.dilation + 1
    width = max(span, columns.pad + columns.size)
    band, shift = _band(conv, win, width, band_rows(win, width * channels), False)
    elem = tensor_of(conv.x).elem
    magnitude = max(abs(elem.lo - abs(shift)), abs(elem.hi - abs(shift)), abs(band.fill))
    chain = _longest_chain(conv.weights.reshape(channels, -1), magnitude)
    if not chain or win.taps > _MAX_TAPS:
        return None
    return ChainPlan(band, shift, chain)


def _longest_chain(weights: Array, magnitude: int) -> int:
    """How many neighbouring taps of any channel add up in 16 bits."""
    sizes = abs(weights.astype(np.int64))
    for chain in range(min(weights.shape[1], _MAX_CHAIN), 0, -1):
        sums = np.add.reduceat(sizes, np.arange(0, weights.shape[1], chain), axis=1)
        if sums.max() * magnitude < 2**15:
            return chain
    return 0


def _band(conv: Conv2d, win: Window, width: int, rows: int, unsigned: bool) -> tuple[Band, int]:
    """The band, and by how much its bytes are less than the codes."""
    elem = tensor_of(conv.x).elem
    dtype, pad = elem.dtype.name, conv.pad_value if any(conv.pads) else 0
    flips = min(elem.lo, pad) < 0 if unsigned else max(elem.hi, pad) >= _SIGN
    flip = (_SIGN if dtype == "uint8" else -_SIGN) if flips else 0
    fill = int(np.array(pad, dtype) ^ np.array(flip, dtype))
    shift = (-_SIGN if unsigned else _SIGN) if flips else 0
    return Band(win, map_shape(conv.x)[2], dtype, flip, fill, width, rows), shift


def _window(conv: Conv2d) -> Window:
    return window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.dilations, conv.pads)
