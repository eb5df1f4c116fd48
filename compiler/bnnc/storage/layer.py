"""The constants of a layer in their smallest stored form, proven to come back bit by bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array
from bnnc.storage import container, huffman
from bnnc.storage.container import JOINED, KERNELS, RAW, SORTED, SYMBOLS, Section
from bnnc.storage.entries import find_sorted, joined
from bnnc.storage.panels import NO_MASKS, find_panels, mask_forms
from bnnc.storage.sparse import SparseWeights

Part = tuple[int, int]  # start and size in bytes of an array among the constants


@dataclass(frozen=True)
class StoredPart:
    """An array of `n_bytes` in `stored_bytes`.

    The form is raw, symbols (of at most 8 bits), kernels (of 9 bits), masked kernels, or gaps and codes.
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
class Kernels:
    """Binary 3x3 kernels as 9-bit symbols uint16 (O, I), in so many groups."""

    symbols: Array
    groups: int = 1


@dataclass(frozen=True)
class Sparse:
    """A sparse layer and how many inputs it has."""

    weights: SparseWeights
    features: int


@dataclass(frozen=True)
class _Form:
    """A way to store a part."""

    name: str
    section: Section

    @property
    def part(self) -> StoredPart:
        return StoredPart(self.name, self.section.n_bytes, self.section.stored_bytes)


def store(memory: bytes, parts: Sequence[Part], known: Kernels | Sparse | None = None) -> Stored:
    """The smallest form of constants in `memory`, where `parts` lie.

    known: what is in them, if it is of a kind that has a form of its own.
    """
    whole = [part for part in parts if part[1]]
    if isinstance(known, Sparse):
        whole = _with_segments(memory, whole, known)
    forms = [_smallest(memory[start : start + size], start, known) for start, size in whole]
    blob = container.write([form.section for form in forms], memory)
    if len(blob) >= len(memory):
        return Stored(memory, len(memory), tuple(StoredPart("raw", size, size) for _, size in whole))
    if container.read(blob, len(memory)) != memory:
        raise AssertionError("the stored form of a layer does not decode to its constants")
    return Stored(blob, len(memory), tuple(form.part for form in forms))


def _smallest(memory: bytes, start: int, known: Kernels | Sparse | None) -> _Form:
    """The first of the smallest forms."""
    return min(_forms(memory, start, known), key=lambda form: form.section.stored_bytes)


def _forms(memory: bytes, start: int, known: Kernels | Sparse | None) -> Iterator[_Form]:
    n_bytes = len(memory)
    yield _Form("raw", Section(RAW, start, n_bytes, memory))
    if huffman.stream_bytes(huffman.histogram(np.frombuffer(memory, np.uint8))) < n_bytes:
        yield _Form("symbols", Section(SYMBOLS, start, n_bytes, container.symbols_payload(memory)))
    if isinstance(known, Sparse):
        yield from _sparse_forms(memory, start, known)
    elif known is not None:
        yield from _kernel_forms(memory, start, known)


def _kernel_forms(memory: bytes, start: int, known: Kernels) -> Iterator[_Form]:
    layout = find_panels(known.symbols, known.groups, memory)
    if layout is None:
        return
    plain = container.kernels_payload(known.symbols, NO_MASKS, layout)
    yield _Form("kernels", Section(KERNELS, start, len(memory), plain))
    for masks, latent in mask_forms(known.symbols):
        payload = container.kernels_payload(latent, masks, layout)
        yield _Form("masked kernels", Section(KERNELS, start, len(memory), payload))


def _sparse_forms(memory: bytes, start: int, known: Sparse) -> Iterator[_Form]:
    entries = joined(known.weights)
    if entries.memory() == memory:
        yield _Form("gaps and codes", Section(JOINED, start, len(memory), entries.payload()))
    nonzeros = find_sorted(known.weights, known.features, memory)
    if nonzeros is not None:
        yield _Form("gaps and codes", Section(SORTED, start, len(memory), nonzeros.payload()))


def _with_segments(memory: bytes, parts: list[Part], known: Sparse) -> list[Part]:
    """Ends of segments and their columns, which are stored together, as one part."""
    for i, (start, size) in enumerate(parts[:-1]):
        end = sum(parts[i + 1])
        if size > 4 and find_sorted(known.weights, known.features, memory[start:end]):
            return [*parts[:i], (start, end - start), *parts[i + 2 :]]
    return parts
