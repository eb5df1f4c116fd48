"""The .bnnc archive: the same bytes for the same graph, and a clear error for anything else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.graphs import random_graph

from bnnc.errors import BnncError
from bnnc.ir.archive import Archive, load_archive, save_archive
from bnnc.ir.graph import Graph, Level, Note
from bnnc.ir.text import print_graph
from bnnc.passes.pack import PackBits

SEED = 1  # a graph with constants beside its text


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.bnnc"
    save_archive(Archive(random_graph(SEED), b"the model"), path)
    return path


@pytest.mark.parametrize("seed", range(8))
def test_round_trip(tmp_path: Path, seed: int) -> None:
    graph = PackBits().run(random_graph(seed))
    save_archive(Archive(graph, b"onnx\x00bytes"), tmp_path / "a.bnnc")
    loaded = load_archive(tmp_path / "a.bnnc")
    assert print_graph(loaded.graph) == print_graph(graph)
    assert loaded.onnx == b"onnx\x00bytes"


def test_saving_again_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_archive(load_archive(saved), tmp_path / "again.bnnc")
    save_archive(Archive(random_graph(SEED), b"the model"), tmp_path / "fresh.bnnc")
    assert (
        saved.read_bytes() == (tmp_path / "again.bnnc").read_bytes() == (tmp_path / "fresh.bnnc").read_bytes()
    )


def test_hostile_names_are_no_members(tmp_path: Path) -> None:
    graph = Graph('../../"\n\u2028', Level.INTEGER, random_graph(SEED).result, notes=(Note("../x", "../y"),))
    save_archive(Archive(graph), tmp_path / "a.bnnc")
    names = zipfile.ZipFile(tmp_path / "a.bnnc").namelist()
    assert all(name in ("text.npy", "onnx.npy") or name.startswith("const_") for name in names)
    assert load_archive(tmp_path / "a.bnnc").graph.name == graph.name


def test_it_is_an_npz(saved: Path) -> None:
    with np.load(saved) as arrays:
        assert arrays["text"].tobytes().startswith(b'graph "random 1" integer\n')


def rewritten(path: Path, changes: dict[str, bytes | None]) -> None:
    """Replace members of the archive (None: leave one out)."""
    with zipfile.ZipFile(path) as stored:
        members: dict[str, bytes | None] = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, data in (members | changes).items():
            if data is not None:
                out.writestr(name, data)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def a_constant(path: Path) -> str:
    return min(name for name in zipfile.ZipFile(path).namelist() if name.startswith("const_"))


def refusal(path: Path) -> str:
    with pytest.raises(BnncError) as error:
        load_archive(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_changed_constant_is_noticed(saved: Path) -> None:
    name = a_constant(saved)
    with np.load(saved) as arrays:
        array = arrays[name.removesuffix(".npy")].copy()
    array.flat[0] = -array.flat[0] if array.dtype.kind != "u" else array.flat[0] ^ 1
    rewritten(saved, {name: npy(array)})
    assert "damaged" in refusal(saved)


def test_a_missing_constant_is_noticed(saved: Path) -> None:
    rewritten(saved, {a_constant(saved): None})
    assert "constant @" in refusal(saved)


def test_a_spare_constant_is_noticed(saved: Path) -> None:
    rewritten(saved, {"const_0123456789ab.npy": npy(np.arange(20))})
    assert "damaged" in refusal(saved)


def test_a_missing_text_is_noticed(saved: Path) -> None:
    rewritten(saved, {"text.npy": None})
    assert "holds no graph" in refusal(saved)


@pytest.mark.parametrize("text", [b"", b"graph", b"\xff\xfe\x00", b'graph "g" packed\nreturn %0\n'])
def test_a_damaged_text_is_noticed(saved: Path, text: bytes) -> None:
    rewritten(saved, {"text.npy": npy(np.frombuffer(text, np.uint8))})
    refusal(saved)


@pytest.mark.parametrize(
    "member", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04", b"x" * 200]
)
def test_a_member_that_is_no_array_is_noticed(saved: Path, member: bytes) -> None:
    rewritten(saved, {a_constant(saved): member})
    assert "not a .bnnc archive" in refusal(saved)


def test_pickled_objects_are_not_loaded(saved: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    rewritten(saved, {a_constant(saved): buffer.getvalue()})
    assert "not a .bnnc archive" in refusal(saved)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_noticed(saved: Path, part: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * part)])
    assert "not a .bnnc archive" in refusal(saved)


def test_every_damaged_byte_is_noticed_or_harmless(saved: Path) -> None:
    """A flipped byte is an error of ours or leaves the graph and the model as they were."""
    data = saved.read_bytes()
    expected = load_archive(saved)
    for place in np.random.default_rng(0).integers(0, len(data), 300).tolist():
        saved.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            actual = load_archive(saved)
        except BnncError:
            continue
        assert print_graph(actual.graph) == print_graph(expected.graph)
        assert actual.onnx in (expected.onnx, b"")


@pytest.mark.parametrize("data", [b"\x08\x07onnx", npy(np.zeros(3)), b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.bnnc"
    path.write_bytes(data)
    assert "not a .bnnc archive" in refusal(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    refusal(tmp_path / "none.bnnc")
    refusal(tmp_path)
