"""The smallest form of a layer's constants, and what the reader of blobs refuses."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bnnc.storage import container, layer, sparse
from bnnc.storage.entries import joined, read_sorted, sorted_by_code
from bnnc.storage.panels import BITS, BYTES, Masks, fill, join, plain_panels


def memory_of(symbols: np.ndarray, width: int, element: int) -> bytes:
    """Kernels in plain panels."""
    row = {BITS: 4 * -(-symbols.shape[1] // 32), BYTES: symbols.shape[1]}[element]
    number = -(-len(symbols) // width)
    layout = plain_panels((len(symbols), symbols.shape[1]), 1, number, width, element)
    return fill(symbols, layout, number * width * 9 * row)


def skewed(out: int, inputs: int, seed: int = 0) -> np.ndarray:
    """Kernels of which a few are frequent."""
    rng = np.random.default_rng(seed)
    return rng.choice(512, (out, inputs), p=rng.dirichlet(np.full(512, 0.1))).astype(np.uint16)


def stored(
    memory: bytes, *parts: layer.Part, known: layer.Kernels | layer.Sparse | None = None
) -> layer.Stored:
    made = layer.store(memory, parts or ((0, len(memory)),), known)
    assert (container.read(made.data, len(memory)) if made.is_coded else made.data) == memory
    return made


def forms(made: layer.Stored) -> tuple[str, ...]:
    """How each part is stored; the sizes add up."""
    if made.is_coded:
        assert sum(part.stored_bytes for part in made.parts) + 20 == len(made.data)
    return tuple(part.form for part in made.parts)


def test_random_kernels_stay_raw() -> None:
    kernels = np.random.default_rng(0).integers(0, 512, (64, 64), np.uint16)
    memory = memory_of(kernels, 16, BITS)
    made = stored(memory, known=layer.Kernels(kernels))
    assert forms(made) == ("raw",) and made.data is memory and not made.is_coded


def test_frequent_kernels_are_coded() -> None:
    kernels = skewed(128, 128)
    made = stored(memory_of(kernels, 16, BITS), known=layer.Kernels(kernels))
    assert forms(made) == ("kernels",) and len(made.data) < 0.75 * made.n_bytes


def test_masked_kernels_are_stored_once() -> None:
    latent = np.random.default_rng(1).integers(0, 512, (64, 64), np.uint16)
    kernels = join(latent, Masks((0, 7, 100, 511), 0))
    made = stored(memory_of(kernels, 16, BITS), known=layer.Kernels(kernels))
    assert forms(made) == ("masked kernels",) and len(made.data) < 0.3 * made.n_bytes


def test_signs_in_bytes_take_a_bit() -> None:
    kernels = np.random.default_rng(2).integers(0, 512, (64, 64), np.uint16)
    made = stored(memory_of(kernels, 16, BYTES), known=layer.Kernels(kernels))
    assert forms(made) == ("symbols",) and len(made.data) < 0.14 * made.n_bytes
    kernels = skewed(64, 64)
    assert forms(stored(memory_of(kernels, 16, BYTES), known=layer.Kernels(kernels))) == ("kernels",)


def test_every_part_has_its_own_form() -> None:
    rng, kernels = np.random.default_rng(3), skewed(32, 32)
    panels, few = memory_of(kernels, 8, BITS), bytes(rng.integers(0, 4, 1000, np.uint8))
    noise = rng.bytes(100)
    memory = panels + bytes(64) + few + noise
    parts = ((0, len(panels)), (len(panels) + 64, 1000), (len(panels) + 1064, 100), (len(memory), 0))
    assert forms(stored(memory, *parts, known=layer.Kernels(kernels))) == ("kernels", "symbols", "raw")


def aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 64) * 64, b"\0")


def pruned(out: int, features: int, seed: int = 0) -> np.ndarray:
    """One weight in ten, of 15 values around 0 of which the small ones are frequent."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.laplace(0, 2, (out, features))).clip(-7, 7).astype(np.int16)
    return np.where(rng.random((out, features)) < 0.1, values * 100, 0)


