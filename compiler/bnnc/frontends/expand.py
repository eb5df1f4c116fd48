"""QONNX quantizers as standard ONNX operators, so that onnxruntime runs the source network.

Every step is one float32 operation of the formulas in the qonnx package, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    helper,
    numpy_helper,
    shape_inference,
)

from bnnc.errors import BnncError, errors_within
from bnnc.frontends.domains import QONNX_DOMAINS, STANDARD_DOMAINS
from bnnc.frontends.formulas import Grid, channel_axis
from bnnc.frontends.names import Names, label
from bnnc.frontends.schemas import oldest_equal_opset
from bnnc.frontends.structure import opset_of, ordered_nodes
from bnnc.ir.op import Array

NEWEST_IR = 10  # of the oldest onnxruntime that setup.cfg allows
EXACT_INTEGERS = 2.0**23  # from here on every float32 is an integer


def expand(model: ModelProto) -> ModelProto:
    """A copy of `model` with standard operators for Quant, BipolarQuant, Trunc and MultiThreshold.

    Nodes that the output does not depend on are left out, as the reader leaves them out.
    """
    expanded = ModelProto()
    expanded.CopyFrom(model)
    graph = expanded.graph
    emitter = _Emitter(model, opset_of(model), _tensor_names(graph), _constants(graph))
    for node in ordered_nodes(graph):
        convert = emitter.expansion(node)
        if convert is None:
            emitter.nodes.append(node)
        else:
            with errors_within(f"node {label(node)!r} ({node.op_type})"):
                convert(emitter, node)
    nodes = emitter.nodes
    del graph.node[:], graph.quantization_annotation[:]
    graph.node.extend(nodes)
    graph.initializer.extend(emitter.initializers)
    _stamp(expanded, oldest_equal_opset(nodes, emitter.opset))
    return expanded


def _stamp(model: ModelProto, opset: int) -> None:
    """Name the versions that the expanded model needs; it holds nothing newer than NEWEST_IR."""
    imports = [o for o in model.opset_import if o.domain not in (*QONNX_DOMAINS, *STANDARD_DOMAINS)]
    del model.opset_import[:]
    model.opset_import.extend([OperatorSetIdProto(version=opset), *imports])
    model.ir_version = min(model.ir_version, NEWEST_IR)


def _may_be_qonnx(node: NodeProto) -> bool:
    return node.domain in (*QONNX_DOMAINS, *STANDARD_DOMAINS)


def _tensor_names(graph: GraphProto) -> Names:
    outputs = {name for node in graph.node for name in (*node.input, *node.output)}
    return Names(
        outputs | {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
    )


def _constants(graph: GraphProto) -> dict[str, Array]:
    """Arrays of small constants: what parameters of quantizers may be."""
    found = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                found[node.output[0]] = numpy_helper.to_array(attribute.t)
    return found


def _ranks(model: ModelProto) -> dict[str, int]:
    """The rank of every tensor; the quantizers keep it, so Identity stands for them here."""
    plain = ModelProto()
    plain.CopyFrom(model)
    for node in plain.graph.node:
        if _may_be_qonnx(node) and node.op_type in EXPANSIONS:
            identity = helper.make_node("Identity", node.input[:1], node.output)
            node.CopyFrom(identity)
    try:
        graph = shape_inference.infer_shapes(plain).graph
    except shape_inference.InferenceError as error:
        raise BnncError(f"the shapes of the model cannot be computed ({error})") from error
    values = [*graph.value_info, *graph.input, *graph.output]
    return {v.name: len(v.type.tensor_type.shape.dim) for v in values if v.type.tensor_type.HasField("shape")}


@dataclass
class _Emitter:
    """Collects the nodes and constants of the expanded graph."""

    model: ModelProto
    opset: int
    names: Names
    constants: dict[str, Array]
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    doubles: set[str] = field(default_factory=set)

    def expansion(self, node: NodeProto) -> Expansion | None:
        """What writes a node in operators that onnxruntime has; None where it is one."""
        if not _may_be_qonnx(node):
            return None
        in_double = not self.doubles.isdisjoint(node.input)
        is_cast = node.op_type == "Cast"
        if _int(node, "to", 0) == TensorProto.DOUBLE if is_cast else in_double:
            self.doubles.update(node.output)
        return _double_prelu if in_double and node.op_type == "PRelu" else EXPANSIONS.get(node.op_type)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The rank of every tensor of the model."""
        return _ranks(self.model)

    def op(self, op_type: str, *inputs: str, to: str = "", attributes: dict[str, int] | None = None) -> str:
        """Append a node; returns the name of its result, `to` or a fresh one."""
        result = to or self.names.unique(f"bnnc_{op_type}")
        node = helper.make_node(op_type, inputs, [result])
        node.attribute.extend(
            helper.make_attribute(name, value) for name, value in (attributes or {}).items()
        )
        self.nodes.append(node)
        return result

    def number(self, value: float | Array, dtype: type[np.floating[Any]] = np.float32) -> str:
        """A constant."""
        name = self.names.unique("bnnc_constant")
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def constant(self, node: NodeProto, index: int, what: str) -> Array:
        """Input `index` of a node, which has to be stored in the model; `what` names it in the error."""
        array = self.constants.get(node.input[index]) if index < len(node.input) else None
        if array is None:
            raise BnncError(f"{what} is not a stored constant")
        return array

    def round(self, x: str, mode: str) -> str:
        """x rounded to whole numbers, as `ir.codes.ROUNDINGS` rounds."""
        match mode.upper():
            case "ROUND" | "HALF_EVEN":
                return self._half_even(x)
            case "CEIL":
                return self.op("Ceil", x)
            case "FLOOR":
                return self.op("Floor", x)
            case "UP":
                magnitude = self.op("Ceil", self.op("Abs", x))
            case "DOWN":
                magnitude = self.op("Floor", self.op("Abs", x))
            case "HALF_UP":
                magnitude = self.op("Floor", self.op("Add", self.op("Abs", x), self.number(0.5)))
            case "HALF_DOWN":
                magnitude = self.op("Ceil", self.op("Sub", self.op("Abs", x), self.number(0.5)))
            case _:
                raise BnncError(f"unknown rounding mode {mode!r}")
        return self.op("Mul", self.op("Sign", x), magnitude)

    def _half_even(self, x: str) -> str:
        """Round, which came with opset 11. Before: |x| + 2**23 has no fraction bits, so adding rounds."""
        if self.opset >= 11:
            return self.op("Round", x)
        magnitude, bound = self.op("Abs", x), self.number(EXACT_INTEGERS)
        rounded = self.op("Sub", self.op("Add", magnitude, bound), bound)
        signed = self.op("Mul", self.op("Sign", x), rounded)
        return self.op("Where", self.op("Less", magnitude, bound), signed, x)

    def bipolar(self, x: str) -> str:
        """-1 where x is below 0, else +1."""
        return self.op("Where", self.op("Less", x, self.number(0)), self.number(-1), self.number(1))

    def clamp(self, x: str, grid: Grid) -> str:
        """x within the codes of a grid."""
        lo, hi = grid.code_range
        return self.op("Max", self.op("Min", x, self.number(hi)), self.number(lo))


