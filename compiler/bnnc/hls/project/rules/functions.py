"""The functions of a source and the calls in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bnnc.hls.project.source import Source, text, walk

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, eq=False)
class Call:
    """`scope<instance>::name(arguments)`; `scope` is the type or namespace in front of the name, or empty."""

    node: Node
    name: str
    scope: str
    instance: str = ""

    @cached_property
    def arguments(self) -> list[str]:
        listed = self.node.child_by_field_name("arguments")
        return [text(child) for child in listed.named_children] if listed is not None else []


@dataclass(frozen=True, eq=False)
class Function:
    """A function with its body; `owners` are the struct and the namespace that it is in, and the file."""

    node: Node
    name: str
    owners: tuple[str, ...]
    parameters: tuple[Node, ...]

    @property
    def body(self) -> Node:
        body = self.node.child_by_field_name("body")
        assert body is not None
        return body

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters; empty for one without."""
        return tuple(_declared_name(parameter) for parameter in self.parameters)

    @cached_property
    def template(self) -> str:
        """The parameters of the template that its struct is, as an instance of itself names them."""
        parent = self.node.parent
        while parent is not None and parent.type != "template_declaration":
            parent = parent.parent
        listed = parent.child_by_field_name("parameters") if parent is not None else None
        names = (text(p).split()[-1] for p in listed.named_children) if listed is not None else ()
        return ", ".join(names)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Calls of functions by name; methods of objects are none of the project's."""
        found = (_call(node) for node in walk(self.body, "call_expression"))
        return tuple(call for call in found if call.name)


@dataclass(frozen=True)
class Functions:
    """All functions of a source. `types` are the structs that a name stands for in any scope."""

    all: tuple[Function, ...]
    by_name: Mapping[str, Sequence[Function]]
    types: Mapping[str, set[str]]

    def meant(self, call: Call, caller: Function) -> list[Function]:
        """The functions that a call may mean.

        Those that P::code() means are open where P is the parameter of a template: then it is every `code`
        of the project that no typedef of P rules out.
        """
        same = self.by_name.get(call.name, ())
        owners = self.types.get(call.scope, {call.scope}) if call.scope else set(caller.owners)
        return [function for function in same if function.owners[0] in owners] or list(same)


def functions(source: Source) -> Functions:
    """All that have a body, in order."""
    found = tuple(_function(node) for node in walk(source.root, "function_definition"))
    by_name = defaultdict[str, list[Function]](list)
    for function in found:
        by_name[function.name].append(function)
    return Functions(found, by_name, _typedefs(source))


def _typedefs(source: Source) -> dict[str, set[str]]:
    types = defaultdict[str, set[str]](set)
    for node in walk(source.root, "type_definition"):
        meant = _type_name(node.child_by_field_name("type"))
        types[text(node.child_by_field_name("declarator"))].add(meant)
    return {name: meant - {name} for name, meant in types.items()}


def _function(node: Node) -> Function:
    declarator = next(walk(node, "function_declarator"))
    listed = declarator.child_by_field_name("parameters")
    parameters = [p for p in listed.named_children if p.type == "parameter_declaration"] if listed else []
    name = text(declarator.child_by_field_name("declarator")).split("::")[-1]
    return Function(node, name, (*_owners(node), ""), tuple(parameters))


def _owners(node: Node) -> Iterator[str]:
    parent = node.parent
    while parent is not None:
        if parent.type in ("struct_specifier", "namespace_definition"):
            yield _type_name(parent.child_by_field_name("name"))
        parent = parent.parent


def _declared_name(parameter: Node) -> str:
    declarator = parameter.child_by_field_name("declarator")
    return text(next(walk(declarator, "identifier"), None)) if declarator is not None else ""


def _type_name(node: Node | None) -> str:
    """`Dot` of `bnnc::Dot<X, W>`."""
    return text(node).split("<")[0].split("::")[-1].strip()


def _call(node: Node) -> Call:
    called, scope, instance = node.child_by_field_name("function"), "", ""
    while called is not None and called.type in (
        "qualified_identifier",
        "template_function",
        "dependent_name",
    ):
        if called.type == "qualified_identifier":
            around = called.child_by_field_name("scope")
            scope = _type_name(around)
            instance = text(around.child_by_field_name("arguments"))[1:-1] if around is not None else ""
        inner = called.child_by_field_name("name")
        called = inner if inner is not None else called.named_children[0]
    name = text(called) if called is not None and called.type == "identifier" else ""
    return Call(node, name, scope, instance)
