"""The shape of an ONNX graph: one input, one output, every tensor defined once, no cycle."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, defs

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.frontends.domains import STANDARD_DOMAINS
from bnnc.frontends.names import label
from bnnc.frontends.schemas import OLDEST_OPSET

MAX_INPUT = 2**28  # elements of a sample: 1 GB


def opset_of(model: ModelProto) -> int:
    """The version of the standard operators that the model uses."""
    versions = [o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS]
    if not versions:
        raise BnncError("the model names no version of the ONNX operators; it is damaged or no ONNX model")
    newest = defs.onnx_opset_version()
    if not OLDEST_OPSET <= versions[0] <= newest:
        remedy = f"opsets {OLDEST_OPSET} to {newest} are read; convert it with onnx.version_converter"
        raise BnncError.at("", f"opset {versions[0]}", remedy)
    return int(versions[0])


def check_structure(model: ModelProto) -> None:
    """Raise all that is wrong with the graph as a whole."""
    graph = model.graph
    findings = [*_unsupported_parts(model), *_ends(graph), *_duplicates(graph)]
    raise_all(findings)


def _unsupported_parts(model: ModelProto) -> Iterable[Finding]:
    if model.functions:
        names = ", ".join(sorted(repr(f.name) for f in model.functions))
        yield Finding(
            "", f"the model has local functions ({names})", "inline them: onnx.inliner.inline_local_functions"
        )
    if model.graph.sparse_initializer:
        yield Finding("", "the model has sparse initializers", "store them densely")
    if not model.graph.node:
        yield Finding("", "the graph has no nodes; the file is damaged or no network")


def _ends(graph: GraphProto) -> Iterable[Finding]:
    inputs = network_inputs(graph)
    for kind, found in (("input", inputs), ("output", list(graph.output))):
        if len(found) != 1:
            names = ", ".join(repr(value.name) for value in found) or "none"
            yield Finding("", f"{len(found)} {kind}s ({names})", f"a network with one {kind} is needed")
    for value in inputs:
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            yield Finding(
                f"input {value.name!r}", "is not float32", "export the network with a float32 input"
            )


def _duplicates(graph: GraphProto) -> Iterable[Finding]:
    defined = Counter(name for node in graph.node for name in node.output if name)
    defined.update(tensor.name for tensor in graph.initializer)
    defined.update(value.name for value in network_inputs(graph))
    for name in sorted(name for name, times in defined.items() if times > 1):
        yield Finding(
            f"tensor {name!r}", f"is defined {defined[name]} times", "give every tensor a name of its own"
        )
    called = Counter(node.name for node in graph.node if node.name)
    for name in sorted(name for name, times in called.items() if times > 1):
        types = ", ".join(node.op_type for node in graph.node if node.name == name)
        yield Finding(
            f"node {name!r}",
            f"{called[name]} nodes have this name ({types})",
            "give every node a name of its own, or none",
        )


def network_inputs(graph: GraphProto) -> list[ValueInfoProto]:
    """Inputs that are not initializers (before IR version 4 those were listed too)."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def input_shape(value: ValueInfoProto) -> tuple[int | None, tuple[int, ...]]:
    """(batch size that is declared as a number or None, shape of one sample)."""
    where = f"input {value.name!r}"
    if not value.type.tensor_type.HasField("shape") or not value.type.tensor_type.shape.dim:
        raise BnncError.at(where, "its shape is not declared", "declare it as (batch, ..)")
    batch, *dims = value.type.tensor_type.shape.dim
    remedy = "only the batch (axis 0) may be dynamic; fix it when exporting"
    findings = [
        Finding(where, f"axis {axis} is dynamic ({dim.dim_param or 'unnamed'!r})", remedy)
        for axis, dim in enumerate(dims, 1)
        if not dim.HasField("dim_value")
    ]
    raise_all(findings)
    sizes = [dim.dim_value for dim in dims]
    if not sizes or min(sizes) <= 0 or (batch.HasField("dim_value") and batch.dim_value <= 0):
        raise BnncError.at(
            where, f"shape {[batch.dim_value, *sizes]}", "a batch and positive dimensions are needed"
        )
    if math.prod(sizes) > MAX_INPUT:
        raise BnncError.at(
            where, f"shape {[batch.dim_value, *sizes]}: {math.prod(sizes)} elements are too many"
        )
    return (batch.dim_value if batch.HasField("dim_value") else None), tuple(sizes)


def ordered_nodes(graph: GraphProto) -> list[NodeProto]:
    """The nodes that the output depends on, operands before users, else in the order of the file."""
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needed = _needed(graph, producer)
    known = {t.name for t in graph.initializer} | {v.name for v in graph.input} | {""}
    raise_all([finding for i in sorted(needed) for finding in _undefined(graph.node[i], producer, known)])
    waits = {i: {producer[name] for name in graph.node[i].input if name in producer} for i in needed}
    users: dict[int, list[int]] = {i: [] for i in needed}
    for i, operands in waits.items():
        for operand in operands:
            users[operand].append(i)
    return [graph.node[i] for i in _sorted(graph, waits, users)]


def _needed(graph: GraphProto, producer: dict[str, int]) -> set[int]:
    needed: set[int] = set()
    wanted = [value.name for value in graph.output]
    while wanted:
        index = producer.get(wanted.pop())
        if index is not None and index not in needed:
            needed.add(index)
            wanted.extend(graph.node[index].input)
    return needed


def _undefined(node: NodeProto, producer: dict[str, int], known: set[str]) -> Iterable[Finding]:
    for name in node.input:
        if name not in producer and name not in known:
            yield Finding(f"node {label(node)!r} ({node.op_type})", f"its input {name!r} is defined nowhere")


def _sorted(graph: GraphProto, waits: dict[int, set[int]], users: dict[int, list[int]]) -> list[int]:
    order: list[int] = []
    ready = [i for i, operands in waits.items() if not operands]
    heapq.heapify(ready)
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for user in users[done]:
            waits[user].discard(done)
            if not waits[user]:
                heapq.heappush(ready, user)
    left = sorted(set(waits) - set(order))
    if left:
        names = ", ".join(repr(label(graph.node[i])) for i in left[:8])
        raise BnncError.at("", f"the graph has a cycle through or in front of the nodes {names}")
    return order
