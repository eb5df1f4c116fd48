"""Binary 3x3 kernels as symbols, in panels, and as copies under masks."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.storage.panels import (
    BITS,
    BYTES,
    SIGNS,
    Masks,
    Panels,
    fill,
    find_panels,
    join,
    kernel_symbols,
    mask_forms,
    paired_panels,
    plain_panels,
    run_panels,
)

SHAPES = [(1, 1, 8, 1), (5, 31, 8, 1), (8, 32, 8, 2), (9, 33, 16, 3), (6, 65, 8, 2), (12, 100, 24, 1)]


def random_symbols(out: int, inputs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 512, (out, inputs), np.uint16)


def in_groups(values: np.ndarray, groups: int, width: int, spare: int = 0) -> np.ndarray:
    """(O, ...) to (panels, width, ...): every group filled up with 0 to whole panels, and `spare` ones."""
    split = values.reshape(groups, -1, *values.shape[1:])
    panels = -(-split.shape[1] // width) + spare
    padded = np.zeros((groups, panels * width, *values.shape[1:]), values.dtype)
    padded[:, : split.shape[1]] = split
    return padded.reshape(groups * panels, width, *values.shape[1:])


def words(signs: np.ndarray) -> np.ndarray:
    """Weights (O, 9, I) to uint32 (O, 9, words)."""
    bits = np.zeros((*signs.shape[:2], -(-signs.shape[2] // 32) * 32), np.uint8)
    bits[..., : signs.shape[2]] = signs > 0
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4")


def arranged(signs: np.ndarray, groups: int, width: int, element: int, spare: int) -> bytes:
    """Weights (O, 9, I) in plain panels, by NumPy's own means."""
    if element == SIGNS:
        rows = np.moveaxis(in_groups(signs, groups, width, spare), 1, -1)
        return np.packbits(rows < 0, axis=-1, bitorder="little").tobytes()
    cells = words(signs) if element == BITS else signs
    return np.moveaxis(in_groups(cells, groups, width, spare), 1, -1).tobytes()


def paired(signs: np.ndarray, groups: int, width: int, half: int, at_once: int) -> bytes:
    """Weights (O, 9, I) in registers of pairs of words."""
    plain = words(signs)
    pairs = -(-plain.shape[2] // (2 * half))
    padded = np.zeros((*plain.shape[:2], 2 * half * pairs), np.uint32)
    padded[..., : plain.shape[2]] = plain
    split = in_groups(padded, groups, width).reshape(-1, 9, pairs, 2, half)
    both = np.stack([split[:, :, :, 0], ~(split[:, :, :, 0] ^ split[:, :, :, 1])], axis=3)
    registers = both.reshape(-1, width // at_once, at_once, 9, pairs, 2, half)
    return np.ascontiguousarray(registers.transpose(0, 3, 4, 1, 5, 2, 6)).tobytes()


def signs_of(symbols: np.ndarray) -> np.ndarray:
    """int8 (O, 9, I)."""
    return (2 * (symbols[:, None, :] >> np.arange(9)[:, None] & 1) - 1).astype(np.int8)


def test_a_tap_is_a_bit() -> None:
    weights = np.full((1, 3, 3, 1), -1, np.int8)
    weights[0, 0, 0], weights[0, 1, 2], weights[0, 2, 2] = 1, 1, 1
    assert kernel_symbols(weights).tolist() == [[1 << 0 | 1 << 5 | 1 << 8]]


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("element", [BITS, SIGNS, BYTES])
@pytest.mark.parametrize(("out", "inputs", "width", "groups"), SHAPES)
def test_plain_panels(out: int, inputs: int, width: int, groups: int, element: int, spare: int) -> None:
    symbols = random_symbols(out, inputs)
    memory = arranged(signs_of(symbols), groups, width, element, spare)
    panels = groups * (-(-out // (groups * width)) + spare)
    layout = plain_panels((out, inputs), groups, panels, width, element)
    assert fill(symbols, layout, len(memory)) == memory
    found = find_panels(symbols, groups, memory)
    assert found is not None and fill(symbols, found, len(memory)) == memory


@pytest.mark.parametrize(("half", "lanes"), [(1, 4), (1, 8), (2, 4), (2, 16), (4, 4), (4, 16)])
@pytest.mark.parametrize(("out", "inputs", "width", "groups"), SHAPES)
def test_paired_panels(out: int, inputs: int, width: int, groups: int, lanes: int, half: int) -> None:
    symbols = random_symbols(out, inputs)
    at_once = lanes // half
    memory = paired(signs_of(symbols), groups, width, half, at_once)
    panels = groups * -(-out // (groups * width))
    layout = paired_panels((out, inputs), groups, panels, width, half, at_once)
    assert fill(symbols, layout, len(memory)) == memory
    found = find_panels(symbols, groups, memory)
    assert found is not None and fill(symbols, found, len(memory)) == memory


@pytest.mark.parametrize("element", [SIGNS, BYTES])
@pytest.mark.parametrize(("out", "inputs", "width", "run"), [(9, 4, 8, 4), (40, 36, 12, 4), (8, 96, 8, 32)])
def test_panels_of_runs(out: int, inputs: int, width: int, run: int, element: int) -> None:
    symbols = random_symbols(out, inputs)
    rows = in_groups(signs_of(symbols), 1, width)
    runs = rows.reshape(-1, width, 9 * inputs // run, run).transpose(0, 2, 1, 3)
    memory = (np.packbits(runs < 0, bitorder="little") if element == SIGNS else runs).tobytes()
    layout = run_panels((out, inputs), len(rows), width, run, element)
    assert fill(symbols, layout, len(memory)) == memory
    found = find_panels(symbols, 1, memory)
    assert found is not None and fill(symbols, found, len(memory)) == memory


@pytest.mark.parametrize("element", [BITS, SIGNS, BYTES])
def test_outputs_that_are_negated_are_found(element: int) -> None:
    symbols = random_symbols(11, 40)
    turned = np.arange(11) % 3 == 1
    memory = arranged(signs_of(np.where(turned[:, None], 511 - symbols, symbols)), 1, 8, element, 0)
    found = find_panels(symbols, 1, memory)
    assert found is not None and found.turned == np.packbits(turned, bitorder="little").tobytes()
    assert fill(symbols, found, len(memory)) == memory


def test_other_memory_is_no_panels() -> None:
    symbols = random_symbols(8, 32)
    memory = bytearray(fill(symbols, plain_panels((8, 32), 1, 2, 4, BITS), 288))
    assert find_panels(symbols, 1, bytes(memory)) is not None
    memory[7] ^= 1
    assert find_panels(symbols, 1, bytes(memory)) is None
    assert find_panels(symbols, 1, bytes(memory[:-1])) is None
    assert find_panels(symbols, 1, b"") is None


def test_the_digits_of_panels() -> None:
    """(3, 9, 2, 4) words: output o is in panel o / 4, input c in word c / 32."""
    layout = plain_panels((10, 40), 1, 3, 4, BITS)
    outputs, channels = ((4, 32), (3, 9 * 2 * 4 * 32)), ((32, 1), (2, 4 * 32))
    assert layout == Panels(10, 40, 10, 12, outputs, ((9, 2 * 4 * 32),), channels, BITS)


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
