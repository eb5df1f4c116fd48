"""Samples: what a file may hold, and generated ones that the encoder accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.graphs import random_graph

from bnnc.errors import BnncError
from bnnc.executors.network import Network
from bnnc.executors.samples import choose_samples, generated_samples, read_samples
from bnnc.ir.archive import Archive
from bnnc.ir.edge_ops import Input
from bnnc.passes.pack import PackBits

X = Input("x", (2, 3))


def saved(path: Path, array: object) -> Path:
    np.save(path, array, allow_pickle=True)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("n", [0, 1, 5])
def test_any_batch_is_read(tmp_path: Path, n: int) -> None:
    x = np.random.default_rng(0).normal(size=(n, 2, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x, y=np.zeros(n))
    for path in (saved(tmp_path / "x.npy", x), tmp_path / "x.npz"):
        np.testing.assert_array_equal(read_samples(path, X), x)
    big = saved(tmp_path / "big.npy", x.astype(">f4"))
    np.testing.assert_array_equal(read_samples(big, X), x)


NAN = np.zeros((2, 2, 3), np.float32)
NAN[1, 0, 2] = np.nan


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 3, 2), np.float32), r"shape \(4, 3, 2\) where \(N, 2, 3\) is needed"),
        (np.zeros((2, 3), np.float32), r"shape \(2, 3\)"),
        (np.zeros((4, 2, 3), np.float64), "dtype float64 where float32"),
        (np.zeros((4, 2, 3), np.uint8), "dtype uint8 where float32"),
        (np.array([{}, 1], object), "of plain numbers"),
        (NAN, r"a NaN at \(1, 0, 2\)"),
    ],
)
def test_a_wrong_array_is_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(BnncError, match=message):
        read_samples(saved(tmp_path / "x.npy", array), X)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "empty.npy").touch()
    whole = saved(tmp_path / "cut.npy", np.zeros((4, 2, 3), np.float32)).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-7])
    np.savez(tmp_path / "other.npz", data=np.zeros(3))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    (tmp_path / "folder.npy").mkdir()
    names = ("text.npy", "empty.npy", "cut.npy", "other.npz", "objects.npz", "folder.npy", "missing.npy")
    for name in names:
        with pytest.raises(BnncError, match=name):
            read_samples(tmp_path / name, X)


@pytest.mark.parametrize("seed", range(30))
def test_generated_samples_are_legal_and_repeatable(seed: int) -> None:
    graph = random_graph(seed)
    x = generated_samples(graph, 4)
    assert x.dtype == np.float32 and x.shape == (4, *graph.input.shape)
    np.testing.assert_array_equal(x, generated_samples(graph, 4))
    from bnnc.sim.edge import encode

    encode(graph, x)


def test_samples_come_from_the_file_that_is_given(tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(1))
    x = generated_samples(graph, 6, seed=5)
    path, network = saved(tmp_path / "x.npy", x), Network(tmp_path, Archive(graph), "", tmp_path)
    np.testing.assert_array_equal(choose_samples(network, path, None, 2), x)
    np.testing.assert_array_equal(choose_samples(network, path, 3, 2), x[:3])
    assert len(choose_samples(network, None, None, 2)) == 2
    with pytest.raises(BnncError, match="no samples"):
        choose_samples(network, saved(path, x[:0]), None, 2)
