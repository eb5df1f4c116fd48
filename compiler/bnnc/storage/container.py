"""Constants of a layer as one blob that a device decodes; docs/weights.md has the format.

    magic "BNW1", u32 bytes of the blob, u32 bytes decoded, u32 CRC-32 of what is decoded, u16 sections, u16 0
    per section: u8 form, u8 0, u16 0, u32 start, u32 bytes decoded, u32 bytes of the payload; the payload

Sections follow one another in the decoded memory, which is 0 between them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.ir.types import WORD_BITS
from bnnc.storage import huffman
from bnnc.storage.entries import read_joined, read_sorted
from bnnc.storage.panels import BITS, BYTES, TAPS, Masks, Panels, capacity, fill, join

MAGIC = b"BNW1"
RAW, SYMBOLS, KERNELS, JOINED, SORTED = range(5)
MAX_DIGITS, MAX_HALF = 6, 4
_BLOB, _SECTION = struct.Struct("<4sIIIHH"), struct.Struct("<BBHIII")
_PANELS, _DIGIT = struct.Struct("<HHHHHBBBBBBBB"), struct.Struct("<HI")


@dataclass(frozen=True)
class Section:
    """A piece of the decoded memory: `start` and size in bytes, and the coded `payload`."""

    form: int
    start: int
    n_bytes: int
    payload: bytes

    @property
    def stored_bytes(self) -> int:
        """The size in the blob."""
        return _SECTION.size + len(self.payload)


def symbols_payload(memory: bytes) -> bytes:
    """Bytes as Huffman-coded symbols of as many bits as the largest needs."""
    symbols = np.frombuffer(memory, np.uint8)
    return huffman.encode(symbols, max(1, int(symbols.max()).bit_length()))


def kernels_payload(latent: Array, masks: Masks, layout: Panels) -> bytes:
    """Kernels as Huffman-coded symbols of 9 bits, and where they go."""
    axes = (layout.outputs, layout.taps, layout.channels)
    header = _PANELS.pack(
        *(layout.out, layout.inputs, layout.group_out, layout.group_capacity, len(masks.masks)),
        *(layout.element, layout.half, masks.order, *map(len, axes), int(bool(layout.turned)), 0),
    )
    digits = b"".join(_DIGIT.pack(*digit) for axis in axes for digit in axis)
    masks_and_turns = np.array(masks.masks, "<u2").tobytes() + layout.turned
    return header + digits + masks_and_turns + huffman.encode(latent.ravel(), 9)


def write(sections: Sequence[Section], memory: bytes) -> bytes:
    """The blob of sections that decode to `memory`."""
    parts = [
        _SECTION.pack(s.form, 0, 0, s.start, s.n_bytes, len(s.payload)) + s.payload
        for s in sorted(sections, key=lambda section: section.start)
    ]
    size = _BLOB.size + sum(map(len, parts))
    return _BLOB.pack(MAGIC, size, len(memory), zlib.crc32(memory), len(parts), 0) + b"".join(parts)


def read(blob: bytes, n_bytes: int) -> bytes:
    """The memory of `n_bytes` that a blob decodes to; ValueError when it is damaged."""
    memory = decode_sections(blob, n_bytes)
    _require(zlib.crc32(memory) == _BLOB.unpack_from(blob)[3], "a wrong check sum")
    return memory


def decode_sections(blob: bytes, n_bytes: int) -> bytes:
    """As `read`, whatever the check sum is."""
    _require(len(blob) >= _BLOB.size and blob[:4] == MAGIC, "no blob of this version")
    _, size, decoded, _, count, zero = _BLOB.unpack_from(blob)
    _require((size, decoded, zero) == (len(blob), n_bytes, 0), "a size that does not fit")
    memory, end, at = bytearray(n_bytes), 0, _BLOB.size
    for _ in range(count):
        section, at = _section(blob, at)
        _require(end <= section.start and section.start + section.n_bytes <= n_bytes, "a misplaced section")
        end = section.start + section.n_bytes
        memory[section.start : end] = _decoded(section)
    _require(at == len(blob), "bytes behind the last section")
    return bytes(memory)


def _section(blob: bytes, at: int) -> tuple[Section, int]:
    """The section at `at`, and where the next one is."""
    _require(len(blob) - at >= _SECTION.size, "cut off")
    form, zero, zeros, start, n_bytes, size = _SECTION.unpack_from(blob, at)
    first = at + _SECTION.size
    _require(zero == zeros == 0 and first + size <= len(blob), "a damaged section")
    return Section(form, start, n_bytes, blob[first : first + size]), first + size


def _decoded(section: Section) -> bytes:
    _require(section.form <= SORTED, f"form {section.form} is unknown")
    memory = section.payload
    if section.form == SYMBOLS:
        symbol_bits, symbols = huffman.decode(section.payload)
        _require(symbol_bits <= 8, "symbols wider than bytes")
        memory = symbols.astype(np.uint8).tobytes()
    elif section.form == KERNELS:
        memory = _kernels(section.payload, section.n_bytes)
    elif section.form == JOINED:
        memory = read_joined(section.payload)
    elif section.form == SORTED:
        memory = read_sorted(section.payload, section.n_bytes)
    _require(len(memory) == section.n_bytes, "a section of the wrong size")
    return memory


def _kernels(payload: bytes, n_bytes: int) -> bytes:
    _require(len(payload) >= _PANELS.size, "cut off")
    *sizes, copies, element, half, order, a, b, c, turns, zero = _PANELS.unpack_from(payload)
    masks_at = _PANELS.size + _DIGIT.size * (a + b + c)
    turned_at = masks_at + 2 * copies
    first = turned_at + turns * -(-sizes[0] // 8)
    _require(copies > 0 and turns < 2 and zero == 0 and len(payload) >= first, "cut off")
    digits = tuple(_DIGIT.iter_unpack(payload[_PANELS.size : masks_at]))
    axes = digits[:a], digits[a : a + b], digits[a + b :]
    layout = Panels(sizes[0], sizes[1], sizes[2], sizes[3], *axes, element, half, payload[turned_at:first])
    _require(layout.out % copies == 0 and order < min(copies, 2), "impossible copies")
    _check_panels(layout, n_bytes)
    _require(int.from_bytes(layout.turned, "little") < 1 << layout.out, "outputs that there are not")
    masks = np.frombuffer(payload, "<u2", copies, masks_at)
    _require(masks[0] == 0 and masks.max() < 512, "impossible masks")
    symbol_bits, symbols = huffman.decode(payload[first:])
    wanted = layout.out // copies * layout.inputs
    _require(symbol_bits == 9 and len(symbols) == wanted, "a wrong number of kernels")
    latent = symbols.reshape(-1, layout.inputs)
    return fill(join(latent, Masks(tuple(masks.tolist()), order)), layout, n_bytes)


def _check_panels(layout: Panels, n_bytes: int) -> None:
    """Every weight has a place of its own: digits are nested, the steps of each go past all smaller ones."""
    out, group = layout.out, layout.group_out
    _require(min(out, layout.inputs, group) > 0 and out % group == 0, "no kernels")
    _require(layout.element <= BYTES and layout.half <= MAX_HALF, "an unknown element")
    _require(max(map(len, (layout.outputs, layout.taps, layout.channels))) <= MAX_DIGITS, "too many digits")
    digits = sorted((*layout.outputs, *layout.taps, *layout.channels), key=lambda digit: digit[1])
    unit = 8 if layout.element == BYTES else 1
    end = unit
    for extent, stride in digits:
        _require(extent > 1 and stride % unit == 0 and stride >= end, "digits that overlap")
        end += (extent - 1) * stride
    _require(end <= 8 * n_bytes, "kernels beyond the memory")
    _require(group <= layout.group_capacity, "groups that overlap")
    _require(out // group * layout.group_capacity <= capacity(layout.outputs), "too many outputs")
    _require(capacity(layout.taps) == TAPS and layout.inputs <= capacity(layout.channels), "too many inputs")
    if layout.half:
        whole = layout.element == BITS and n_bytes % 4 == 0 and layout.channels[:1] == ((WORD_BITS, 1),)
        whole = whole and all(stride % WORD_BITS == 0 for _, stride in digits[1:])
        pairs = capacity(layout.channels) % (2 * layout.half * WORD_BITS) == 0
        _require(whole and pairs, "words that are no pairs")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"not a blob of weights: {what}")
