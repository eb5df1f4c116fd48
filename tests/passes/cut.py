"""Cuts the part between an accumulator and a quantizer out of a source model and runs it in onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from bnnc.frontends.expand import expand
from bnnc.ir.op import Array


class Cut:
    """The operations of `model` between two of its tensors, QONNX operations expanded."""

    def __init__(self, model: onnx.ModelProto, source: str, target: str) -> None:
        plain = expand(model)
        graph = _between(plain.graph, source, target)
        self.pools = any(node.op_type == "MaxPool" for node in graph.node)
        cut = helper.make_model(graph, opset_imports=plain.opset_import, ir_version=plain.ir_version)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self._session = ort.InferenceSession(cut.SerializeToString(), options, ["CPUExecutionProvider"])
        self._is_map = any(node.op_type == "Conv" and source in node.output for node in plain.graph.node)

    def __call__(self, accumulators: Array) -> Array:
        """float32 (V, C): the cut on float32 accumulators (V, C), each in all pixels of a window."""
        size = 2 if self.pools else 1
        pixels = (1, 1, size, size) if self._is_map else (1, 1)
        x = np.tile(accumulators.reshape(*accumulators.shape, *[1] * (len(pixels) - 2)), pixels)
        (y,) = self._session.run(None, {self._session.get_inputs()[0].name: x})
        answer: Array = y.reshape(accumulators.shape)
        return answer


def _between(graph: onnx.GraphProto, source: str, target: str) -> onnx.GraphProto:
    producer = {name: node for node in graph.node for name in node.output}
    wanted, seen = [target], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen or name == source or name not in producer:
            continue
        seen.add(name)
        wanted.extend(producer[name].input)
    nodes = [node for node in graph.node if seen.intersection(node.output)]
    inputs = [helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, None)]
    outputs = [helper.make_tensor_value_info(target, onnx.TensorProto.FLOAT, None)]
    return helper.make_graph(nodes, "cut", inputs, outputs, initializer=list(graph.initializer))
