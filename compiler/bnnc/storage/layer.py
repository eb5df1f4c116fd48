"""The constants of a layer in their smallest stored form, proven to come back bit by bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.storage import container, huffman
from bnnc.storage.container import KERNELS, RAW, SYMBOLS, Section
from bnnc.storage.panels import NO_MASKS, find_panels, mask_forms

Part = tuple[int, int]  # start and size in bytes of an array among the constants


@dataclass(frozen=True)
class StoredPart:
    """An array of `n_bytes` in `stored_bytes`.

    The form is raw, symbols (of at most 8 bits), kernels (of 9 bits) or masked kernels.
    """

    form: str
    n_bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Stored:
    """What is stored of `n_bytes` of constants: a blob, or themselves where a blob would not be smaller."""

    data: bytes
    n_bytes: int
    parts: tuple[StoredPart, ...]

    @property
    def is_coded(self) -> bool:
        """Whether a device has to decode it."""
        return len(self.data) < self.n_bytes


@dataclass(frozen=True)
class _Form:
    """A way to store a part."""

    name: str
    section: Section

    @property
    def part(self) -> StoredPart:
        return StoredPart(self.name, self.section.n_bytes, self.section.stored_bytes)


def store(memory: bytes, parts: Sequence[Part], kernels: Array | None = None) -> Stored:
    """The smallest form of constants in `memory`, where `parts` lie.

    kernels uint16 (O, I): the 9-bit symbols of the layer's binary 3x3 kernels, which one part may hold.
    """
    whole = [part for part in parts if part[1]]
    forms = [_smallest(memory[start : start + size], start, kernels) for start, size in whole]
    blob = container.write([form.section for form in forms], memory)
    if len(blob) >= len(memory):
        return Stored(memory, len(memory), tuple(StoredPart("raw", size, size) for _, size in whole))
    if container.read(blob, len(memory)) != memory:
        raise AssertionError("the stored form of a layer does not decode to its constants")
    return Stored(blob, len(memory), tuple(form.part for form in forms))


def _smallest(memory: bytes, start: int, kernels: Array | None) -> _Form:
    """The first of the smallest forms."""
    forms = _forms(memory, start, kernels)
    return min(forms, key=lambda form: form.section.stored_bytes)


def _forms(memory: bytes, start: int, kernels: Array | None) -> Iterator[_Form]:
    n_bytes = len(memory)
    yield _Form("raw", Section(RAW, start, n_bytes, memory))
    if huffman.stream_bytes(huffman.histogram(np.frombuffer(memory, np.uint8))) < n_bytes:
        yield _Form("symbols", Section(SYMBOLS, start, n_bytes, container.symbols_payload(memory)))
    layout = find_panels(kernels, memory) if kernels is not None else None
    if kernels is None or layout is None:
        return
    plain = container.kernels_payload(kernels, NO_MASKS, layout)
    yield _Form("kernels", Section(KERNELS, start, n_bytes, plain))
    for masks, latent in mask_forms(kernels):
        payload = container.kernels_payload(latent, masks, layout)
        yield _Form("masked kernels", Section(KERNELS, start, n_bytes, payload))
