"""What stands in the files themselves, before the preprocessor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bnnc.errors import Finding

TOOLS_HEADER = "bnnc_tools.h"
"""The one file in which what a tool reads may differ from what another reads."""

DIRECTIVE = re.compile(r"^\s*#\s*(\w+)(.*)", re.MULTILINE)
GUARD = re.compile(r"#ifndef (\w+)\n#define \1\n")
FOR_BAMBU = re.compile(r"^#if defined\(__BAMBU__\)\n(#pragma (HLS|clang) .*\n)+#endif\n", re.MULTILINE)
"""Bambu refuses pragmas that come from macros: it has those of the top function in lines of their own."""


def tool_dependent(project: Path) -> Iterator[Finding]:
    """Pragmas and conditions outside of the header that is for them: what was simulated is what is built."""
    for path in sorted((project / "src").iterdir()):
        if path.name == TOOLS_HEADER:
            continue
        text = FOR_BAMBU.sub(_empty_lines, path.read_text(encoding="utf-8"))
        if "_Pragma" in text or "#pragma" in text:
            yield Finding(
                f"src/{path.name}", "a pragma that is no macro", f"the macros stand in {TOOLS_HEADER}"
            )
        guards = {match[1] for match in GUARD.finditer(text)}
        for match in DIRECTIVE.finditer(text):
            if match[1] in ("if", "ifdef", "ifndef", "elif") and match[2].strip() not in guards:
                line = text.count("\n", 0, match.start()) + 1
                yield Finding(f"src/{path.name}:{line}", f"the code depends on {match[2].strip()}")


def _empty_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
