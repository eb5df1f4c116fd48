"""Pragmas: a tool passes over one that it does not understand, and the hardware is another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bnnc.errors import Finding
from bnnc.hls.project.rules.functions import Function, Functions
from bnnc.hls.project.rules.grammar import FLAG, GRAMMAR, Directive, Place
from bnnc.hls.project.source import BAMBU, Source, text, walk

if TYPE_CHECKING:
    from tree_sitter import Node

FOR_CLANG = re.compile(r"\s*clang (loop unroll\(full\)|attribute (push\(.*\)|pop))\s*$")
"""Pragmas of the compiler that Bambu is built on."""
OPTION = re.compile(r"(\w+)\s*(?:=\s*(\S+))?\s*")


@dataclass(frozen=True)
class Pragma:
    """`#pragma HLS name key=value flag`."""

    node: Node
    name: str
    options: tuple[tuple[str, str], ...]

    def option(self, name: str) -> str:
        return next((value for key, value in self.options if key == name), "")


def misused(source: Source, known: Functions) -> Iterator[Finding]:
    """Pragmas that the tool does not know, with options it does not know, or where they may not stand."""
    grammar = GRAMMAR[source.tool]
    for node in walk(source.root, "preproc_call"):
        if text(node.child_by_field_name("directive")) != "#pragma":
            yield Finding(source.where(node), f"{text(node).strip()} is no pragma")
            continue
        if FOR_CLANG.match(text(node.child_by_field_name("argument"))) and source.tool is BAMBU:
            continue
        pragma = _pragma(node)
        directive = grammar.get(pragma.name)
        if directive is None:
            yield Finding(source.where(node), f"{source.tool.name} has no pragma {pragma.name!r}")
            continue
        whats = [*_misspelled(pragma, directive), *_misplaced(pragma, directive, known)]
        yield from (Finding(source.where(node), f"pragma {pragma.name}: {what}") for what in whats)


def _pragma(node: Node) -> Pragma:
    words = text(node.child_by_field_name("argument")).split(None, 2)
    if len(words) < 2 or words[0] != "HLS":
        return Pragma(node, " ".join(words), ())
    return Pragma(node, words[1], tuple(OPTION.findall(words[2])) if len(words) > 2 else ())


def _misspelled(pragma: Pragma, directive: Directive) -> Iterator[str]:
    given = [key for key, _ in pragma.options]
    for key, value in pragma.options:
        pattern = directive.options.get(key)
        if pattern is None and not value and directive.alone and re.fullmatch(directive.alone, key):
            continue
        if pattern is None:
            yield f"there is no option {key!r}"
        elif not re.fullmatch(pattern, value):
            yield f"{key} takes no {value!r}" if pattern == FLAG else f"{key} is {value!r}"
        if given.count(key) > 1:
            yield f"{key} is given twice"
    yield from (f"{key} is missing" for key in directive.required if key not in given)


def _misplaced(pragma: Pragma, directive: Directive, known: Functions) -> Iterator[str]:
    place = directive.place
    function = _function_around(pragma.node, known)
    if function is None:
        yield f"stands outside of functions, not {place.value}"
        return
    if not _stands(pragma, place, function, known):
        yield f"does not stand {place.value}"
    port = pragma.option("port")
    if port and port not in (*function.names, "return"):
        yield f"there is no port {port!r}"


def _stands(pragma: Pragma, place: Place, function: Function, known: Functions) -> bool:
    in_function, in_loop = _leads(pragma.node, function.body), _leads_a_loop(pragma.node)
    match place:
        case Place.TOP:
            return in_function and function is known.all[-1]
        case Place.FUNCTION:
            return in_function
        case Place.LOOP:
            return in_loop
        case Place.FUNCTION_OR_LOOP:
            return in_function or in_loop
        case Place.VARIABLE:
            return pragma.option("variable") in _declared_before(pragma.node, function)


def _function_around(node: Node, known: Functions) -> Function | None:
    inside = (f for f in known.all if f.body.start_byte <= node.start_byte < f.body.end_byte)
    return next(inside, None)


def _leads(node: Node, body: Node) -> bool:
    """Whether only pragmas stand before it in `body`."""
    before = [child for child in body.named_children if child.start_byte < node.start_byte]
    return node.parent == body and all(child.type in ("preproc_call", "comment") for child in before)


def _leads_a_loop(node: Node) -> bool:
    body = node.parent
    is_loop = body is not None and body.parent is not None and body.parent.type == "for_statement"
    return is_loop and body is not None and _leads(node, body)


def _declared_before(node: Node, function: Function) -> set[str]:
    """The parameters, and the variables of the function and of the file that are declared before `node`."""
    names = set(function.names)
    scopes = [*walk(function.body, "declaration"), *_of_the_file(function.node)]
    for declaration in scopes:
        if declaration.start_byte < node.start_byte:
            for declarator in declaration.children_by_field_name("declarator"):
                names.add(text(next(walk(declarator, "identifier"), None)))
    return names


def _of_the_file(node: Node) -> Iterator[Node]:
    root = node
    while root.parent is not None:
        root = root.parent
    return (child for child in root.named_children if child.type == "declaration")
