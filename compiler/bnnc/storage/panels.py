"""Binary 3x3 kernels as 9-bit symbols, and the panels in which programs hold them.

The symbol of a kernel: tap (u, v) is bit 3 * u + v, 1 where the weight is +1. Kernels are in (out, in) order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.types import WORD_BITS, n_words

TAPS = 9
MAX_COPIES = 16
BITS, BYTES = 0, 1  # elements of panels


@dataclass(frozen=True)
class Panels:
    """Memory that holds (out, inputs) kernels: `width` output channels side by side are one of the `panels`.

    element BITS: uint32 (panels, 9, words, width), bit i of word j is input channel 32*j + i, 1 for +1.
    element BYTES: int8 (panels, 9, inputs, width), -1 and +1. What is past `out` and `inputs` is 0.
    """

    out: int
    inputs: int
    panels: int
    width: int
    element: int

    @property
    def n_bytes(self) -> int:
        """The size of the memory."""
        row = 4 * n_words(self.inputs) if self.element == BITS else self.inputs
        return self.panels * TAPS * row * self.width


@dataclass(frozen=True)
class Masks:
    """Copies of latent kernels under masks of 9 bits (PCNN): kernel = latent ^ mask. The first mask is 0.

    Output channel h * copies + j (order 0) or j * latent + h (order 1) is copy j of latent kernel h.
    """

    masks: tuple[int, ...]
    order: int


NO_MASKS = Masks((0,), 0)


def kernel_symbols(weights: Array) -> Array:
    """Weights -1 and +1, (O, 3, 3, I), to symbols uint16 (O, I)."""
    taps = (weights.reshape(len(weights), TAPS, -1) > 0).astype(np.uint16)
    symbols: Array = (taps << np.arange(TAPS, dtype=np.uint16)[:, None]).sum(axis=1, dtype=np.uint16)
    return symbols


def fill(symbols: Array, layout: Panels) -> bytes:
    """Symbols (out, inputs) as they lie in panels."""
    taps = symbols[:, None, :] >> np.arange(TAPS, dtype=np.uint16)[:, None] & 1
    cells = _words(taps) if layout.element == BITS else (2 * taps.astype(np.int8) - 1)
    padded = np.zeros((layout.panels * layout.width, *cells.shape[1:]), cells.dtype)
    padded[: layout.out] = cells
    return np.moveaxis(padded.reshape(layout.panels, layout.width, TAPS, -1), 1, -1).tobytes()


def find_panels(symbols: Array, memory: bytes) -> Panels | None:
    """How the kernels lie in `memory`, if they lie there in panels."""
    out, inputs = symbols.shape
    for element in (BITS, BYTES):
        row = Panels(1, inputs, 1, 1, element).n_bytes
        capacity, rest = divmod(len(memory), row)
        if rest or capacity < out:
            continue
        for width in (n for n in range(1, capacity + 1) if capacity % n == 0):
            layout = Panels(out, inputs, capacity // width, width, element)
            if fill(symbols, layout) == memory:
                return layout
    return None


def split(symbols: Array, masks: Masks) -> Array:
    """Symbols (out, inputs) to (latent, copies, inputs)."""
    copies = len(masks.masks)
    if masks.order == 0:
        return symbols.reshape(-1, copies, symbols.shape[1])
    return np.moveaxis(symbols.reshape(copies, -1, symbols.shape[1]), 0, 1)


def join(latent: Array, masks: Masks) -> Array:
    """Latent symbols (latent, inputs) to symbols (out, inputs)."""
    copies = latent[:, None, :] ^ np.array(masks.masks, np.uint16)[:, None]
    if masks.order:
        copies = np.moveaxis(copies, 1, 0)
    return copies.reshape(-1, latent.shape[1])


def mask_forms(symbols: Array) -> Iterator[tuple[Masks, Array]]:
    """Every way (masks, latent symbols) in which the kernels are copies under masks, each proven exact."""
    out = len(symbols)
    for copies, order in product((n for n in range(2, MAX_COPIES + 1) if out % n == 0), (0, 1)):
        kernels = split(symbols, Masks((0,) * copies, order))
        latent = kernels[:, 0]
        masks = Masks(tuple((kernels[0, :, 0] ^ latent[0, 0]).tolist()), order)
        if np.array_equal(join(latent, masks), symbols):
            yield masks, latent


def _words(taps: Array) -> Array:
    """Bits (O, 9, I) to uint32 (O, 9, words)."""
    lanes = n_words(taps.shape[2]) * WORD_BITS
    padded = np.zeros((*taps.shape[:2], lanes), np.uint8)
    padded[..., : taps.shape[2]] = taps
    return np.packbits(padded, axis=-1, bitorder="little").view("<u4")
