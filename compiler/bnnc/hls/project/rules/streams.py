"""Streams between functions: each has one writer and one reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnnc.errors import Finding
from bnnc.hls.project.rules.functions import Call, Function, Functions
from bnnc.hls.project.source import Source, text, walk

if TYPE_CHECKING:
    from tree_sitter import Node

METHODS = {"read": "reader", "write": "writer"}
ALLOWED_IN_REGION = ("declaration", "comment", "preproc_call")


def shared(source: Source, known: Functions) -> Iterator[Finding]:
    """Streams of a region whose functions run at once that have not one reader and one writer."""
    for function in known.all:
        if is_dataflow(function):
            yield from _region(source, function, known)
            yield from _other_statements(source, function)


def is_dataflow(function: Function) -> bool:
    return any(
        text(node).upper().split()[1:3] == ["HLS", "DATAFLOW"] for node in function.body.named_children
    )


def _region(source: Source, region: Function, known: Functions) -> Iterator[Finding]:
    local = [_declared(node) for node in region.body.named_children if _is_stream(node)]
    ports = [name for name, node in zip(region.names, region.parameters, strict=True) if _is_stream(node)]
    ends: dict[str, list[str]] = {name: [] for name in [*local, *ports]}
    for call in region.calls:
        for place, argument in enumerate(call.arguments):
            if argument in ends:
                ends[argument] += sorted(_uses(call, place, region, known, ()))
    for name, found in ends.items():
        wanted = {1} if name in local else {0, 1}
        for who in METHODS.values():
            if (n := found.count(who)) not in wanted:
                yield Finding(source.where(region.node), f"stream {name} has {n} {who}s, and needs one")
        if name in ports and len(found) != 1:
            yield Finding(source.where(region.node), f"port {name} is read or written {len(found)} times")


def _uses(
    call: Call, place: int, caller: Function, known: Functions, within: tuple[Function, ...]
) -> set[str]:
    """What is done with the stream that is argument number `place` of a call."""
    found = set[str]()
    for function in known.meant(call, caller):
        if function in within or place >= len(function.names):
            continue
        stream = function.names[place]
        found |= _own_uses(function, stream)
        for inner in function.calls:
            if stream in inner.arguments:
                at = inner.arguments.index(stream)
                found |= _uses(inner, at, function, known, (*within, function))
    return found


def _own_uses(function: Function, stream: str) -> set[str]:
    members = [
        text(node.child_by_field_name("field"))
        for node in walk(function.body, "field_expression")
        if text(node.child_by_field_name("argument")) == stream
    ]
    return {METHODS[member] for member in members if member in METHODS}


def _other_statements(source: Source, region: Function) -> Iterator[Finding]:
    """Functions that run at once are called, and nothing else is done beside them."""
    for node in region.body.named_children:
        is_call = node.type == "expression_statement" and node.named_children[0].type == "call_expression"
        if not is_call and node.type not in ALLOWED_IN_REGION:
            yield Finding(source.where(node), "more than calls and declarations beside DATAFLOW")


def _is_stream(node: Node) -> bool:
    return text(node.child_by_field_name("type")).startswith("hls::stream<")


def _declared(node: Node) -> str:
    return text(node.child_by_field_name("declarator"))
