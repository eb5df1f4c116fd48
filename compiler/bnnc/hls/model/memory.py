"""What memories take: block RAM, UltraRAM and memories of lookup tables. Depths in words, widths in bits."""

from __future__ import annotations

from bnnc.hls.model.resources import NOTHING, Resources

BRAM18_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
BRAM_DEPTH = 32768  # of the narrowest block of 36 kbit: deeper memories are stacked
URAM_DEPTH, URAM_BITS = 4096, 72
BEAT_BITS = 64  # of a word that fills an UltraRAM
SMALL_BITS = 1024  # arrays and FIFOs up to this size stay in lookup tables when nobody says where they lie
FIFO_LUTS, FIFO_FFS = 12, 8  # flags of a FIFO
LUT, BRAM, URAM, DDR = "lut", "bram", "uram", "ddr"
MAX_LUT_DEPTH = 128  # of weights that lie in lookup tables when nobody says where
MEMORY_PORT = Resources(lut=700, ff=830, bram18=4)
"""A port that reads memory in bursts of words of 64 bits, as synthesis reports of Vitis HLS have it."""


def bram18s(depth: int, bits: int) -> int:
    """Block RAMs of 18 kbit, side by side: each as deep as the memory, if need be with unused depth.

    Vivado builds memories so, because blocks above each other need a multiplexer. UG473 and UG573 have the
    shapes of a block.
    """
    stacks, rest = divmod(depth, BRAM_DEPTH)
    return 2 * stacks * bits + (_one_stack(rest, bits) if rest else 0)


def _one_stack(depth: int, bits: int) -> int:
    for block_depth, block_bits in BRAM18_SHAPES:
        if depth <= block_depth:
            return -(-bits // block_bits)
    return 2 * bits


def urams(depth: int, bits: int) -> int:
    """UltraRAMs of 4096 words of 72 bits."""
    return -(-depth // URAM_DEPTH) * -(-bits // URAM_BITS)


def lut_rom(depth: int, bits: int) -> int:
    """Lookup tables for words that have nothing in common.

    A table of six inputs holds 64 bits, or 32 words of 2 bits. Up to four of them are joined by the
    multiplexers of the slice, more by a table for every three further ones.
    """
    if depth <= 1:
        return 0
    if depth <= 32:
        return -(-bits // 2)
    quarters = -(-depth // 256)
    return bits * (-(-depth // 64) + -(-(quarters - 1) // 3))


def lut_ram(depth: int, bits: int) -> int:
    """Lookup tables for a memory with a port to write and one to read: RAM32M and RAM64M have 4 each."""
    if depth <= 32:
        return 4 * -(-bits // 6)
    return -(-depth // 64) * 4 * -(-bits // 3) + (lut_rom(depth, bits) - -(-depth // 64) * bits)


def is_small(depth: int, bits: int) -> bool:
    """Whether an array stays in lookup tables when nobody says where it lies."""
    return depth * bits <= SMALL_BITS


def default_rom(depth: int, bits: int) -> str:
    """Where constants lie when nobody says where."""
    return LUT if is_small(depth, bits) else BRAM


def rom_cost(depth: int, bits: int, storage: str | None = None, copies: int = 1) -> Resources:
    """Constants: `copies` arrays in lookup tables (lut) or block RAM (bram), None for the tool's own choice.

    A single word is part of the logic that reads it.
    """
    if depth <= 1:
        return NOTHING
    if (storage or default_rom(depth, bits)) == LUT:
        return Resources(lut=lut_rom(depth, bits), ff=bits) * copies
    return Resources(bram18=bram18s(depth, bits)) * copies


def weights_cost(depth: int, bits: int, elements: int, storage: str | None = None) -> Resources:
    """A word of `bits` bits for each processing element in every step.

    storage: lut, an array for each element; bram, banks that they share; uram, filled through a port; ddr,
    read through one. None: tables if they are not deep.
    """
    if depth <= 1 and storage in (None, LUT, BRAM):
        return NOTHING
    match storage or (LUT if depth <= MAX_LUT_DEPTH else BRAM):
        case "lut":
            return rom_cost(depth, bits, LUT, elements)
        case "uram":
            banks = -(-bits * elements // BEAT_BITS)
            return MEMORY_PORT + Resources(uram=banks * urams(depth, BEAT_BITS))
        case "ddr":
            return MEMORY_PORT + Resources(ff=2 * bits * elements)
        case _:
            return Resources(bram18=bram18s(depth, bits * elements))


def ram_cost(depth: int, bits: int, copies: int = 1) -> Resources:
    """Arrays that are written and read, where the tool puts them."""
    if depth <= 1:
        return Resources(ff=bits) * copies
    if is_small(depth, bits):
        return Resources(lut=lut_ram(depth, bits), ff=bits) * copies
    return Resources(bram18=bram18s(depth, bits)) * copies


def fifo_cost(depth: int, bits: int) -> Resources:
    """A FIFO of shift registers (two of 16 words, or one of 32, in a lookup table), or of block RAM."""
    counters = 2 * depth.bit_length()
    if is_small(depth, bits) or depth <= 16:
        srls = -(-bits // 2) if depth <= 16 else bits * -(-depth // 32)
        return Resources(lut=srls + FIFO_LUTS + counters // 2, ff=FIFO_FFS + counters // 2)
    blocks = bram18s(depth, bits)
    return Resources(lut=2 * FIFO_LUTS + 2 * counters, ff=bits + FIFO_FFS + 2 * counters, bram18=blocks)