def _quant(emitter: _Emitter, node: NodeProto) -> None:
    x, scale, zero_point = node.input[:3]
    grid = _grid(emitter, node, 3)
    y = emitter.op("Add", emitter.op("Div", x, scale), zero_point)
    y = emitter.bipolar(y) if grid.is_bipolar else emitter.round(emitter.clamp(y, grid), grid.rounding)
    emitter.op("Mul", emitter.op("Sub", y, zero_point), scale, to=node.output[0])


def _double_prelu(emitter: _Emitter, node: NodeProto) -> None:
    """onnxruntime has no PRelu of float64: x < 0 ? slope * x : x."""
    x, slope = node.input
    negative = emitter.op("Less", x, emitter.number(0, np.float64))
    emitter.op("Where", negative, emitter.op("Mul", slope, x), x, to=node.output[0])


def _bipolar_quant(emitter: _Emitter, node: NodeProto) -> None:
    emitter.op("Mul", emitter.bipolar(node.input[0]), node.input[1], to=node.output[0])


def _trunc(emitter: _Emitter, node: NodeProto) -> None:
    if len(node.input) > 5:
        _clamped_trunc(emitter, node)
        return
    x, scale, zero_point = node.input[:3]
    codes = _codes(emitter, x, scale, zero_point)
    dropped = emitter.constant(node, 3, "the bit width") - emitter.constant(node, 4, "the output bit width")
    scaled = emitter.op("Div", codes, emitter.number(2.0 ** dropped.astype(np.float32)))
    rounded = emitter.round(scaled, _text(node, "rounding_mode", "FLOOR"))
    emitter.op("Mul", emitter.op("Sub", rounded, zero_point), scale, to=node.output[0])


