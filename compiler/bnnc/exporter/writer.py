"""An ONNX graph under construction: nodes, constants, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]
QONNX_DOMAIN = "qonnx.custom_op.general"
OPSET = 17
IR_VERSION = 8


@dataclass
class Writer:
    """Collects nodes in order; a node's first result has the node's name."""

    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _stored: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def unique(self, wanted: str) -> str:
        """`wanted`, or the first free one of `wanted_2`, `wanted_3`, .."""
        name, n = wanted, 1
        while name in self.taken:
            n += 1
            name = f"{wanted}_{n}"
        self.taken.add(name)
        return name

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        name: str,
        domain: str = "",
        outputs: int = 1,
        **attributes: Any,
    ) -> list[str]:
        """Append a node called `name`, or much like it; returns the names of its results."""
        unique = self.unique(name)
        others = [self.unique(f"{unique}_{i}") for i in range(1, outputs)]
        given = {key: attributes[key] for key in sorted(attributes)}
        self.nodes.append(
            helper.make_node(op_type, inputs, [unique, *others], unique, domain=domain, **given)
        )
        return [unique, *others]

    def constant(self, array: Array, name: str) -> str:
        """An initializer called `name`, or much like it; equal small constants are stored once."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        key = (str(array.dtype), array.shape, array.tobytes()) if array.size <= 4 else None
        if key is not None and key in self._stored:
            return self._stored[key]
        unique = self.unique(name)
        self.initializers.append(numpy_helper.from_array(array, unique))
        if key is not None:
            self._stored[key] = unique
        return unique

    def model(
        self, name: str, source: tuple[str, list[int]], result: tuple[str, list[int], int]
    ) -> ModelProto:
        """The model with one input (name, shape) and one output (name, shape, type); a free batch `N`."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, ["N", *source[1]])],
            [helper.make_tensor_value_info(result[0], result[2], ["N", *result[1]])],
            self.initializers,
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX_DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="bnnc")
