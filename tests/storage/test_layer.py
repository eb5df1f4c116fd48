"""The smallest form of a layer's constants, and what the reader of blobs refuses."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bnnc.storage import container, layer
from bnnc.storage.panels import BITS, BYTES, Masks, Panels, fill, join


def skewed(out: int, inputs: int, seed: int = 0) -> np.ndarray:
    """Kernels of which a few are frequent."""
    rng = np.random.default_rng(seed)
    return rng.choice(512, (out, inputs), p=rng.dirichlet(np.full(512, 0.1))).astype(np.uint16)


def stored(memory: bytes, *parts: layer.Part, kernels: np.ndarray | None = None) -> layer.Stored:
    made = layer.store(memory, parts or ((0, len(memory)),), kernels)
    assert (container.read(made.data, len(memory)) if made.is_coded else made.data) == memory
    return made


def forms(made: layer.Stored) -> tuple[str, ...]:
    """How each part is stored; the sizes add up."""
    if made.is_coded:
        assert sum(part.stored_bytes for part in made.parts) + 20 == len(made.data)
    return tuple(part.form for part in made.parts)


def test_random_kernels_stay_raw() -> None:
    kernels = np.random.default_rng(0).integers(0, 512, (64, 64), np.uint16)
    memory = fill(kernels, Panels(64, 64, 4, 16, BITS))
    made = stored(memory, kernels=kernels)
    assert forms(made) == ("raw",) and made.data is memory and not made.is_coded


def test_frequent_kernels_are_coded() -> None:
    kernels = skewed(128, 128)
    made = stored(fill(kernels, Panels(128, 128, 8, 16, BITS)), kernels=kernels)
    assert forms(made) == ("kernels",) and len(made.data) < 0.75 * made.n_bytes


def test_masked_kernels_are_stored_once() -> None:
    latent = np.random.default_rng(1).integers(0, 512, (64, 64), np.uint16)
    kernels = join(latent, Masks((0, 7, 100, 511), 0))
    made = stored(fill(kernels, Panels(256, 64, 16, 16, BITS)), kernels=kernels)
    assert forms(made) == ("masked kernels",) and len(made.data) < 0.3 * made.n_bytes


def test_signs_in_bytes_take_a_bit() -> None:
    kernels = np.random.default_rng(2).integers(0, 512, (64, 64), np.uint16)
    made = stored(fill(kernels, Panels(64, 64, 4, 16, BYTES)), kernels=kernels)
    assert forms(made) == ("symbols",) and len(made.data) < 0.14 * made.n_bytes
    kernels = skewed(64, 64)
    assert forms(stored(fill(kernels, Panels(64, 64, 4, 16, BYTES)), kernels=kernels)) == ("kernels",)


def test_every_part_has_its_own_form() -> None:
    rng, kernels = np.random.default_rng(3), skewed(32, 32)
    panels, few = fill(kernels, Panels(32, 32, 4, 8, BITS)), bytes(rng.integers(0, 4, 1000, np.uint8))
    noise = rng.bytes(100)
    memory = panels + bytes(64) + few + noise
    parts = ((0, len(panels)), (len(panels) + 64, 1000), (len(panels) + 1064, 100), (len(memory), 0))
    assert forms(stored(memory, *parts, kernels=kernels)) == ("kernels", "symbols", "raw")


def test_no_constants() -> None:
    made = layer.store(b"", (), None)
    assert made == layer.Stored(b"", 0, ()) and not made.is_coded


def test_padding_between_parts_is_left_out() -> None:
    memory = (b"part" + bytes(60)) * 40
    made = stored(memory, *((start, 4) for start in range(0, len(memory), 64)))
    assert made.is_coded and set(forms(made)) == {"raw"} and len(made.data) == 20 + 40 * 20


def test_the_same_bytes_again() -> None:
    kernels = skewed(64, 32)
    memory = fill(kernels, Panels(64, 32, 4, 16, BITS))
    assert stored(memory, kernels=kernels) == stored(memory, kernels=kernels.copy())


def blob() -> tuple[bytes, bytes]:
    """A blob with every form in it, and what it decodes to."""
    kernels, few = skewed(8, 32), bytes([1, 2, 1, 1] * 20)
    panels = fill(kernels, Panels(8, 32, 2, 4, BITS))
    memory = panels + bytes(3) + few + b"raw"
    sections = [
        container.Section(container.RAW, len(memory) - 3, 3, b"raw"),
        container.Section(container.SYMBOLS, len(panels) + 3, 80, container.symbols_payload(few)),
        container.Section(
            container.KERNELS,
            0,
            len(panels),
            container.kernels_payload(kernels, Masks((0,), 0), Panels(8, 32, 2, 4, BITS)),
        ),
    ]
    return container.write(sections, memory), memory


def test_every_truncation_is_refused() -> None:
    whole, memory = blob()
    assert container.read(whole, len(memory)) == memory
    for n in range(len(whole)):
        with pytest.raises(ValueError, match="not a"):
            container.read(whole[:n], len(memory))
    with pytest.raises(ValueError, match="size"):
        container.read(whole + b"\0", len(memory))
    with pytest.raises(ValueError, match="size"):
        container.read(whole, len(memory) + 1)


def test_every_flipped_byte_is_refused() -> None:
    """By its check sum at the latest."""
    whole, memory = blob()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x41
        with pytest.raises(ValueError, match="not a"):
            container.read(bytes(damaged), len(memory))


def test_the_bytes_of_a_blob() -> None:
    memory = b"\7" * 8 + b"\0" * 8
    section = container.Section(container.SYMBOLS, 0, 8, container.symbols_payload(memory[:8]))
    head = struct.pack("<4sIIIHH", b"BNW1", 53, 16, 0x5A2A0C63, 1, 0)
    body = struct.pack("<BBHIII", 1, 0, 0, 0, 8, 17) + struct.pack("<BBHII", 3, 0, 0, 8, 8)
    made = container.write([section], memory)
    assert (made[:12], made[16:20], made[20:]) == (head[:12], head[16:], body + bytes([1, 0, 0, 0x10, 0xFF]))
