"""The steps of a sliding window unit, counted row by row, are those that its loop takes."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.hls.window import Window, needs_window
from bnnc.ir.geometry import output_map


def random_window(seed: int) -> Window:
    rng = np.random.default_rng(seed)
    kernel, strides = (tuple(rng.integers(1, 4, 2).tolist()) for _ in range(2))
    dilations = tuple(rng.integers(1, 3, 2).tolist())
    pads = tuple(rng.integers(0, 3, 4).tolist())
    shape = tuple(rng.integers(5, 12, 2).tolist())
    out = output_map(shape, kernel, strides, dilations, pads)
    return Window(shape, out, kernel, strides, dilations, pads, int(rng.integers(1, 4)))


def counted_steps(w: Window) -> int:
    """The loop of templates/hls/window.h.j2, until all has arrived and all has left."""
    in_row = in_place = out_row = left = steps = 0
    row_words = w.out_shape[1] * w.kernel[0] * w.kernel[1] * w.words
    while in_row < w.shape[0] or out_row < w.out_shape[0]:
        steps += 1
        top = out_row * w.strides[0] - w.pads[0]
        bottom = min(top + (w.kernel[0] - 1) * w.dilations[0], w.shape[0] - 1)
        is_done = out_row == w.out_shape[0]
        leaves = not is_done and in_row > bottom
        arrives = in_row < w.shape[0] and (in_row < w.lines or is_done or in_row - w.lines < top)
        assert leaves or arrives, "the unit stands still"
        if leaves:
            left += 1
            out_row, left = (out_row + 1, 0) if left == row_words else (out_row, left)
        if arrives:
            in_place += 1
            in_row, in_place = (in_row + 1, 0) if in_place == w.shape[1] * w.words else (in_row, in_place)
    return steps


@pytest.mark.parametrize("seed", range(60))
def test_steps(seed: int) -> None:
    window = random_window(seed)
    assert window.steps == counted_steps(window)


def test_lines_hold_a_window_and_the_next_rows() -> None:
    window = Window((28, 28), (26, 26), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 2)
    assert window.lines == 4
    assert window.steps == 26 * 26 * 9 * 2 + 3 * 28 * 2


def test_where_no_window_is_needed() -> None:
    none = (0, 0, 0, 0)
    assert not needs_window((4, 5), (4, 5), (1, 1), none)
    assert not needs_window((4, 5), (1, 1), (1, 1), none)
    assert needs_window((4, 5), (1, 1), (2, 1), none)
    assert needs_window((4, 5), (4, 5), (1, 1), (0, 0, 0, 1))
    assert needs_window((4, 5), (2, 2), (2, 2), none)
