"""Bytes of static programs beside the constants of the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.arm.kernel_cases import Conv
from tests.graphs import random_threshold
from tests.value_cases import only_clipping, random_rescale

from bnnc.arm import build as arm
from bnnc.ir.edge_ops import Input, ToFloat
from bnnc.ir.elem import B1_PM, I8, I16, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Op
from bnnc.ir.value_ops import AddMaps
from bnnc.passes.pack import PackBits
from bnnc.targets import target

MOST = 96 * 1024


def residual(blocks: int, widths: tuple[int, ...] = (64, 128)) -> Graph:
    """A stem of bytes, then for every width `blocks` binary 3x3 layers with a residual stream."""
    rng = np.random.default_rng(0)
    x: Op = tiny.encoder(Input("x", (12, 12, 3)), I8, -128, 127)
    for width in widths:
        stem = _conv(rng, x, Conv(I8, I8, (12, 12, x.type.shape[2]), width, (1, 1)), f"stem{width}")
        stream: Op = random_rescale(rng, stem, f"start{width}", I8, np.zeros(width), 1 << 10)
        for i in range(blocks):
            stream = _block(np.random.default_rng(width), stream, width, f"{width}.{i}")
        x = random_rescale(rng, stream, f"end{width}", I8, np.zeros(width), 1 << 10)
    return PackBits().run(Graph(f"residual{blocks}", Level.INTEGER, ToFloat("y", x)))


def _block(rng: np.random.Generator, stream: Op, width: int, name: str) -> Op:
    bits = random_threshold(rng, stream, f"{name} sign", B1_PM)
    conv = _conv(rng, bits, Conv(B1_PM, B1_PM, (12, 12, width), width, (3, 3), pads=(1, 1, 1, 1)), name)
    branch = random_rescale(rng, conv, f"{name} scale", elem("i12"), np.zeros(width), 1 << 10)
    total = AddMaps(f"{name} sum", stream, branch, elem("i17"))
    return only_clipping(rng, total, f"{name} clip", I16.lo, I16.hi, I16)


def _conv(rng: np.random.Generator, x: Op, like: Conv, name: str) -> Conv2d:
    return replace(like._plain(rng), name=name, x=x)


def beside_constants(graph: Graph, folder: Path, cpu: str) -> int:
    """Bytes of the program that are no constants of kernels."""
    folder.mkdir()
    built = arm.build(graph, target("arm", cpu), folder)
    return (folder / built.program).stat().st_size - built.weight_bytes


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a76"])
def test_a_medium_network_takes_96_kilobytes_beside_its_constants(cpu: str, tmp_path: Path) -> None:
    assert beside_constants(residual(3), tmp_path / "out", cpu) <= MOST


def test_equal_layers_share_their_code(tmp_path: Path) -> None:
    few, many = (beside_constants(residual(n, (64,)), tmp_path / str(n), "cortex-a72") for n in (3, 7))
    assert many - few < 8 * 500
