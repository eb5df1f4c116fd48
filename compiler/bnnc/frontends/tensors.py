"""Arrays of an ONNX model: initializers and Constant nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from onnx import AttributeProto, GraphProto, TensorProto, numpy_helper

from bnnc.errors import BnncError, Finding
from bnnc.frontends.node import Node
from bnnc.frontends.values import Const
from bnnc.ir.codes import code_range
from bnnc.ir.op import Array


def tensor_array(tensor: TensorProto, where: str) -> Array:
    """The array of a tensor; BnncError when its data do not fit its type and shape."""
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise BnncError.at(where, f"its data do not fit its type and shape ({error})") from error
    if array.dtype.kind not in "fiubV" or array.dtype.names:
        raise BnncError.at(where, f"holds {array.dtype}, not numbers")
    return array


def constant_node(node: Node) -> Const:
    """The value of a Constant node."""
    for attribute in node.proto.attribute:
        match attribute.name, attribute.type:
            case "value", AttributeProto.TENSOR:
                return Const(tensor_array(attribute.t, node.where))
            case "value_float", AttributeProto.FLOAT:
                return Const(np.array(attribute.f, np.float32))
            case "value_floats", AttributeProto.FLOATS:
                return Const(np.array(attribute.floats, np.float32))
            case "value_int", AttributeProto.INT:
                return Const(np.array(attribute.i, np.int64))
            case "value_ints", AttributeProto.INTS:
                return Const(np.array(attribute.ints, np.int64))
    raise node.refusal("has no value that is a tensor of numbers", "store a dense tensor of numbers")


def annotation_findings(graph: GraphProto, arrays: dict[str, Array]) -> Iterable[Finding]:
    """Constants that are not of the datatype that FINN's annotation declares for them."""
    for annotation in graph.quantization_annotation:
        array = arrays.get(annotation.tensor_name)
        declared = {entry.key: entry.value for entry in annotation.quant_parameter_tensor_names}
        kind = declared.get("finn_datatype", "")
        if array is not None and array.size and not _allowed(array, kind):
            where = f"tensor {annotation.tensor_name!r}"
            yield Finding(
                where,
                f"holds values that its annotation {kind} does not allow ({array.min()}..{array.max()})",
            )


def _allowed(array: Array, kind: str) -> bool:
    match = re.fullmatch(r"(U?)INT([1-9]\d?)", kind)
    if match:
        lo, hi = code_range(int(match[2]), signed=not match[1])
        return bool(((array >= lo) & (array <= hi) & (array == np.round(array))).all())
    sets = {"BIPOLAR": (-1, 1), "BINARY": (0, 1), "TERNARY": (-1, 0, 1)}
    return kind not in sets or bool(np.isin(array, sets[kind]).all())
