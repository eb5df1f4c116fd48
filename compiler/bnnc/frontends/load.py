"""Opens what the user names as MODEL."""

from __future__ import annotations

from pathlib import Path

from bnnc.errors import BnncError, errors_within
from bnnc.ir.archive import Archive, load_archive


def load_model(path: Path) -> Archive:
    """`.onnx`, `.onnx.gz`: the source graph and the model's bytes; `.bnnc`: what the archive holds.

    BnncError names the file, and all that bnnc cannot represent.
    """
    if not path.is_file():
        what = "is a folder, not a model" if path.is_dir() else "no such file"
        raise BnncError.at(str(path), what)
    if path.suffix == ".bnnc":
        return load_archive(path)
    if not path.name.endswith((".onnx", ".onnx.gz")):
        raise BnncError.at(str(path), "not a model by its name", "give a .onnx, .onnx.gz or .bnnc file")
    with errors_within(path):
        return _load_onnx(path)


def _load_onnx(path: Path) -> Archive:
    from bnnc.frontends.onnx_file import model_bytes, read_onnx_file
    from bnnc.frontends.reader import read_model

    model = read_onnx_file(path)
    name = path.name.removesuffix(".gz").removesuffix(".onnx")
    return Archive(read_model(model, name).graph, model_bytes(model))
