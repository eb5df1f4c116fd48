"""Binary 3x3 kernels as 9-bit symbols, and the panels in which programs hold them.

The symbol of a kernel: tap (u, v) is bit 3 * u + v, 1 where the weight is +1. Kernels are in (out, in) order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.types import WORD_BITS, n_words

TAPS = 9
MAX_COPIES = 16
REGISTERS = 4, 8, 16  # words that vector registers hold
RUNS = 4, 16, 32, 64  # inputs of an output that products of bytes take together
MAX_SIZE = 2**15  # of a layer's outputs and inputs: panels may hold some more
BITS, SIGNS, BYTES = 0, 1, 2  # elements of panels
Axis = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Panels:
    """Memory that holds (out, inputs) kernels. Weight (o, tap, c) is at the sum of three offsets, in bits.

    An axis has digits (extent, stride), the lowest first: index i is at the sum of its digits times their
    strides. `outputs` counts all outputs of all panels: after every `group_out` of them it goes on at the
    next multiple of `group_capacity`. element BITS: a bit, 1 for +1; SIGNS: a bit, 1 for -1; BYTES: -1 or +1.
    Everything else is 0.

    Bit o % 8 of byte o / 8 of `turned`, unless it is empty, says that the weights of output o are negated.
    With `half` h the words of 32 inputs are in pairs, h words with the h words behind them: then the second
    word w2 of a pair gives way to ~(w1 ^ w2), for all outputs and words that the axes count.
    """

    out: int
    inputs: int
    group_out: int
    group_capacity: int
    outputs: Axis
    taps: Axis
    channels: Axis
    element: int
    half: int = 0
    turned: bytes = b""


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


def fill(symbols: Array, layout: Panels, n_bytes: int) -> bytes:
    """Symbols (out, inputs) as they lie in panels of `n_bytes`."""
    taps, at = _taps(_turn(symbols, layout.turned)), _places(layout)
    if layout.element == BYTES:
        octets = np.zeros(n_bytes, np.int8)
        octets[at // 8] = 2 * taps.astype(np.int8) - 1
        return octets.tobytes()
    bits = np.zeros(8 * n_bytes, np.uint8)
    bits[at] = taps if layout.element == BITS else 1 - taps
    memory = np.packbits(bits, bitorder="little")
    if layout.half:
        _pair(memory, layout)
    return memory.tobytes()


def find_panels(symbols: Array, groups: int, memory: bytes) -> Panels | None:
    """How the kernels of a layer with so many groups lie in `memory`, if they lie there in panels."""
    bits = np.unpackbits(np.frombuffer(memory, np.uint8), bitorder="little")
    taps = _taps(symbols[:, :1])
    for plain in _layouts(symbols.shape, groups, len(memory)):
        at = _places(replace(plain, inputs=1))
        found = 1 - bits[at + 7] if plain.element == BYTES else bits[at] ^ (plain.element == SIGNS)
        differ = found[:, :1] != taps[:, :1]
        layout = replace(
            plain, turned=np.packbits(differ, bitorder="little").tobytes() if differ.any() else b""
        )
        if np.array_equal(found ^ differ, taps) and fill(symbols, layout, len(memory)) == memory:
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


def capacity(axis: Axis) -> int:
    """How many indices an axis counts."""
    return math.prod(extent for extent, _ in axis)


def offsets(axis: Axis) -> Array:
    """int64 (capacity,): where each index is, in bits."""
    at = np.zeros(1, np.int64)
    for extent, stride in axis:
        at = (np.arange(extent)[:, None] * stride + at).ravel()
    return at


def strides(*axis: tuple[int, int], low: int = 1) -> Axis:
    """The axis of digits (extent, stride in elements of `low` bits), those of extent 1 left out."""
    return tuple((extent, stride * low) for extent, stride in axis if extent > 1)


def plain_panels(shape: tuple[int, int], groups: int, panels: int, width: int, element: int) -> Panels:
    """(panels, 9, inputs, width) of bytes or SIGNS, (panels, 9, words, width) of words of 32 inputs.

    `panels` are those of all groups.
    """
    out, inputs = shape
    rows, low = (n_words(inputs), WORD_BITS) if element == BITS else (inputs, 8 if element == BYTES else 1)
    outputs = strides((width, 1), (panels, TAPS * rows * width), low=low)
    channels = strides((rows, width), low=low)
    if element == BITS:
        channels = ((WORD_BITS, 1), *channels)
    taps = strides((TAPS, rows * width), low=low)
    sizes = (out // groups, panels // groups * width)
    return Panels(out, inputs, *sizes, outputs, taps, channels, element)


def run_panels(shape: tuple[int, int], panels: int, width: int, run: int, element: int) -> Panels:
    """(panels, 9, inputs / run, width, run) of bytes or SIGNS; runs divide the inputs."""
    (out, inputs), low = shape, 8 if element == BYTES else 1
    outputs = strides((width, run), (panels, TAPS * inputs * width), low=low)
    channels = strides((run, 1), (inputs // run, run * width), low=low)
    taps = strides((TAPS, inputs * width), low=low)
    return Panels(out, inputs, out, panels * width, outputs, taps, channels, element)


def paired_panels(
    shape: tuple[int, int], groups: int, panels: int, width: int, half: int, at_once: int
) -> Panels:
    """(panels, 9, pairs, width / at_once, 2, at_once, half) words: registers of `at_once` outputs."""
    out, inputs = shape
    pairs, register = -(-n_words(inputs) // (2 * half)), at_once * half
    pair = width * 2 * half
    outputs = strides(
        (at_once, half), (width // at_once, 2 * register), (panels, TAPS * pairs * pair), low=WORD_BITS
    )
    words = strides((half, 1), (2, register), (pairs, pair), low=WORD_BITS)
    taps = strides((TAPS, pairs * pair), low=WORD_BITS)
    sizes = (out // groups, panels // groups * width)
    return Panels(out, inputs, *sizes, outputs, taps, ((WORD_BITS, 1), *words), BITS, half)


def _layouts(shape: tuple[int, int], groups: int, n_bytes: int) -> Iterator[Panels]:
    """Every layout of the families that fits the size."""
    out, inputs = shape
    if max(shape) > MAX_SIZE:
        return
    for element, row_bits in ((BITS, WORD_BITS * n_words(inputs)), (SIGNS, inputs), (BYTES, 8 * inputs)):
        for panels, width in _widths(8 * n_bytes, TAPS * row_bits, out, groups):
            if element != SIGNS or width % 8 == 0:
                yield plain_panels(shape, groups, panels, width, element)
    for run, (element, bits) in product(RUNS if groups == 1 else (), ((SIGNS, 1), (BYTES, 8))):
        for panels, width in _widths(8 * n_bytes, TAPS * inputs * bits, out, 1) if inputs % run == 0 else ():
            yield run_panels(shape, panels, width, run, element)
    for half in (1, 2, 4):
        row_bits = WORD_BITS * 2 * half * -(-n_words(inputs) // (2 * half))
        for panels, width in _widths(8 * n_bytes, TAPS * row_bits, out, groups):
            for lanes in REGISTERS:
                if width * half % lanes == 0:
                    yield paired_panels(shape, groups, panels, width, half, lanes // half)


def _widths(n_bits: int, row_bits: int, out: int, groups: int) -> Iterator[tuple[int, int]]:
    """(panels, width) of panels that fill the memory with whole panels a group."""
    total, rest = divmod(n_bits, row_bits)
    if rest == 0 and total >= out and total % groups == 0:
        each = total // groups
        yield from ((groups * (each // n), n) for n in range(1, each + 1) if each % n == 0)


def _taps(symbols: Array) -> Array:
    """uint8 (O, 9, I)."""
    bits: Array = (symbols[:, None, :] >> np.arange(TAPS, dtype=np.uint16)[:, None] & 1).astype(np.uint8)
    return bits


def _turn(symbols: Array, turned: bytes) -> Array:
    """Symbols (out, inputs) with those of `turned` outputs negated."""
    if not turned:
        return symbols
    negated = np.unpackbits(np.frombuffer(turned, np.uint8), count=len(symbols), bitorder="little")
    kernels: Array = symbols ^ (negated * np.uint16(2**TAPS - 1))[:, None]
    return kernels


def _places(layout: Panels) -> Array:
    """int64 (out, 9, inputs): where the weights are, in bits."""
    o = np.arange(layout.out)
    o = o // layout.group_out * layout.group_capacity + o % layout.group_out
    rows = offsets(layout.outputs)[o][:, None, None] + offsets(layout.taps)[:TAPS, None]
    places: Array = rows + offsets(layout.channels)[: layout.inputs]
    return places


def _pair(memory: Array, layout: Panels) -> None:
    """The second word of every pair to ~(w1 ^ w2), in place."""
    words = memory.view("<u4")
    row = (offsets(layout.outputs)[:, None, None] + offsets(layout.taps)[:, None]) // WORD_BITS
    at = offsets(layout.channels)[::WORD_BITS].reshape(-1, 2, layout.half) // WORD_BITS
    first, second = (row + at[:, side].ravel() for side in (0, 1))
    words[second] = ~(words[first] ^ words[second])
