"""Opens what the user names as MODEL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError, errors_within
from bnnc.ir.archive import Archive, load_archive

if TYPE_CHECKING:
    from onnx import ModelProto

SUFFIXES = (".onnx", ".onnx.gz", ".pt2", ".bnnc")


def load_model(path: Path) -> Archive:
    """`.onnx`, `.onnx.gz`, `.pt2`: the source graph and the model's bytes; `.bnnc`: what the archive holds.

    BnncError names the file, and all that bnnc cannot represent.
    """
    if not path.is_file():
        what = "is a folder, not a model" if path.is_dir() else "no such file"
        raise BnncError.at(str(path), what)
    suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
    name = path.name.removesuffix(suffix or "")
    match suffix:
        case ".bnnc":
            return load_archive(path)
        case ".pt2":
            return _read(_torch_model(path), name, path)
        case ".onnx" | ".onnx.gz":
            from bnnc.frontends.onnx_file import read_onnx_file

            with errors_within(path):
                model = read_onnx_file(path)
            return _read(model, name, path)
    known = f"give a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file"
    raise BnncError.at(str(path), "not a model by its name", known)


def _torch_model(path: Path) -> ModelProto:
    """What torch.export.save wrote, as ONNX."""
    if find_spec("torch") is None:
        raise BnncError.at(str(path), "torch, which reads it, is not installed", "pip install 'bnnc[torch]'")
    from bnnc.exporter import from_pt2

    return from_pt2(path)


def _read(model: ModelProto, name: str, path: Path) -> Archive:
    from bnnc.frontends.onnx_file import model_bytes
    from bnnc.frontends.reader import read_model

    with errors_within(path):
        return Archive(read_model(model, name).graph, model_bytes(model))
