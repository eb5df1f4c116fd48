"""The constants of an ONNX model computed once, so that no run computes them again."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, numpy_helper

from bnnc.frontends.onnx_file import model_bytes
from bnnc.frontends.sessions import open_session
from bnnc.frontends.structure import network_inputs


def fold_constants(model: ModelProto) -> ModelProto:
    """`model` with the results of operations that do not depend on its input stored, by the same onnxruntime.

    Quantizers of weights above all: they take longer than a small network's layers.
    """
    constant, dependent = _parted(model.graph)
    read = {name for node in dependent for name in node.input} | {value.name for value in model.graph.output}
    wanted = [name for node in constant for name in node.output if name in read]
    folded = _with(model, dependent, read)
    if wanted:
        results = open_session(model_bytes(_constants_alone(model, constant, wanted))).run(wanted, {})
        pairs = zip(wanted, results, strict=True)
        folded.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in pairs)
    return folded


def _parted(graph: GraphProto) -> tuple[list[NodeProto], list[NodeProto]]:
    """Nodes whose operands are all constant, and those behind the network's input, both in their order."""
    reached = {value.name for value in network_inputs(graph)}
    constant, dependent = [], []
    for node in graph.node:
        if reached.isdisjoint(node.input):
            constant.append(node)
        else:
            dependent.append(node)
            reached.update(node.output)
    return constant, dependent


def _constants_alone(model: ModelProto, nodes: Sequence[NodeProto], wanted: Sequence[str]) -> ModelProto:
    alone = _with(model, nodes, {name for node in nodes for name in node.input})
    del alone.graph.input[:], alone.graph.output[:], alone.graph.value_info[:]
    alone.graph.output.extend(ValueInfoProto(name=name) for name in wanted)
    return alone


def _with(model: ModelProto, nodes: Sequence[NodeProto], read: set[str]) -> ModelProto:
    """The same model of other nodes and the initializers that they read."""
    graph = model.graph
    part = GraphProto(name=graph.name, node=nodes, output=graph.output, value_info=graph.value_info)
    part.initializer.extend(tensor for tensor in graph.initializer if tensor.name in read)
    part.input.extend(network_inputs(graph))
    return ModelProto(ir_version=model.ir_version, graph=part, opset_import=model.opset_import)
