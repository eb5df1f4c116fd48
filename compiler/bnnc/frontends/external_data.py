"""Tensors whose data lie in files beside the model: read, checked and embedded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from bnnc.errors import BnncError, Finding, raise_all

_REMEDY = "keep the data file inside the model's folder, or save the model without external data"


def embed_external_data(model: ModelProto, folder: Path) -> None:
    """Move all external data into `model`; BnncError when a file is missing or lies outside `folder`."""
    findings: list[Finding] = []
    for tensor in _tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            try:
                _embed(tensor, folder)
            except BnncError as error:
                findings.extend(error.findings)
    raise_all(findings)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == AttributeProto.GRAPH:
                yield from _tensors(attribute.g)


def _embed(tensor: TensorProto, folder: Path) -> None:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    where = f"tensor {tensor.name!r}"
    path = _data_path(folder, entries.get("location", ""), where)
    size = path.stat().st_size
    offset = _number(entries, "offset", 0, where)
    length = _number(entries, "length", size - offset, where)
    if not (0 <= offset <= size and 0 <= length <= size - offset):
        raise BnncError.at(
            where, f"its data ({length} bytes at {offset}) reach past the {size} bytes of {path.name!r}"
        )
    with path.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    del tensor.external_data[:]
    tensor.data_location = TensorProto.DEFAULT


def _data_path(folder: Path, location: str, where: str) -> Path:
    """The file of external data, links resolved, known to lie inside `folder`."""
    inside = location and not os.path.isabs(location) and "\0" not in location
    root = folder.resolve()
    path = (root / location).resolve() if inside else root
    if not inside or root not in path.parents:
        raise BnncError.at(where, f"its data file {location!r} lies outside the model's folder", _REMEDY)
    if not path.is_file():
        raise BnncError.at(where, f"its data file {location!r} is missing", _REMEDY)
    return path


def _number(entries: dict[str, str], key: str, default: int, where: str) -> int:
    text = entries.get(key, "")
    if text and not (text.isascii() and text.isdigit()):
        raise BnncError.at(where, f"external {key} {text!r} is no number")
    return int(text[:20]) if text else default
