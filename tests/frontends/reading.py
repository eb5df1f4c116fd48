"""Small ONNX models from text, and the source graphs that are read from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx.parser
from onnx import ModelProto, numpy_helper

from bnnc.errors import BnncError
from bnnc.frontends.reader import read_model
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.text import print_graph


def model(
    body: str, arrays: Mapping[str, Array | float] | None = None, x: str = "float[N,4] x", opset: int = 13
) -> ModelProto:
    """The model `x -> y` of a body in onnx's text syntax; `arrays`: its initializers (numbers as float32)."""
    head = f'<ir_version: 8, opset_import: ["" : {opset}]> g ({x}) => (y)'
    parsed = onnx.parser.parse_model(f"{head} {{ {body} }}")
    for name, value in (arrays or {}).items():
        array = value if isinstance(value, np.ndarray) else np.array(value, np.float32)
        parsed.graph.initializer.append(numpy_helper.from_array(array, name))
    return parsed


def read(proto: ModelProto) -> Graph:
    """The source graph of a model."""
    return read_model(proto, "g").graph


def text(proto: ModelProto) -> str:
    """The lines of operations behind the input, without the result."""
    lines = print_graph(read(proto)).splitlines()
    return "\n".join(lines[2:-1])


def refusal(proto: ModelProto) -> str:
    """The text of the error that reading `proto` raises; a test failure when it raises none."""
    try:
        read(proto)
    except BnncError as error:
        return str(error)
    raise AssertionError("the model was read")