def _clamped_trunc(emitter: _Emitter, node: NodeProto) -> None:
    """Version 2: an output scale, and a clamp in front of the rounding."""
    x, scale, zero_point, _, out_scale, _ = node.input
    ratio = emitter.constant(node, 4, "the output scale") / emitter.constant(node, 1, "the scale")
    step = emitter.number(2 ** np.round(np.log2(ratio)))
    grid = _grid(emitter, node, 5, "FLOOR")
    scaled = emitter.op("Div", _codes(emitter, x, scale, zero_point), step)
    rounded = emitter.round(emitter.clamp(scaled, grid), grid.rounding)
    shifted = emitter.op("Sub", rounded, emitter.op("Div", zero_point, step))
    emitter.op("Mul", shifted, out_scale, to=node.output[0])


def _codes(emitter: _Emitter, x: str, scale: str, zero_point: str) -> str:
    return emitter.round(emitter.op("Add", emitter.op("Div", x, scale), zero_point), "ROUND")


def _multi_threshold(emitter: _Emitter, node: NodeProto) -> None:
    """One comparison a step, added up one by one: memory for two maps, however many steps."""
    thresholds = emitter.constant(node, 1, "the thresholds")
    shape = _threshold_shape(emitter, node) if thresholds.shape[0] > 1 else ()
    total = emitter.number(0)
    for step in thresholds.T:
        cut = emitter.number(step.reshape(shape))
        reached = emitter.op("Not", emitter.op("Less", node.input[0], cut))
        total = emitter.op("Add", total, emitter.op("Cast", reached, attributes={"to": TensorProto.FLOAT}))
    scaled = emitter.op("Mul", total, emitter.number(_float(node, "out_scale", 1.0)))
    emitter.op("Add", scaled, emitter.number(_float(node, "out_bias", 0.0)), to=node.output[0])


def _threshold_shape(emitter: _Emitter, node: NodeProto) -> tuple[int, ...]:
    """The shape in which one threshold a channel meets the input: its channels where the layout has its C."""
    rank = emitter.ranks.get(node.input[0])
    if rank is None:
        raise BnncError("the rank of its input is not known")
    channels = channel_axis(_text(node, "data_layout", ""), rank)
    return tuple(-1 if axis == channels else 1 for axis in range(rank))


def _grid(emitter: _Emitter, node: NodeProto, index: int, rounding: str = "ROUND") -> Grid:
    bits = int(emitter.constant(node, index, "the bit width").ravel()[0])
    signed, narrow = (bool(_int(node, name, default)) for name, default in (("signed", 1), ("narrow", 0)))
    return Grid(bits, signed, narrow, _text(node, "rounding_mode", rounding))


def _int(node: NodeProto, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _float(node: NodeProto, name: str, default: float) -> float:
    return next((float(a.f) for a in node.attribute if a.name == name), default)


def _text(node: NodeProto, name: str, default: str) -> str:
    return next((a.s.decode(errors="replace") for a in node.attribute if a.name == name), default)


Expansion = Callable[[_Emitter, NodeProto], None]

EXPANSIONS: dict[str, Expansion] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar_quant,
    "Trunc": _trunc,
    "MultiThreshold": _multi_threshold,
}