@pytest.mark.parametrize(("gap_bits", "element"), [(4, 1), (6, 2)])
def test_gaps_and_codes_side_by_side(gap_bits: int, element: int) -> None:
    """In one byte and in two, beside other arrays."""
    weights = sparse.encode(pruned(80, 1000), gap_bits)
    entries = joined(weights)
    assert entries.element == element
    rows = aligned(weights.rows.tobytes())
    memory = rows + entries.memory()
    parts = ((0, weights.rows.nbytes), (len(rows), len(entries.memory())))
    made = stored(memory, *parts, known=layer.Sparse(weights, 1000))
    # Fillers have a code of their own: where there are many, gap and code are one symbol of a byte.
    assert forms(made) == ("symbols", "gaps and codes" if element == 2 else "symbols")
    assert made.parts[1].stored_bytes < 0.85 * made.parts[1].n_bytes


@pytest.mark.parametrize(("features", "element"), [(300, 2), (70_000, 4)])
def test_columns_sorted_by_code(features: int, element: int) -> None:
    """Two arrays of the program are one part of the blob."""
    weights = sparse.encode(pruned(10, features))
    used = np.unique(weights.table[weights.codes])
    n_segments = 10 * int(np.count_nonzero(used))
    columns_at = len(aligned(bytes(4 * (n_segments + 1))))
    nonzeros = sorted_by_code(weights, features, columns_at, element)
    assert nonzeros.n_rows * nonzeros.n_codes == n_segments
    memory = aligned(b"front") + nonzeros.memory() + b"behind"
    columns = (64 + columns_at, element * len(nonzeros.codes))
    parts = ((0, 5), (64, 4 * (n_segments + 1)), columns, (len(memory) - 6, 6))
    made = stored(memory, *parts, known=layer.Sparse(weights, features))
    assert forms(made) == ("raw", "gaps and codes", "raw")
    assert made.parts[1].stored_bytes < 0.6 * made.parts[1].n_bytes


def test_what_sorted_columns_are() -> None:
    """Row 0 has weights 5, 5, -2 at columns 0, 3, 4; row 1 none; row 2 has 5 at column 400."""
    weights = np.zeros((3, 401), np.int16)
    weights[0, [0, 3]], weights[0, 4], weights[2, 400] = 5, -2, 5
    nonzeros = sorted_by_code(sparse.encode(weights), 401, 28, 2)
    ends, columns = [0, 1, 3, 3, 3, 3, 4], [4, 0, 3, 400]
    assert nonzeros.memory() == np.array(ends, "<i4").tobytes() + np.array(columns, "<u2").tobytes()
    assert read_sorted(nonzeros.payload(), len(nonzeros.memory())) == nonzeros.memory()


def test_no_constants() -> None:
    made = layer.store(b"", (), None)
    assert made == layer.Stored(b"", 0, ()) and not made.is_coded


def test_padding_between_parts_is_left_out() -> None:
    memory = (b"part" + bytes(60)) * 40
    made = stored(memory, *((start, 4) for start in range(0, len(memory), 64)))
    assert made.is_coded and set(forms(made)) == {"raw"} and len(made.data) == 20 + 40 * 20


def test_the_same_bytes_again() -> None:
    kernels = skewed(64, 32)
    memory = memory_of(kernels, 16, BITS)
    assert stored(memory, known=layer.Kernels(kernels)) == stored(memory, known=layer.Kernels(kernels.copy()))


def blob() -> tuple[bytes, bytes]:
    """A blob with every form in it, and what it decodes to."""
    kernels, few = skewed(8, 32), bytes([1, 2, 1, 1] * 20)
    panels = memory_of(kernels, 4, BITS)
    memory = panels + bytes(3) + few + b"raw"
    sections = [
        container.Section(container.RAW, len(memory) - 3, 3, b"raw"),
        container.Section(container.SYMBOLS, len(panels) + 3, 80, container.symbols_payload(few)),
        container.Section(
            container.KERNELS,
            0,
            len(panels),
            container.kernels_payload(kernels, Masks((0,), 0), plain_panels((8, 32), 1, 2, 4, BITS)),
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
