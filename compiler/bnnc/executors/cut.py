"""The part of an ONNX model between two of its tensors, as a model of its own."""

from __future__ import annotations

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper


def cut_between(model: ModelProto, start: str, end: str) -> ModelProto:
    """The operations that compute tensor `end` from float32 `start`.

    `start` is an input; the model's own are kept if something else between the tensors depends on them,
    such as a batch size that is read from their shape.
    """
    nodes, tensors = _needed(model.graph, start, end)
    inputs = [value for value in model.graph.input if value.name in tensors and value.name != start]
    own = {value.name for value in inputs} - {tensor.name for tensor in model.graph.initializer}
    shapes_only = all(node.op_type == "Shape" for node in nodes if own.intersection(node.input))
    assert shapes_only, f"{end!r} does not depend on {start!r} alone"
    inputs.append(helper.make_tensor_value_info(start, TensorProto.FLOAT, None))
    outputs = [helper.make_tensor_value_info(end, TensorProto.FLOAT, None)]
    constants = [tensor for tensor in model.graph.initializer if tensor.name in tensors]
    graph = helper.make_graph(nodes, "cut", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _needed(graph: GraphProto, start: str, end: str) -> tuple[list[NodeProto], set[str]]:
    """The nodes in front of `end` and behind `start`, in their order, and the tensors that they read."""
    producer = {name: node for node in graph.node for name in node.output}
    wanted, seen = [end], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        if name != start and name in producer:
            wanted.extend(producer[name].input)
    seen.discard("")
    nodes = [node for node in graph.node if seen.intersection(node.output) - {start}]
    return nodes, seen
