"""Files: plain, compressed, with external data, damaged, hostile."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from tests.frontends.reading import model

from bnnc.errors import BnncError
from bnnc.executors.source import SourceExecutor
from bnnc.frontends.load import load_model
from bnnc.ir.archive import save_archive
from bnnc.ir.text import print_graph

WEIGHTS = np.array([[1], [2], [3], [4]], np.float32)


def _model() -> ModelProto:
    return model("y = MatMul(x, w)", {"w": WEIGHTS})


def _error(path: Path) -> str:
    with pytest.raises(BnncError) as caught:
        load_model(path)
    assert all(finding.where.startswith(str(path)) for finding in caught.value.findings)
    return str(caught.value).replace(str(path), "FILE")


def _external(folder: Path, location: str, **entries: str) -> Path:
    """A model whose weights lie in the file `location`."""
    proto = _model()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_plain_compressed_and_archived_models_are_the_same(tmp_path: Path) -> None:
    content = _model().SerializeToString()
    plain, compressed, archived = (tmp_path / f"net.{kind}" for kind in ("onnx", "onnx.gz", "bnnc"))
    plain.write_bytes(content)
    compressed.write_bytes(gzip.compress(content))
    archive = load_model(plain)
    save_archive(archive, archived)
    for path in (compressed, archived):
        other = load_model(path)
        assert print_graph(other.graph) == print_graph(archive.graph)
        assert other.onnx == archive.onnx
    assert archive.graph.name == "net"


def test_external_data_are_embedded(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "weights.bin").write_bytes(b"12345678" + WEIGHTS.tobytes() + b"rest")
    archive = load_model(_external(tmp_path, "data/weights.bin", offset="8", length="16"))
    assert SourceExecutor(archive.onnx).run(np.ones((1, 4), np.float32)).tolist() == [[10]]


def test_external_data_without_offset_and_length(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHTS.tobytes())
    archive = load_model(_external(tmp_path, "weights.bin"))
    assert SourceExecutor(archive.onnx).run(np.ones((1, 4), np.float32)).tolist() == [[10]]


@pytest.mark.parametrize(
    "location",
    ["/etc/hostname", "../secret.bin", "a/../../secret.bin", "", ".", "link.bin", "dir/secret.bin"],
)
def test_external_data_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "dir").symlink_to(tmp_path)
    expected = f"FILE: tensor 'w': its data file {location!r} lies outside the model's folder; "
    assert _error(_external(folder, location)).startswith(expected)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "9"}, "reach past the 16 bytes of 'weights.bin'" ),
        ({"offset": "17"}, "reach past the 16 bytes"),
        ({"offset": str(2**70)}, "reach past the 16 bytes"),
        ({"length": str(2**63)}, "reach past the 16 bytes"),
        ({"offset": "-4"}, "external offset '-4' is no number"),
        ({"length": "many"}, "external length 'many' is no number"),
        ({"length": "²"}, "external length '²' is no number"),
        ({"length": "8"}, "its data do not fit its type and shape"),
    ],
    ids=str,
)  # fmt: skip
def test_hostile_extents_are_refused(tmp_path: Path, entries: dict[str, str], message: str) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHTS.tobytes())
    entries = {"length": "16", **entries}
    assert message in _error(_external(tmp_path, "weights.bin", **entries))


def test_every_missing_data_file_is_named(tmp_path: Path) -> None:
    path = _external(tmp_path, "gone.bin")
    proto = ModelProto.FromString(path.read_bytes())
    other = proto.graph.initializer.add(name="v", data_location=TensorProto.EXTERNAL)
    other.external_data.add(key="location", value="lost.bin")
    path.write_bytes(proto.SerializeToString())
    assert [line.split(";")[0] for line in _error(path).splitlines()] == [
        "FILE: tensor 'w': its data file 'gone.bin' is missing",
        "FILE: tensor 'v': its data file 'lost.bin' is missing",
    ]


def test_a_folder_is_no_data_file(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    assert "its data file 'weights' is missing" in _error(_external(tmp_path, "weights"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.onnx", b"", "FILE: the file is empty"),
        ("m.onnx.gz", b"", "FILE: the file is empty"),
        ("m.onnx.gz", gzip.compress(b"", mtime=0), "FILE: the file is empty"),
        ("m.onnx", b"\x89PNG\r\n\x1a\n" * 20, "FILE: this is no ONNX model, or it is truncated"),
        ("m.onnx", b"hello, world\n", "FILE: this is no ONNX model, or it is truncated"),
        ("m.onnx", bytes(64), "FILE: this is no ONNX model, or it is truncated"),
        ("m.onnx.gz", b"hello", "FILE: not a gzip file, or it is truncated"),
        (
            "m.onnx.gz",
            gzip.compress(bytes(range(256)) * 9, mtime=0)[:-30],
            "FILE: not a gzip file, or it is truncated",
        ),
        ("m.bnnc", b"hello", "FILE: not a .bnnc archive"),
        ("m.pth", b"hello", "FILE: not a model by its name; give a .onnx, .onnx.gz, .pt2 or .bnnc file"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert _error(path).startswith(message)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content, path = _model().SerializeToString(), tmp_path / "m.onnx"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        _error(path)


BODIES = (
    "q = Quant(w, s, z, b) d = MatMul(x, q) y = Relu(d)",
    "a, c = Split<axis=1>(x) e = Tile(a, t) f = Slice(e, o, v, o) y = Concat<axis=1>(c, f, a)",
    "c = Cast<to=11>(x) f = Floor(c) k = Clip(f, l, l) r = Cast<to=1>(k) i = Gather<axis=1>(r, v) y = Abs(i)",
)


@pytest.mark.parametrize("body", BODIES)
def test_damaged_bytes_give_an_error_or_a_model(tmp_path: Path, body: str) -> None:
    """Whatever is in the file, what comes is a model or a BnncError."""
    arrays = {"w": WEIGHTS, "t": np.array([1, 2]), "o": np.array([1]), "v": np.array([3]), "l": np.array(3.0)}
    proto = model(body, {**arrays, "s": 0.5, "z": 0.0, "b": 4.0})
    content, path, rng = proto.SerializeToString(), tmp_path / "m.onnx", np.random.default_rng(7)
    path.write_bytes(content)
    load_model(path)
    for _ in range(400):
        damaged = bytearray(content)
        for position in rng.integers(0, len(damaged), 3):
            damaged[position] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            load_model(path)
        except BnncError as error:
            assert str(path) in str(error)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(
        model("unused = Celu9(x) y = Relu(x)").SerializeToString().replace(b"Celu9", b"Celu\xff")
    )
    assert _error(path) == "FILE: a name in the model is not UTF-8; the file is damaged"


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert _error(tmp_path / "gone.onnx") == "FILE: no such file"
    assert _error(tmp_path) == "FILE: is a folder, not a model"


def test_torch_programs_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (extra `torch`)")
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    x = torch.randn(2, 4)
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network.eval(), (x,)), path)
    archive = load_model(path)
    assert [op.mnemonic() for op in archive.graph.ops] == ["input", "dense", "add", "relu"]
    assert archive.graph.name == "net"
    with torch.no_grad():
        expected = network(x).numpy()
    # torch and onnxruntime add the products of a float layer in orders of their own
    assert np.allclose(SourceExecutor(archive.onnx).run(x.numpy()), expected, rtol=1e-5, atol=1e-6)


def test_a_damaged_torch_program_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `torch`)")
    path = tmp_path / "net.pt2"
    path.write_bytes(b"hello")
    assert _error(path) == "FILE: this is no .pt2 file, or it is truncated"


def test_torch_programs_need_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "net.pt2"
    path.write_bytes(b"")
    assert _error(path) == "FILE: torch, which reads it, is not installed; pip install 'bnnc[torch]'"


def test_every_finding_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model("a = Unheard(x) y = Unknown(a)").SerializeToString())
    assert _error(path).count("FILE: node ") == 2


def test_archives_are_read_without_onnx_or_torch(tmp_path: Path) -> None:
    plain, archived = tmp_path / "m.onnx", tmp_path / "m.bnnc"
    plain.write_bytes(_model().SerializeToString())
    save_archive(load_model(plain), archived)
    code = (
        "import sys; from pathlib import Path; from bnnc.frontends.load import load_model; "
        f"load_model(Path({str(archived)!r})); "
        "assert not {'onnx', 'onnxruntime', 'torch', 'tvm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
