"""Loops: a tool has to see how often each of them runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnnc.errors import Finding
from bnnc.hls.project.source import Source, text, walk

if TYPE_CHECKING:
    from tree_sitter import Node

COMPARES = {"<", "<=", ">", ">="}
STEPS = {"++", "--", "+=", "-=", "<<=", ">>="}
CONSTANT = re.compile(r"(static )?(const|constexpr) \w+\s")


def unbounded(source: Source) -> Iterator[Finding]:
    """`for` statements other than from a constant to a constant, by constant steps."""
    constants = _constants(source)
    for loop in walk(source.root, "for_statement"):
        if why := _why_unbounded(loop, constants):
            yield Finding(source.where(loop), f"a loop without a constant bound: {why}")


def _why_unbounded(loop: Node, constants: set[str]) -> str:
    """Empty when the loop counts a variable of its own up or down to a constant."""
    start, condition, update = (
        loop.child_by_field_name(field) for field in ("initializer", "condition", "update")
    )
    if start is None or start.type != "declaration" or condition is None or update is None:
        return "it has no counter, no condition or no step"
    counter = text(next(walk(start, "identifier"), None))
    left, right = condition.child_by_field_name("left"), condition.child_by_field_name("right")
    operator = text(condition.child_by_field_name("operator"))
    if condition.type != "binary_expression" or operator not in COMPARES or text(left) != counter:
        return f"{text(condition)!r} does not compare its counter"
    if unknown := _names(right) - constants:
        return f"{min(unknown)} is no constant"
    return _why_uneven(loop, update, counter, constants)


def _why_uneven(loop: Node, update: Node, counter: str, constants: set[str]) -> str:
    if not _counts(update, counter, constants):
        return f"{text(update)!r} is no step of its counter"
    body = loop.child_by_field_name("body")
    if body is not None and any(_sets(node, counter) for node in walk(body, *_SETTING)):
        return f"{counter} is set in its body"
    return ""


_SETTING = ("assignment_expression", "update_expression")


def _counts(update: Node, counter: str, constants: set[str]) -> bool:
    operator = text(update.child_by_field_name("operator"))
    step = update.child_by_field_name("right")
    return (
        update.type in _SETTING and operator in STEPS and _sets(update, counter) and _names(step) <= constants
    )


def _sets(node: Node, counter: str) -> bool:
    changed = node.child_by_field_name("left" if node.type == "assignment_expression" else "argument")
    return text(changed) == counter


def _names(node: Node | None) -> set[str]:
    """The names that a bound consists of; of P::SIZE it is SIZE."""
    return {text(name) for name in walk(node, "identifier")} if node is not None else set()


def _constants(source: Source) -> set[str]:
    """Constants of constants, enumerators and parameters of templates."""
    names, values = _of_unused_templates(source), list[tuple[str, set[str]]]()
    for node in walk(source.root, "enumerator"):
        names.add(text(node.child_by_field_name("name")))
    for node in walk(source.root, "template_parameter_list"):
        names |= {text(name) for name in _declared(node, "parameter_declaration")}
    for node in walk(source.root, "declaration", "field_declaration"):
        if CONSTANT.match(text(node)):
            values += _initialized(node)
    while known := {name for name, needs in values if needs <= names} - names:
        names |= known
    return names


def _of_unused_templates(source: Source) -> set[str]:
    """The members of P that templates name, and that no struct has which could be P."""
    named = {text(node.child_by_field_name("name")) for node in walk(source.root, "qualified_identifier")}
    return named - {text(node) for node in walk(source.root, "field_identifier")}


def _declared(node: Node, kind: str) -> Iterator[Node | None]:
    return (child.child_by_field_name("declarator") for child in node.named_children if child.type == kind)


def _initialized(node: Node) -> Iterator[tuple[str, set[str]]]:
    """Every name that a declaration gives a value, and the names in that value."""
    for declarator in walk(node, "init_declarator"):
        name, value = (declarator.child_by_field_name(field) for field in ("declarator", "value"))
        yield text(name), _names(value)
    members = node.children_by_field_name("declarator"), node.children_by_field_name("default_value")
    for name, value in zip(*members, strict=False):
        yield text(name), _names(value)
