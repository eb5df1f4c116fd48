"""Walks a torch program: what is constant is computed, the rest becomes nodes."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import torch
from onnx import ModelProto, TensorProto
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.fx.node import map_arg

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.exporter import elementwise, layers, quantizers, shapes
from bnnc.exporter.call import Call, Known, Signal, operator_name, sizes, where
from bnnc.exporter.writer import Writer

CONVERTERS = {**elementwise.CONVERTERS, **layers.CONVERTERS, **shapes.CONVERTERS, **quantizers.CONVERTERS}
CHECKS = {f"aten.{name}" for name in ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range")}
ONNX_TYPES = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64}


def convert(program: ExportedProgram, name: str) -> ModelProto:
    """The ONNX model of `program`, a network with one input and one output.

    BnncError with all that cannot be written, each with the module that it stands in.
    """
    reader = None if _mutates(program) else _read(program)
    if reader is None or reader.findings:  # decomposing takes longer than all else
        reader = _read(program.run_decompositions({}))
    raise_all(reader.findings)
    return reader.model(name)


def _mutates(program: ExportedProgram) -> bool:
    """Whether an operator works in place; decomposed programs have none."""
    operators = [
        node.target for node in program.graph.nodes if isinstance(node.target, torch._ops.OpOverload)
    ]
    return any(operator._schema.is_mutable for operator in operators)


def _read(program: ExportedProgram) -> _Reader:
    reader = _Reader(program)
    for node in program.graph.nodes:
        reader.read(node)
    return reader


@dataclass
class _Reader:
    """What has been read so far: a value a node, and what is wrong."""

    program: ExportedProgram
    values: dict[Node, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    writer: Writer = field(default_factory=Writer)
    source: Signal | None = None
    result: Any = None

    def read(self, node: Node) -> None:
        """One node of the program; those behind a refused one are left out."""
        match node.op:
            case "placeholder":
                self._placeholder(node)
            case "call_function":
                self._call(node)
            case "get_attr":
                self.values[node] = Known(_attribute(self.program, str(node.target)))
            case "output":
                self._output(node)

    def _placeholder(self, node: Node) -> None:
        program = self.program
        spec = next(s for s in program.graph_signature.input_specs if s.arg.name == node.name)
        if spec.kind == InputKind.USER_INPUT:
            self._input(node)
            return
        assert spec.target is not None
        tables: tuple[Any, ...] = (program.state_dict, program.constants)
        value = next(table[spec.target] for table in tables if spec.target in table)
        self._check_finite(node, spec.target, value)
        self.values[node] = Known(value.detach() if isinstance(value, Tensor) else value)

    def _check_finite(self, node: Node, path: str, value: Any) -> None:
        is_real = isinstance(value, Tensor) and value.is_floating_point()
        if is_real and node.users and not bool(torch.isfinite(value).all()):
            what = "holds NaN or infinity"
            self.findings.append(Finding(f"parameter {path!r}", what, "mend the state of the module"))

    def _input(self, node: Node) -> None:
        value = node.meta.get("val")
        if not isinstance(value, Tensor):
            self.values[node] = Known(value)
            return
        problem = self._input_problem(value)
        if problem:
            self.findings.append(Finding(f"input {node.name!r}", problem))
            return
        self.source = Signal(self.writer.unique(node.name), sizes(value))
        self.values[node] = self.source

    def _input_problem(self, value: Tensor) -> str:
        """Why the input cannot be the network's; "" where it can."""
        if self.source is not None:
            return "is a second input; a network with one input is needed"
        if value.dtype != torch.float32:
            return f"is {value.dtype}, not float32"
        if any(isinstance(n, torch.SymInt) for n in value.shape[1:]):
            return f"has shape {tuple(value.shape)}; only the batch (axis 0) may be dynamic"
        return "" if value.dim() > 1 else f"has shape {tuple(value.shape)}; (batch, ..) is needed"

    def _call(self, node: Node) -> None:
        if node.target is operator.getitem:
            self._item(node)
            return
        if any(argument not in self.values for argument in node.all_input_nodes):
            return  # an operand has been refused; that finding is enough
        args, kwargs = self._resolved(node.args), self._resolved(node.kwargs)
        call = Call(node, _module(node), args, kwargs, self.writer)
        if call.operator in CHECKS:
            return
        if call.operator == "aten.sym_size":
            self.values[node] = Known(call.signal().shape[args[1]])
        elif not any(isinstance(self.values[argument], Signal) for argument in node.all_input_nodes):
            self.values[node] = _computed(call)
        else:
            self._convert(call)

    def _convert(self, call: Call) -> None:
        """An operator on what the network's input made of; the finding where it cannot be written."""
        if call.operator not in CONVERTERS:
            remedy = "write it with operators that docs/torch.md lists"
            self.findings.append(Finding(where(call.module, call.operator), "cannot be exported", remedy))
            return
        try:
            self.values[call.node] = CONVERTERS[call.operator](call)
        except BnncError as error:
            self.findings.extend(error.findings)

    def _item(self, node: Node) -> None:
        whole, index = node.args
        assert isinstance(whole, Node) and isinstance(index, int)
        if whole not in self.values:
            return
        value = self.values[whole]
        if isinstance(value, Known):
            self.values[node] = Known(value.value[index])
        elif isinstance(value, list):
            self.values[node] = value[index]
        elif index == 0:
            self.values[node] = value
        else:
            place = where(_module(whole), operator_name(whole))
            self.findings.append(Finding(place, f"its result {index} cannot be exported"))

    def _resolved(self, arguments: Any) -> Any:
        return map_arg(arguments, lambda node: self.values[node])

    def _output(self, node: Node) -> None:
        results = list(node.all_input_nodes)
        mutated = len(self.program.graph_signature.buffers_to_mutate)
        if mutated:
            what = "the network changes its buffers"
            self.findings.append(Finding("", what, "export it in eval mode: module.eval()"))
        if len(results) != 1 + mutated:
            self.findings.append(Finding("", f"{len(results)} outputs; a network with one is needed"))
        if not self.findings:
            self.result = self.values.get(results[-1])

    def model(self, name: str) -> ModelProto:
        """The model behind the last node."""
        result, source = self.result, self.source
        if source is None or not isinstance(result, Signal) or result == source:
            raise BnncError("the output does not depend on the network's input")
        if result.dtype not in ONNX_TYPES:
            raise BnncError(f"the output is {result.dtype}, not float32")
        last = (result.name, list(result.shape[1:]), ONNX_TYPES[result.dtype])
        return self.writer.model(name, (source.name, list(source.shape[1:])), last)


def _computed(call: Call) -> Known:
    """The value of an operator whose operands are all constant."""
    args, kwargs = _plain(call.args), _plain(call.kwargs)
    assert callable(call.node.target)
    with torch.no_grad():
        value = call.node.target(*args, **kwargs)
    return Known(value, (call.operator, args) if call.operator in quantizers.CONVERTERS else None)


def _plain(value: Any) -> Any:
    """Arguments with `Known` replaced by what it holds."""
    if isinstance(value, Known):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_plain(part) for part in value)
    return value


def _module(node: Node) -> str:
    """The path of the innermost module that the node was traced in; "" for the network itself."""
    stack = node.meta.get("nn_module_stack") or {}
    path = str(list(stack.values())[-1][0]) if stack else ""
    return path.partition("@")[0]


def _attribute(program: ExportedProgram, path: str) -> Any:
    value: Any = program.graph_module
    for part in path.split("."):
        value = getattr(value, part)
    return value
