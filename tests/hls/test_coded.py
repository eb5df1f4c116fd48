"""Weights that are decoded ahead of the engines: the same integers in every folding, and less to store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.graphs import encoder, random_codes, random_threshold
from tests.hls.lowered import foldables
from tests.hls.projects import (
    AROUND,
    Folding,
    dense_network,
    largest_folding,
    map_input,
    packed,
    random_folding,
    smallest_folding,
    write_project,
)
from tests.hls.test_project import text_of

from bnnc.executors.hls import HlsExecutor
from bnnc.hls import csim
from bnnc.hls.build import build
from bnnc.hls.options import Folding as FoldingChoice
from bnnc.hls.options import HlsOptions
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_PM, I8, TER, elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.sim import simulator

pytestmark = pytest.mark.usefixtures("cpp")


def frequent_kernels(rng: np.random.Generator, out: int, inputs: int) -> Array:
    """Binary 3x3 weights of which a few kernels are frequent."""
    symbols = rng.choice(512, (out, inputs), p=rng.dirichlet(np.full(512, 0.02)))
    taps = symbols[:, None, :] >> np.arange(9)[:, None] & 1
    return (2 * taps - 1).reshape(out, 3, 3, inputs).astype(np.int8)


def frequent_network() -> Graph:
    """3x3 kernels behind integers and behind bits, in groups, then few distinct weights of other types."""
    rng = np.random.default_rng(3)
    x = map_input(rng, (4, 7, 6), "i8")
    x = Conv2d("integers", x, frequent_kernels(rng, 24, 4), B1_PM, pads=AROUND)
    x = random_threshold(rng, x, "s0", B1_PM)
    x = Conv2d("bits", x, frequent_kernels(rng, 30, 24), B1_PM, pads=AROUND)
    x = random_threshold(rng, x, "s1", B1_PM)
    x = Conv2d("groups", x, frequent_kernels(rng, 36, 10), B1_PM, pads=AROUND, groups=3)
    x = random_threshold(rng, x, "s2", TER)
    rare = np.where(rng.random((12, 2, 2, 36)) < 0.05, rng.choice([-1, 1], (12, 2, 2, 36)), 0)
    x = random_threshold(rng, Conv2d("ternary", x, rare.astype(np.int8), TER), "s3", elem("u3"))
    few = rng.choice([-100, 0, 0, 0, 7], (20, 1, 1, 12)).astype(np.int8)
    return packed("frequent", Conv2d("few", x, few, I8))


def in_block_ram(graph: Graph, folding: Folding | None = None) -> Folding:
    """The folding, with all weights in block RAM."""
    chosen = folding or {}
    return {layer.name: {**chosen.get(layer.name, {}), "weights": "bram"} for layer in foldables(graph)}


def compressed(graph: Graph, folder: Path, folding: Folding | None = None) -> dict[str, str]:
    """The form of every layer of the project, which gives the simulator's integers sample after sample."""
    codes = random_codes(graph, 5, 7)
    raw = simulator.run(graph, codes)
    options = HlsOptions(folding=FoldingChoice(in_block_ram(graph, folding)), compress="huffman")
    entry = build(graph, folder, name=graph.name, golden=(codes, raw), options=options)
    np.testing.assert_array_equal(HlsExecutor(folder, graph).run(codes), raw)
    return {layer["name"]: layer["arrays"][0]["form"] for layer in entry["layers"]}


FORMS = {"integers": "raw", "bits": "kernels", "groups": "kernels", "ternary": "symbols", "few": "symbols"}


def test_every_layer_has_its_form(tmp_path: Path) -> None:
    graph = frequent_network()
    assert compressed(graph, tmp_path) == FORMS
    folding = in_block_ram(graph)
    entry = write_project(graph, tmp_path / "again", compress="huffman", folding=folding)
    layers = entry["layers"]
    assert isinstance(layers, list)
    for layer in layers:
        form = layer["arrays"][0]["form"]
        assert layer["stored_bytes"] < layer["n_bytes"] or form == "raw"
    assert csim.csim(tmp_path).startswith("PASS")


@pytest.mark.parametrize("chosen", [smallest_folding, largest_folding])
def test_the_ends_of_folding(chosen: object, tmp_path: Path) -> None:
    graph = frequent_network()
    assert callable(chosen)
    assert compressed(graph, tmp_path, chosen(graph)) == FORMS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_random_foldings(seed: int, tmp_path: Path) -> None:
    graph = frequent_network()
    compressed(graph, tmp_path, random_folding(graph, seed))


def test_rows_that_fill_no_symbol(tmp_path: Path) -> None:
    """37 bits a row: the last symbol of each has 3 bits less."""
    rng = np.random.default_rng(2)
    x: Op = Reshape("flat", encoder(rng, Input("x", (37,)), "b1_pm"), (1, 1, 37))
    weights = np.where(rng.random((90, 1, 1, 37)) < 0.03, 1, -1).astype(np.int8)
    assert compressed(packed("odd", Conv2d("dense", x, weights, B1_PM)), tmp_path) == {"dense": "symbols"}


def test_weights_that_lie_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    graph = frequent_network()
    folding = {"bits": {"weights": "uram"}, "groups": {"weights": "bram"}, "few": {"weights": "lut"}}
    layers = write_project(graph, tmp_path, compress="huffman", folding=folding, part="zcu104")["layers"]
    assert isinstance(layers, list)
    forms = {layer["name"]: layer["arrays"][0]["form"] for layer in layers}
    assert (forms["bits"], forms["groups"], forms["few"]) == ("raw", "kernels", "raw")


def test_weights_that_do_not_pay_change_nothing(tmp_path: Path) -> None:
    graph = dense_network((20, 6, 3))
    folding = in_block_ram(graph)
    plain = write_project(graph, tmp_path / "plain", folding=folding)
    entry = write_project(graph, tmp_path / "same", compress="huffman", folding=folding)
    assert text_of(tmp_path / "plain") == text_of(tmp_path / "same")
    assert entry == plain | {"layers": entry["layers"]}


def test_the_same_bytes_again(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        graph = frequent_network()
        write_project(graph, tmp_path / folder, compress="huffman", folding=in_block_ram(graph))
    texts = text_of(tmp_path / "a")
    assert texts == text_of(tmp_path / "b") and "src/bnnc_huffman.h" in texts
