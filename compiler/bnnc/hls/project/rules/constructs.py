"""Constructs that an HLS tool refuses, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnnc.errors import Finding
from bnnc.hls.lanes import MAX_WORD_BITS
from bnnc.hls.project.source import Source, text, walk

if TYPE_CHECKING:
    from tree_sitter import Node

ALLOCATES = {"malloc", "calloc", "realloc", "free", "alloca", "strdup"}
STATEMENTS = {
    "new_expression": "memory is allocated while it runs",
    "delete_expression": "memory is allocated while it runs",
    "while_statement": "a loop without a constant bound",
    "do_statement": "a loop without a constant bound",
    "for_range_loop": "a loop over a container",
    "goto_statement": "a jump",
    "try_statement": "an exception",
    "throw_statement": "an exception",
    "lambda_expression": "a lambda, which Vivado HLS does not know",
    "virtual": "a virtual function",
}
NOT_IN_HARDWARE = {"float", "double", "long double"}
NOT_IN_BAMBU = {"empty", "full", "size", "read_nb", "write_nb", "capacity"}
STREAM = re.compile(r"hls::stream<.*>")
STREAM_WORD = re.compile(r"hls::stream<\s*ap_u?int<\s*(\(*)(\d+)(\).*)?\s*>\s*>")
BUILT_IN = re.compile(r"(unsigned |signed )?(bool|char|short|int|long|u?int(8|16|32|64)_t)")


def refused(source: Source) -> Iterator[Finding]:
    """Everything that the tools refuse in a single expression or statement."""
    yield from _unparsed(source)
    for node in walk(source.root, *STATEMENTS):
        yield Finding(source.where(node), STATEMENTS[node.type])
    for node in walk(source.root, "primitive_type", "sized_type_specifier"):
        if text(node) in NOT_IN_HARDWARE:
            yield Finding(source.where(node), f"numbers of type {text(node)}")
    for node in walk(source.root, "namespace_identifier"):
        if text(node) == "std":
            yield Finding(source.where(node), "the standard library")
    for node in walk(source.root, "call_expression"):
        yield from _called(source, node)
    for node in walk(source.root, "cast_expression"):
        yield from _ambiguous_cast(source, node)
    yield from _streams(source)


def _unparsed(source: Source) -> Iterator[Finding]:
    """The innermost places at which the parser gave up."""
    waiting = [source.root] if source.root.has_error else []
    while waiting:
        node = waiting.pop()
        inner = [child for child in node.children if child.has_error or child.is_missing]
        waiting += inner
        if not inner:
            yield Finding(source.where(node), f"this is not parsed as C++: {text(node.parent)[:60]!r}")


def _called(source: Source, call: Node) -> Iterator[Finding]:
    function = call.child_by_field_name("function")
    if text(function) in ALLOCATES:
        yield Finding(source.where(call), f"{text(function)}: memory is allocated while it runs")
    if function is not None and function.type == "field_expression":
        member = text(function.child_by_field_name("field"))
        if member in NOT_IN_BAMBU:
            yield Finding(source.where(call), f".{member}() of a stream, which Bambu does not have")


def _ambiguous_cast(source: Source, cast: Node) -> Iterator[Finding]:
    """`(ap_uint<6>)x[i]` of a bit is ambiguous to Bambu, and the syntax does not tell a bit from an entry."""
    kind, value = text(cast.child_by_field_name("type")), cast.child_by_field_name("value")
    if value is not None and value.type == "subscript_expression" and not BUILT_IN.fullmatch(kind):
        remedy = "write (bool)x[i] ? 1 : 0 for a bit, a variable of its own for an entry"
        yield Finding(source.where(cast), f"{text(cast)} may be ambiguous", remedy)


def _streams(source: Source) -> Iterator[Finding]:
    for node in walk(source.root, "declaration", "parameter_declaration"):
        kind = text(node.child_by_field_name("type"))
        if not STREAM.fullmatch(kind):
            continue
        if width := STREAM_WORD.fullmatch(kind):
            yield from _word(source.where(node), int(width[2]), bool(width[1]))
        declarator = node.child_by_field_name("declarator")
        if node.type == "declaration" and declarator is not None and declarator.type != "identifier":
            yield Finding(source.where(node), "a stream with a name or a value", "declare it without")


def _word(where: str, bits: int, has_room: bool) -> Iterator[Finding]:
    """`has_room`: the number comes from BNNC_WORD, which leaves it in parentheses."""
    if bits > MAX_WORD_BITS:
        yield Finding(where, f"stream words of {bits} bits; Bambu has {MAX_WORD_BITS} at most")
    elif bits > 64 and bits % 8 and not has_room:
        yield Finding(
            where, f"stream words of {bits} bits, of which Bambu loses {bits % 8}", "write BNNC_WORD"
        )
