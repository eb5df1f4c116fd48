"""Windows whose words hold several taps: their steps, and what the first layer of a network gains by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.hls.branches import conv, sign
from tests.hls.lowered import foldables, lower
from tests.hls.projects import AROUND, assert_as_sim, map_input, packed
from tests.hls.test_window import random_window

from bnnc.hls.folding import Fold
from bnnc.hls.model.trace import READ, WRITE
from bnnc.hls.names import Names
from bnnc.hls.wide_window import WideWindow
from bnnc.ir.elem import B1_PM
from bnnc.ir.geometry import Pads, Pair, output_map
from bnnc.ir.graph import Graph
from bnnc.ir.op import Op

WINDOWS: tuple[tuple[Pair, Pair, Pads], ...] = (
    ((3, 3), (1, 1), AROUND),
    ((3, 3), (2, 2), (0, 1, 2, 0)),
    ((2, 3), (3, 1), (0, 0, 0, 0)),
    ((1, 4), (1, 3), (0, 2, 0, 1)),
    ((4, 1), (2, 1), (3, 0, 2, 0)),
    ((2, 2), (1, 1), (1, 0, 0, 0)),
)


def one_layer(kernel: Pair, strides: Pair, pads: Pads, kind: str, outputs: int = 8) -> Graph:
    """A binary convolution of a map of 3 channels of 9 x 11 integers, or of their signs."""
    rng = np.random.default_rng(sum(kernel))
    x = map_input(rng, (3, 9, 11), "i8")
    x = sign(rng, x, "sign", 50) if kind == "b1_pm" else x
    return packed("wide", conv(rng, x, "conv", outputs, kernel, B1_PM, strides=strides, pads=pads))


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("kind", ["i8", "b1_pm"])
@pytest.mark.parametrize(("kernel", "strides", "pads"), WINDOWS)
def test_as_sim(kernel: Pair, strides: Pair, pads: Pads, kind: str, tmp_path: Path) -> None:
    graph = one_layer(kernel, strides, pads, kind)
    (matrix,) = foldables(graph)
    wide = [simd for simd in matrix.simd_choices() if simd > 3]
    assert_as_sim(graph, tmp_path, {"conv": {"pe": 2, "simd": wide[sum(kernel) % len(wide)]}})


@pytest.mark.parametrize("seed", range(30))
def test_every_pixel_comes_and_every_window_leaves(seed: int) -> None:
    w = random_window(seed)
    out = output_map(w.shape, w.kernel, w.strides, (1, 1), w.pads)
    n_taps = w.kernel[0] * w.kernel[1]
    for taps in {1, w.kernel[1], n_taps}:
        wide = WideWindow(w.shape, out, w.kernel, w.strides, w.pads, taps)
        assert wide.trace.steps == wide.steps
        assert wide.trace.count(READ) == w.shape[0] * w.shape[1]
        assert wide.trace.count(WRITE) == wide.out_words == out[0] * out[1] * n_taps // taps


def test_first_layer_of_cnv_keeps_pace() -> None:
    """3 channels of 8 bits: a row of taps a word, all of them where these are bits."""
    graph = packed("first", conv(np.random.default_rng(0), cnv_input("u8"), "conv", 64, (3, 3), B1_PM))
    units = {unit.name: unit for unit in lower(graph, Names(), {"conv": {"pe": 4, "simd": 9}}).units}
    assert units["conv_window"].cycles == 900 * 3 + 32 * 32 - 900
    (matrix,) = foldables(graph)
    assert matrix.cycles[Fold(4, 9)] == 16 * units["conv_window"].words == 16 * 900 * 3
    assert matrix.simd_choices() == [1, 3, 9]
    signs = sign(np.random.default_rng(0), cnv_input("i8"), "sign", 50)
    graph = packed("first", conv(np.random.default_rng(0), signs, "conv", 64, (3, 3), B1_PM))
    assert foldables(graph)[0].simd_choices() == [1, 3, 9, 27]


def cnv_input(kind: str) -> Op:
    return map_input(np.random.default_rng(0), (3, 32, 32), kind)


def test_none_where_lines_are_short_or_taps_far_apart() -> None:
    rng = np.random.default_rng(0)
    narrow = conv(rng, map_input(rng, (3, 9, 7)), "conv", 4, (3, 3), B1_PM)
    assert foldables(packed("narrow", narrow))[0].simd_choices() == [1, 3]
