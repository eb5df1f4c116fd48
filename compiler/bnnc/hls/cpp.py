"""Pieces of C++ that several units are written with."""

from __future__ import annotations

import textwrap


def struct(name: str, *members: str) -> str:
    """A struct of members with a blank line between them."""
    body = "\n\n".join(member for member in members if member)
    return f"struct {name} {{\n{textwrap.indent(body, '    ')}\n}};\n"


def function(head: str, *body: str) -> str:
    """A static member function that becomes part of its caller."""
    lines = "".join(f"    {line}\n" for line in ("BNNC_INLINE", *body))
    return f"static {head} {{\n{lines}}}"


def word_type(bits: int) -> str:
    """The type of a stream's words. Tools may need more bits for those that `BNNC_WORD` is written around."""
    return f"ap_uint<{bits}>" if bits <= 64 or bits % 8 == 0 else f"ap_uint<BNNC_WORD({bits})>"


def amount(n: int, what: str) -> str:
    """`1 lane`, `2 lanes`."""
    return f"{n} {what}{'s' if n != 1 else ''}"


def counts(has_mark: bool) -> str:
    """The member `counts`: whether a word is inside the map."""
    if not has_mark:
        return function("bool counts(in_t)", "return true;")
    return function("bool counts(in_t x)", "return (bool)x[0];")
