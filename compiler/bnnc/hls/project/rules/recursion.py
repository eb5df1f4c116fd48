"""Recursion: hardware has no stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bnnc.errors import Finding
from bnnc.hls.project.rules.functions import Call, Function, Functions
from bnnc.hls.project.source import Source


def recursive(source: Source, known: Functions) -> Iterator[Finding]:
    """Functions from which calls lead back to them."""
    callees = {
        f: {callee for call in f.calls if not _is_other(call, f) for callee in known.meant(call, f)}
        for f in known.all
    }
    for function in known.all:
        if function in _reachable(function, callees):
            yield Finding(source.where(function.node), f"{function.name} calls itself")


def _is_other(call: Call, caller: Function) -> bool:
    """Whether it means another instance of the caller's template: a compiler refuses those without an end."""
    return call.scope == caller.owners[0] and bool(call.instance) and call.instance != caller.template


def _reachable(start: Function, callees: Mapping[Function, set[Function]]) -> set[Function]:
    found, waiting = set[Function](), [start]
    while waiting:
        new = callees[waiting.pop()] - found
        found |= new
        waiting += new
    return found
