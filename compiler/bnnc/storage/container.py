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
from bnnc.storage import huffman
from bnnc.storage.entries import read_joined, read_sorted
from bnnc.storage.panels import Masks, Panels, fill, join

MAGIC = b"BNW1"
RAW, SYMBOLS, KERNELS, JOINED, SORTED = range(5)
_BLOB, _SECTION, _PANELS = struct.Struct("<4sIIIHH"), struct.Struct("<BBHIII"), struct.Struct("<HHHHHBB")
_PANELS_LIMIT = 1 << 16


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
    copies = len(masks.masks)
    assert max(layout.out, layout.inputs, layout.panels, layout.width) < _PANELS_LIMIT
    sizes = (layout.out, layout.inputs, layout.panels, layout.width)
    header = _PANELS.pack(*sizes, copies, layout.element, masks.order)
    return header + np.array(masks.masks, "<u2").tobytes() + huffman.encode(latent.ravel(), 9)


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
    out, inputs, panels, width, copies, element, order = _PANELS.unpack_from(payload)
    first = _PANELS.size + 2 * copies
    _require(min(out, inputs, copies) > 0 and out % copies == 0, "impossible panels")
    _require(out <= panels * width and element < 2 and order < min(copies, 2), "impossible panels")
    layout = Panels(out, inputs, panels, width, element)
    _require(layout.n_bytes == n_bytes and len(payload) >= first, "impossible panels")
    masks = np.frombuffer(payload, "<u2", copies, _PANELS.size)
    _require(masks[0] == 0 and masks.max() < 512, "impossible masks")
    symbol_bits, symbols = huffman.decode(payload[first:])
    _require(symbol_bits == 9 and len(symbols) == out // copies * inputs, "a wrong number of kernels")
    return fill(join(symbols.reshape(-1, inputs), Masks(tuple(masks.tolist()), order)), layout)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"not a blob of weights: {what}")
