"""Reads an ONNX or QONNX model into the source graph, node by node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from onnx import ModelProto, NodeProto

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.frontends import constants
from bnnc.frontends.domains import QONNX_DOMAINS, STANDARD_DOMAINS
from bnnc.frontends.names import Names, label
from bnnc.frontends.node import Node
from bnnc.frontends.nodes import (
    branches,
    elementwise,
    endings,
    fixed_point,
    linear,
    linear_quantizers,
    pooling,
    quantizers,
    shapes,
)
from bnnc.frontends.schemas import schema_problem
from bnnc.frontends.structure import (
    check_structure,
    input_shape,
    network_inputs,
    opset_of,
    ordered_nodes,
)
from bnnc.frontends.tensors import annotation_findings, constant_node, tensor_array
from bnnc.frontends.values import Const, Doubles, Levels, Several, Value
from bnnc.ir.edge_ops import Input
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Op

Converter = Callable[[Node], Value]

QONNX: dict[str, Converter] = dict(quantizers.CONVERTERS)
_COMPARING = {"GreaterOrEqual", "Greater", "LessOrEqual", "Less", "Not", "Where"}
SAME_SHAPE = {*elementwise.CONVERTERS, *QONNX} - _COMPARING
STANDARD: dict[str, Converter] = {
    **elementwise.CONVERTERS,
    **linear_quantizers.CONVERTERS,
    **linear.CONVERTERS,
    **pooling.CONVERTERS,
    **shapes.CONVERTERS,
    **endings.CONVERTERS,
    **branches.CONVERTERS,
    "Constant": constant_node,
}
CONVERTERS = {**STANDARD, **QONNX}
USED_OUTPUT = {"TopK": 1}  # the indices; the values are not read
ALL_OUTPUTS = {"Split"}
_OUTPUT_REMEDIES = {"TopK": "use its indices output"}
_HINTS = {
    **dict.fromkeys(
        ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"),
        "export the model with QuantizeLinear/DequantizeLinear pairs (QDQ)",
    ),
    "GatherND": "choose channels with torch.index_select, which becomes Gather",
}


@dataclass(frozen=True)
class SourceModel:
    """The source graph, and for its operations the tensors of the ONNX graph that hold their results."""

    graph: Graph
    tensors: dict[str, str]


def read_model(model: ModelProto, name: str) -> SourceModel:
    """The source graph of `model`; BnncError with all findings when it cannot be represented."""
    opset = opset_of(model)
    check_structure(model)
    reader = _Reader(opset)
    reader.read_constants(model)
    nodes = ordered_nodes(model.graph)
    reader.used = {name for node in nodes for name in node.input} | {model.graph.output[0].name}
    reader.read_input(model)
    reader.name_nodes(nodes)
    for node in nodes:
        reader.read_node(node)
    raise_all(reader.findings)
    result = reader.result(model.graph.output[0].name)
    return SourceModel(Graph(name, Level.SOURCE, result), reader.tensors)


@dataclass
class _Reader:
    """What has been read so far: a value a tensor, and what is wrong."""

    opset: int
    values: dict[str, Value] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    tensors: dict[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    node_names: dict[int, str] = field(default_factory=dict)
    batch: int | None = None
    used: set[str] = field(default_factory=set)

    def read_constants(self, model: ModelProto) -> None:
        """The initializers, and what is wrong with FINN's annotations of them."""
        arrays = {t.name: tensor_array(t, f"tensor {t.name!r}") for t in model.graph.initializer}
        self.values.update((name, Const(array)) for name, array in arrays.items())
        self.findings.extend(annotation_findings(model.graph, arrays))

    def read_input(self, model: ModelProto) -> None:
        """The network's input and the batch size that it declares."""
        [value] = network_inputs(model.graph)
        self.batch, shape = input_shape(value)
        self._define(value.name, Input(self.names.unique(value.name), shape))

    def name_nodes(self, nodes: list[NodeProto]) -> None:
        """Names of nodes come before names of what they become, so that they stay as they are."""
        for proto in nodes:
            self.node_names[id(proto)] = self.names.unique(label(proto))

    def read_node(self, proto: NodeProto) -> None:
        """The value of a node, or a finding; nodes behind one that was refused are left out."""
        name = self.node_names[id(proto)]
        where = f"node {name!r} ({proto.op_type})"
        if not _is_known(proto):
            remedy = _HINTS.get(proto.op_type, "replace it by operators that docs/supported.md lists")
            self.findings.append(Finding(where, f"operator {_full_type(proto)} is not supported", remedy))
            return
        problem = "" if proto.op_type in {*QONNX, "Constant"} else schema_problem(proto, self.opset)
        if problem:
            self.findings.append(Finding(where, problem, "convert the model with onnx.version_converter"))
            return
        self.findings.extend(self._unread_outputs(proto, where))
        if any(tensor and tensor not in self.values for tensor in proto.input):
            return  # an operand has been refused; that finding is enough
        inputs = tuple(self.values[tensor] if tensor else None for tensor in proto.input)
        node = Node(proto, name, self.opset, self.batch, inputs, self.names, self.findings.append)
        try:
            value = _convert(node)
        except BnncError as error:
            self.findings.extend(Finding(where, f.what, f.remedy) for f in error.findings)
            stand_in = next((value for value in inputs if isinstance(value, Op)), None)
            if proto.op_type not in SAME_SHAPE or stand_in is None:
                return
            value = stand_in  # reading on finds what else is wrong
        self._define_outputs(proto, value)

    def _define_outputs(self, proto: NodeProto, value: Value) -> None:
        used = USED_OUTPUT.get(proto.op_type, 0)
        values = dict(enumerate(value.parts)) if isinstance(value, Several) else {used: value}
        for index, tensor in enumerate(proto.output):
            if tensor and index in values:
                self._define(tensor, values[index])

    def _unread_outputs(self, proto: NodeProto, where: str) -> Iterator[Finding]:
        """Outputs that bnnc does not compute and that something reads."""
        if proto.op_type in ALL_OUTPUTS:
            return
        computed = USED_OUTPUT.get(proto.op_type, 0)
        for index, tensor in enumerate(proto.output):
            if tensor and tensor in self.used and index != computed:
                remedy = _OUTPUT_REMEDIES.get(proto.op_type, f"only output {computed} is supported")
                yield Finding(where, f"its output {index} ({tensor!r}) is used", remedy)

    def _define(self, tensor: str, value: Value) -> None:
        self.values[tensor] = value
        if isinstance(value, Op):
            self.tensors.setdefault(value.name, tensor)

    def result(self, tensor: str) -> Op:
        """The operation that computes a tensor; BnncError when it is something else."""
        value = self.values.get(tensor)
        where = f"output {tensor!r}"
        match value:
            case Op():
                return value
            case None:
                raise BnncError.at(where, "nothing that bnnc reads computes it")
            case Const():
                raise BnncError.at(where, "does not depend on the network's input")
            case Levels():
                raise BnncError.at(where, "is the result of a QuantizeLinear", "append its DequantizeLinear")
            case Doubles():
                raise BnncError.at(where, "is float64", "append a Cast to float32")
        raise BnncError.at(where, "is the result of a comparison", "append a Cast to float32")


def _is_known(proto: NodeProto) -> bool:
    if proto.domain in STANDARD_DOMAINS:
        return proto.op_type in CONVERTERS or proto.op_type in constants.FOLDABLE
    return proto.domain in QONNX_DOMAINS and proto.op_type in QONNX


def _full_type(proto: NodeProto) -> str:
    return f"{proto.domain}.{proto.op_type}" if proto.domain else proto.op_type


def _convert(node: Node) -> Value:
    folds = node.op_type in constants.FOLDABLE and all(isinstance(v, Const | None) for v in node.inputs)
    if folds:
        return constants.fold(node)
    if any(isinstance(value, Doubles) for value in node.inputs):
        return fixed_point.convert(node)
    if node.op_type not in CONVERTERS:
        raise node.refusal("works on a layer's result", "only its use on constants is supported")
    return CONVERTERS[node.op_type](node)
