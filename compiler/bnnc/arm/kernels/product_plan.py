"""Which convolutions are products of bytes in assembly, and in which register tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np

from bnnc.arm.kernels.gather import Gather
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.mac_weights import MANY, weight_type
from bnnc.arm.kernels.product_loop import ProductLoop
from bnnc.arm.kernels.sdot_loop import SdotLoop
from bnnc.arm.kernels.smlal_loop import CHAINS, SmlalLoop, longest_chain
from bnnc.arm.kernels.vnni_loop import VnniLoop
from bnnc.arm.kernels.window import Window, window
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape, tensor_of
from bnnc.ir.types import WORD_BITS

ALIGNMENT = 16  # of the rows of a strip
_MAX_OFFSET = 2**16 - 16  # of a load of a register of 16 bytes
_MAX_PIXELS = 8
_MAX_VECTORS = 28
_STRIP_BYTES = 1 << 16
_MANY_CHANNELS = 16  # from which on 3x3 kernels of one bit are worth to be stored as symbols
_FEW_PIXELS = 8  # too few to widen weights of few bits for
_SIGN = 128


@dataclass(frozen=True)
class ProductPlan:
    """A tile, and how its rows come to be: windows are gathered, or the map itself `is_direct`ly read.

    `at_once` windows are gathered before they are multiplied: panel by panel, or where tiles come first all
    panels of a tile. Bytes of the map have `shift` less than its codes once they are flipped.
    """

    loop: ProductLoop
    gather: Gather
    is_direct: bool
    at_once: int
    row_bytes: int
    shift: int
    tiles_first: bool = False

    @property
    def name(self) -> str:
        """What tells it from the others of a convolution."""
        tile = f"pixels={self.loop.pixels} width={self.loop.width} run={self.loop.run} rows={self.at_once}"
        return f"products {tile}{' order=tiles' if self.tiles_first else ''}"


def product_plans(isa: Isa, conv: Conv2d, packed: bool) -> tuple[ProductPlan, ...]:
    """All tiles, that of fewest instructions first; none where bytes do not hold the operands.

    Of each also those that gather fewer windows at once or take the panels of a tile one after another, the
    further back the less they are like the first one.
    """
    gather, n = byte_windows(conv, isa.products == "vnni"), prod(conv.type.shape[:2])
    if gather is None or not isa.products or weight_type(conv) != "int8":
        return ()
    if conv.weights.size >= MANY and conv.weight_elem.bits < 8 and n < _FEW_PIXELS:
        return ()
    loops = [tile for tile in _loops(isa, conv, gather, n) if _fits(tile, conv, packed)]
    loops.sort(key=lambda tile: _instructions(tile, conv, n))
    strip_bytes = min(_STRIP_BYTES, isa.core.l2_bytes // 2)
    plans = [[*_variants(isa, conv, _plan(tile, gather, n, strip_bytes))] for tile in loops]
    ranked = sorted(
        ((i + j, i, plan) for i, own in enumerate(plans) for j, plan in enumerate(own)), key=lambda e: e[:2]
    )
    return tuple(plan for *_, plan in ranked)


def _variants(isa: Isa, conv: Conv2d, plan: ProductPlan) -> Iterator[ProductPlan]:
    """A plan; with the other order of loops; with strips that the nearest cache holds beside weights."""
    yield plan
    n, (*_, outputs) = prod(conv.type.shape[:2]), conv.type.shape
    if plan.at_once > plan.loop.pixels and outputs > plan.loop.width:
        yield replace(plan, tiles_first=True)
    for size in (isa.core.l1_bytes // 2, isa.core.l1_bytes // 4):
        other = _plan(plan.loop, plan.gather, n, size) if size else plan
        if other.at_once < plan.at_once:
            yield other


def instructions(conv: Conv2d, plan: ProductPlan) -> float:
    """An estimate."""
    return _instructions(plan.loop, conv, prod(conv.type.shape[:2]))


def _plan(tile: ProductLoop, gather: Gather, n: int, strip_bytes: int) -> ProductPlan:
    """How the rows of a tile come to be, of `n` pixels, in strips of about so many bytes."""
    direct = _is_direct(gather) and tile.read_bytes == gather.depth
    row_bytes = gather.depth if direct else _aligned(tile.read_bytes)
    blocks = 1 if direct else ceil(n * row_bytes / strip_bytes)
    at_once = max(ceil(n / blocks), tile.pixels)
    shift = (-_SIGN if tile.unsigned else _SIGN) if gather.flip else 0
    return ProductPlan(tile, gather, direct, at_once, row_bytes, shift)


def byte_windows(conv: Conv2d, unsigned: bool) -> Gather | None:
    """The windows of a convolution in bytes that are unsigned or signed; None where they do not fit."""
    elem, (height, width, channels) = tensor_of(conv.x).elem, map_shape(conv.x)
    dtype = elem.dtype.name
    if dtype not in ("int8", "uint8") or conv.groups > 1:
        return None
    pad = conv.pad_value if any(conv.pads) else 0
    lo, hi = min(elem.lo, pad), max(elem.hi, pad)
    if not np.iinfo(dtype).min <= lo <= hi <= np.iinfo(dtype).max:
        return None
    flips = lo < 0 if unsigned else hi >= _SIGN
    flip = (_SIGN if dtype == "uint8" else -_SIGN) if flips else 0
    fill = int(np.array(pad, dtype) ^ np.array(flip, dtype))
    if conv.kernel == (height, width) and not any(conv.pads) and conv.dilations == (1, 1):
        one = window((1, 1), (1, 1), (1, 1), (1, 1), (0, 0, 0, 0))
        return Gather(one, height * width * channels, dtype, flip, fill)
    win = window((height, width), conv.kernel, conv.strides, conv.dilations, conv.pads)
    return Gather(win, channels, dtype, flip, fill)


def _is_direct(gather: Gather) -> bool:
    """Whether windows lie in the map one behind the other."""
    win: Window = gather.window
    return win.taps == 1 and win.rows.size == 1 and win.pixels == win.columns.size and not gather.flip


def _loops(isa: Isa, conv: Conv2d, gather: Gather, n: int) -> Iterator[ProductLoop]:
    """Every tile whose operands fit the registers."""
    depth, chain = gather.depth, 0
    if isa.products == "smlal":
        chain = longest_chain(conv.weights.reshape(len(conv.weights), -1), _magnitude(conv, gather))
    for pixels in range(1, min(n, _MAX_PIXELS) + 1):
        for vectors in range(1, _MAX_VECTORS + 1):
            match isa.products:
                case "sdot":
                    tile: ProductLoop = SdotLoop(pixels, vectors, depth, _aligned(depth))
                    yield from [tile] if tile.fits else []
                case "vnni":
                    tile = VnniLoop(pixels, vectors, depth, _row(gather, -(-depth // 4) * 4))
                    yield from [tile] if tile.fits else []
                case "smlal":
                    for count in (c for c in CHAINS if c <= chain):
                        bytes_ = -(-depth // (16 * count)) * 16 * count
                        tile = SmlalLoop(pixels, vectors, depth, bytes_, count)
                        yield from [tile] if tile.fits else []


def _row(gather: Gather, read_bytes: int) -> int:
    return gather.depth if _is_direct(gather) and read_bytes == gather.depth else _aligned(read_bytes)


def _fits(tile: ProductLoop, conv: Conv2d, packed: bool) -> bool:
    """Panels of packed results are whole bytes and fill whole words; `storage.panels` finds 3x3 kernels."""
    if (tile.pixels - 1) * _aligned(tile.read_bytes) > _MAX_OFFSET:
        return False
    channels = conv.weights.shape[3]
    are_symbols = conv.weight_elem.bits == 1 and conv.kernel == (3, 3) and channels >= _MANY_CHANNELS
    if are_symbols and channels % tile.run:
        return False
    capacity = -(-conv.weights.shape[0] // WORD_BITS) * WORD_BITS
    return not packed or (tile.width % 8 == 0 and capacity % tile.width == 0)


def _instructions(tile: ProductLoop, conv: Conv2d, n: int) -> float:
    """An estimate; results are stored one by one where panels do not end with the output channels."""
    outputs: int = conv.weights.shape[0]
    tiles = ceil(outputs / tile.width) * ceil(n / tile.pixels)
    group = next(g for g in (16, 8, 4) if tile.width % g == 0)
    stored = 4 if outputs % tile.width else 4 / group
    return tiles * (tile.instructions + 6) + n * outputs * stored


def _magnitude(conv: Conv2d, gather: Gather) -> int:
    """The largest byte of a window."""
    elem, pad = tensor_of(conv.x).elem, conv.pad_value if any(conv.pads) else 0
    shift = _SIGN if gather.flip else 0
    return max(abs(min(elem.lo, pad) - shift), abs(max(elem.hi, pad) - shift))


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def bias_of(conv: Conv2d, plan: ProductPlan, capacity: int) -> Array:
    """int32 (capacity,): what the shift of the map takes from the sums."""
    bias = np.zeros(capacity, np.int64)
    bias[: len(conv.weights)] = plan.shift * conv.weights.reshape(len(conv.weights), -1).sum(
        axis=1, dtype=np.int64
    )
    return bias.astype(np.int32)
