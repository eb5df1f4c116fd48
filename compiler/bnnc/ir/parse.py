"""Reads the text form of a graph back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import edge_ops, integer_ops, packed_ops, source_ops, sparse_ops, value_ops
from bnnc.ir.elem import Elem, elem
from bnnc.ir.graph import Graph, Level, Note
from bnnc.ir.op import Array, Op, attribute_fields, constant_fields, field_types, operand_fields

OPS: dict[str, type[Op]] = {
    cls.mnemonic(): cls
    for module in (edge_ops, source_ops, integer_ops, value_ops, packed_ops, sparse_ops)
    for cls in vars(module).values()
    if isinstance(cls, type)
    and issubclass(cls, Op)
    and cls.__module__ == module.__name__
    and cls is not source_ops.Elementwise  # a base class
}

_STRING = r'"(?:[^"\\]|\\.)*"'
_OP_LINE = re.compile(rf"%(\d+) = (\w+) ({_STRING})((?: %\d+)*)(?: \{{(.*)\}})? : (.+)")
_CONSTANT = re.compile(r"(\w+) = (?:@(\w+)|dense<([^>]*)>) (\w+)\[([\d, ]*)\](?:, |$)")
_ATTRIBUTE = re.compile(rf"(\w+) = ({_STRING}|\[[^\]]*\]|[^,\[\"]+)(?:, |$)")


def parse_graph(text: str, arrays: Mapping[str, Array] | None = None) -> Graph:
    """The graph of a text form; `arrays` holds the constants it names. BnncError names the wrong line."""
    reader = _Reader(arrays or {})
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.read(line.strip(), f"line {number}")
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise BnncError.at(f"line {number}", f"cannot read {line.strip()!r} ({error})") from error
    if reader.level is None or reader.result is None:
        raise BnncError("the text of a graph begins with `graph NAME LEVEL` and ends with `return %N`")
    return Graph(reader.name, reader.level, reader.result, tuple(reader.notes))


@dataclass
class _Reader:
    """What the lines read so far say."""

    arrays: Mapping[str, Array]
    name: str = ""
    level: Level | None = None
    result: Op | None = None
    notes: list[Note] = field(default_factory=list)
    ops: dict[str, Op] = field(default_factory=dict)

    def read(self, line: str, where: str) -> None:
        """Take in one line; `where` names it in errors."""
        match line.split(" ", 1):
            case [""] | ["//", *_]:
                pass
            case ["graph", rest]:
                quoted, level_name = rest.rsplit(" ", 1)
                self.name, self.level = json.loads(quoted), Level(level_name)
            case ["note", rest]:
                self.notes.append(_parse_note(rest, where))
            case ["return", reference]:
                self.result = self.ops.get(reference)
            case _:
                reference, op = _parse_op(line, where, self.ops, self.arrays)
                self.ops[reference] = op


def _parse_note(text: str, where: str) -> Note:
    match = re.fullmatch(rf"({_STRING}) ({_STRING})", text)
    if match is None:
        raise BnncError.at(where, f"a note has two strings, node and text, not {text}")
    return Note(json.loads(match[1]), json.loads(match[2]))


def _parse_op(line: str, where: str, ops: Mapping[str, Op], arrays: Mapping[str, Array]) -> tuple[str, Op]:
    match = _OP_LINE.fullmatch(line)
    if match is None:
        raise BnncError.at(where, f"not an operation: {line}")
    number, mnemonic, name, operands, details, type_text = match.groups()
    if mnemonic not in OPS:
        raise BnncError.at(where, f"unknown operation {mnemonic!r}")
    cls = OPS[mnemonic]
    values: dict[str, Any] = {"name": json.loads(name)}
    references = operands.split()
    if len(references) != len(operand_fields(cls)) or any(r not in ops for r in references):
        raise BnncError.at(where, f"{mnemonic} takes {len(operand_fields(cls))} operands defined above")
    values |= dict(zip(operand_fields(cls), (ops[r] for r in references), strict=True))
    values |= _parse_details(cls, details or "", where, arrays)
    op = cls(**values)
    if str(op.type) != type_text:
        raise BnncError.at(where, f"{mnemonic} gives {op.type}, the text says {type_text}")
    return f"%{number}", op


def _parse_details(cls: type[Op], text: str, where: str, arrays: Mapping[str, Array]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while text:
        if match := _CONSTANT.match(text):
            found[match[1]] = _constant(match, where, arrays)
        elif match := _ATTRIBUTE.match(text):
            hint = field_types(cls).get(match[1])
            found[match[1]] = _attribute(match[2].strip(), hint)
        else:
            raise BnncError.at(where, f"cannot read {text!r}")
        text = text[match.end() :]
    wanted = {*constant_fields(cls), *attribute_fields(cls)}
    if set(found) != wanted:
        raise BnncError.at(where, f"{cls.mnemonic()} has the fields {sorted(wanted)}, not {sorted(found)}")
    return found


def _constant(match: re.Match[str], where: str, arrays: Mapping[str, Array]) -> Array:
    _, key, inline, dtype, dims = match.groups()
    shape = tuple(int(n) for n in dims.split(",") if n.strip())
    if key is None:
        numbers = [n.strip() for n in inline.split(",") if n.strip()]
        return _inline(numbers, np.dtype(dtype)).reshape(shape)
    if key not in arrays:
        raise BnncError.at(where, f"constant @{key} is not beside the text", "give the .bnnc archive instead")
    return arrays[key].reshape(shape)


def _inline(numbers: list[str], dtype: np.dtype[Any]) -> Array:
    convert: Callable[[str], Any] = float if dtype.kind == "f" else int
    return np.array([convert(n) for n in numbers], dtype)


def _attribute(text: str, hint: Any) -> Any:
    if hint is Elem:
        return elem(text)
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        return tuple(_attribute(part.strip(), kind) for part in text[1:-1].split(",") if part.strip())
    if hint is str:
        return json.loads(text)
    if hint is bool:
        return {"true": True, "false": False}[text]
    return hint(text)
