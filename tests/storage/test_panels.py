"""Binary 3x3 kernels as symbols, in panels, and as copies under masks."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.storage.panels import (
    BITS,
    BYTES,
    Masks,
    Panels,
    fill,
    find_panels,
    join,
    kernel_symbols,
    mask_forms,
)


def random_symbols(out: int, inputs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 512, (out, inputs), np.uint16)


def test_a_tap_is_a_bit() -> None:
    weights = np.full((1, 3, 3, 1), -1, np.int8)
    weights[0, 0, 0], weights[0, 1, 2], weights[0, 2, 2] = 1, 1, 1
    assert kernel_symbols(weights).tolist() == [[1 << 0 | 1 << 5 | 1 << 8]]


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("element", [BITS, BYTES])
@pytest.mark.parametrize(
    ("out", "inputs", "width"), [(1, 1, 1), (5, 31, 4), (8, 32, 4), (9, 33, 8), (3, 65, 16)]
)
def test_where_weights_lie_in_panels(out: int, inputs: int, width: int, element: int, spare: int) -> None:
    """Element by element, as the docstring says."""
    layout = Panels(out, inputs, -(-out // width) + spare, width, element)
    weights = np.where(np.random.default_rng(1).random((out, 3, 3, inputs)) < 0.5, -1, 1)
    memory = fill(kernel_symbols(weights), layout)
    assert len(memory) == layout.n_bytes
    shape = (layout.panels, 9, -1, width)
    cells = np.frombuffer(memory, "<u4" if element == BITS else np.int8).reshape(shape)
    for o in range(layout.panels * width):
        for t in range(9):
            for c in range(cells.shape[2] * (32 if element == BITS else 1)):
                cell = int(cells[o // width, t, c // 32 if element == BITS else c, o % width])
                is_weight = o < out and c < inputs
                weight = int(weights[o, t // 3, t % 3, c]) if is_weight else 0
                assert (cell >> c % 32 & 1 if element == BITS else cell) == (
                    weight > 0 if element == BITS else weight
                )


@pytest.mark.parametrize("element", [BITS, BYTES])
@pytest.mark.parametrize("width", [1, 4, 8, 32])
def test_panels_are_found(width: int, element: int) -> None:
    symbols = random_symbols(40, 33)
    layout = Panels(40, 33, 64 // width, width, element)
    assert find_panels(symbols, fill(symbols, layout)) == layout


def test_other_memory_is_no_panels() -> None:
    symbols = random_symbols(8, 32)
    memory = bytearray(fill(symbols, Panels(8, 32, 2, 4, BITS)))
    memory[7] ^= 1
    assert find_panels(symbols, bytes(memory)) is None
    assert find_panels(symbols, bytes(memory[:-1])) is None
    assert find_panels(symbols, b"") is None


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("copies", [2, 3, 4, 16])
def test_copies_under_masks_are_found(copies: int, order: int) -> None:
    latent = random_symbols(6, 5)
    masks = Masks((0, *np.random.default_rng(copies).integers(1, 512, copies - 1).tolist()), order)
    symbols = join(latent, masks)
    assert symbols.shape == (6 * copies, 5)
    forms = list(mask_forms(symbols))
    assert any(found == masks and np.array_equal(kernels, latent) for found, kernels in forms)
    assert all(np.array_equal(join(kernels, found), symbols) for found, kernels in forms)


def test_the_order_of_copies() -> None:
    latent = np.array([[0b1], [0b10]], np.uint16)
    masks = (0, 0b100)
    assert join(latent, Masks(masks, 0)).ravel().tolist() == [0b1, 0b101, 0b10, 0b110]
    assert join(latent, Masks(masks, 1)).ravel().tolist() == [0b1, 0b10, 0b101, 0b110]


def test_a_single_differing_bit_refuses_masks() -> None:
    symbols = join(random_symbols(8, 7), Masks((0, 5), 0))
    symbols[11, 3] ^= 1
    assert list(mask_forms(symbols)) == []
