"""The text form of a graph: MLIR-flavoured, one operation a line; `ir.parse` reads it back.

    graph "tfc" packed
    %0 = input "x" {shape = [784]} : f32<784>
    %1 = xnor_conv2d "fc1" %0 {weights = @3fa9c1d0e5b2 uint32[64, 1, 1, 25], strides = [1, 1]} : i32<1x1x64>
    return %1

Constants of up to 16 elements stand in the text; larger ones are named by a digest and kept beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from bnnc.ir.elem import Elem
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, Op, attribute_fields, constant_fields

INLINE_ELEMENTS = 16


def print_graph(graph: Graph) -> str:
    """The text form; `constants` gives the arrays that it names."""
    return "\n".join(_lines(graph)) + "\n"


def constants(graph: Graph) -> dict[str, Array]:
    """Digest -> array, for every constant that the text form only names."""
    arrays = (array for op in graph.ops for array in op.constants.values() if array.size > INLINE_ELEMENTS)
    return {digest(array): array for array in arrays}


def digest(array: Array) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of dtype, shape and little-endian bytes."""
    stored = array.astype(array.dtype.newbyteorder("<"), copy=False)
    head = f"{array.dtype.name}{list(array.shape)}".encode()
    return hashlib.sha256(head + stored.tobytes()).hexdigest()[:12]


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {quote(graph.name)} {graph.level.value}"
    for note in graph.notes:
        yield f"note {quote(note.node)} {quote(note.text)}"
    number = {op: i for i, op in enumerate(graph.ops)}
    for op, i in number.items():
        operands = "".join(f" %{number[operand]}" for operand in op.operands)
        yield f"%{i} = {op.mnemonic()} {quote(op.name)}{operands}{_details(op)} : {op.type}"
    yield f"return %{number[graph.result]}"


def _details(op: Op) -> str:
    shown = [f"{name} = {_constant(getattr(op, name))}" for name in constant_fields(type(op))]
    shown += [f"{name} = {_attribute(getattr(op, name))}" for name in attribute_fields(type(op))]
    return f" {{{', '.join(shown)}}}" if shown else ""


def _constant(array: Array) -> str:
    kind = f"{array.dtype.name}{list(array.shape)}"
    if array.size > INLINE_ELEMENTS:
        return f"@{digest(array)} {kind}"
    return f"dense<{', '.join(_number(v) for v in array.ravel().tolist())}> {kind}"


def _number(value: float | int) -> str:
    return repr(int(value) if isinstance(value, int) else float(value))


def _attribute(value: object) -> str:
    if isinstance(value, Elem):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_attribute(v) for v in value)}]"
    assert isinstance(value, int | float)
    return _number(value)


def quote(text: str) -> str:
    """A JSON string: any text on one line."""
    return json.dumps(text)
