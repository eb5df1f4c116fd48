"""What the ONNX standard says about an operator in an opset."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import NodeProto, defs

OLDEST_OPSET = 9


def schema_problem(proto: NodeProto, opset: int) -> str:
    """Why a node of a standard operator is not one of `opset`; empty when it is one."""
    try:
        schema = defs.get_schema(proto.op_type, opset, "")
    except defs.SchemaError:
        return f"there is no such operator in opset {opset}"
    n_inputs = len(proto.input)
    unknown = [a.name for a in proto.attribute if a.name not in schema.attributes]
    if not schema.min_input <= n_inputs <= schema.max_input:
        return f"{n_inputs} inputs, where opset {opset} has {schema.min_input} to {schema.max_input}"
    return f"opset {opset} knows no attribute {unknown[0]!r}" if unknown else ""


def oldest_equal_opset(nodes: Iterable[NodeProto], opset: int) -> int:
    """The oldest opset in which all these operators are what they are in `opset`.

    A model stamped with it is the same model, and releases of onnxruntime older than `opset` read it.
    """
    oldest = OLDEST_OPSET
    for proto in nodes:
        if not defs.has(proto.op_type, opset, ""):
            return opset
        oldest = max(oldest, defs.get_schema(proto.op_type, opset, "").since_version)
    return oldest
