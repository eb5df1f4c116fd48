"""The .bnnc archive: a graph's text, its constants and the source model it came from, as one npz file.

Saving the same graph again gives the same bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnnc.errors import BnncError, errors_within
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parse import parse_graph
from bnnc.ir.text import constants, digest, print_graph

# What zipfile and NumPy raise on files that are damaged, of another kind, encrypted or packed in another way.
_UNREADABLE = (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)
REMEDY = "make it again from the source model"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """A graph and, where there is one, the bytes of the ONNX model that it was read from."""

    graph: Graph
    onnx: bytes = b""


def save_archive(archive: Archive, path: Path) -> None:
    """Write `path`; the members are sorted and carry no time."""
    members = {f"const_{key}": array for key, array in constants(archive.graph).items()}
    members["text"] = np.frombuffer(print_graph(archive.graph).encode(), np.uint8)
    members["onnx"] = np.frombuffer(archive.onnx, np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for name in sorted(members):
            out.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), _npy(members[name]), zipfile.ZIP_DEFLATED)
    path.write_bytes(buffer.getvalue())


def load_archive(path: Path) -> Archive:
    """Read `path`; BnncError when it is no archive of ours or a constant does not match its digest."""
    arrays = _members(path)
    if "text" not in arrays:
        raise BnncError.at(str(path), "not a .bnnc archive (it holds no graph)", REMEDY)
    named = {
        name.removeprefix("const_"): array for name, array in arrays.items() if name.startswith("const_")
    }
    if any(digest(array) != key for key, array in named.items()):
        raise BnncError.at(str(path), "the archive is damaged (a constant does not match its digest)", REMEDY)
    with errors_within(path):
        graph = parse_graph(arrays["text"].tobytes().decode(errors="replace"), named)
    return Archive(graph, arrays.get("onnx", np.zeros(0, np.uint8)).tobytes())


def _members(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise BnncError.at(str(path), "there is no such file")
    try:
        with zipfile.ZipFile(path) as stored:
            return {name.removesuffix(".npy"): _array(stored.read(name)) for name in stored.namelist()}
    except _UNREADABLE as error:
        raise BnncError.at(str(path), f"not a .bnnc archive ({error})", REMEDY) from error


def _array(data: bytes) -> Array:
    array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return array


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()
