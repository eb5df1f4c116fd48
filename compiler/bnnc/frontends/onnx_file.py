"""Reads `.onnx` and `.onnx.gz` files into a model without external data."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped,unused-ignore]
from onnx import ModelProto

from bnnc.errors import BnncError
from bnnc.frontends.external_data import embed_external_data

MAX_BYTES = 2**31 - 1  # of a protobuf message


def read_onnx_file(path: Path) -> ModelProto:
    """The model in `path`, its external data embedded."""
    model = parse_model(_content(path))
    embed_external_data(model, path.parent)
    return model


def model_bytes(model: ModelProto) -> bytes:
    """The serialized model, the same bytes each time."""
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise BnncError("the model with its external data is larger than 2 GB") from error


def parse_model(content: bytes) -> ModelProto:
    """The model of the bytes of an ONNX file."""
    if not content:
        raise BnncError("the file is empty")
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise BnncError("this is no ONNX model, or it is truncated") from error
    if not model.HasField("graph") or not model.ir_version:
        raise BnncError("this is no ONNX model, or it is truncated")
    if not all(isinstance(text, str) for text in _texts(model)):
        raise BnncError("a name in the model is not UTF-8; the file is damaged")
    return model


def _texts(model: ModelProto) -> Iterator[object]:
    """Names of all kinds; protobuf gives bytes where one is not UTF-8."""
    yield from (entry.domain for entry in model.opset_import)
    for named in (*model.graph.initializer, *model.graph.input, *model.graph.output, *model.graph.node):
        yield named.name
    for node in model.graph.node:
        yield from (node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BnncError(f"cannot be read ({error.strerror})") from error
    return _gunzip(content) if path.suffix == ".gz" else content


def _gunzip(content: bytes) -> bytes:
    if not content:
        raise BnncError("the file is empty")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BnncError(f"not a gzip file, or it is truncated ({error})") from error
    if len(plain) > MAX_BYTES:
        raise BnncError("more than 2 GB when unpacked")
    return plain
