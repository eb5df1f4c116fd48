"""The C++ of a project as a tool sees it: behind the preprocessor, as a syntax tree."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError
from bnnc.hls.csim import INSTALL, compiler

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

HEADERS = ("ap_int.h", "hls_stream.h", "stdint.h")
MARKER = re.compile(r'# (\d+) "(.*?)"')


@dataclass(frozen=True)
class Tool:
    """An HLS tool, by the macros that it defines."""

    name: str
    macros: tuple[str, ...]


VITIS = Tool("Vitis HLS", ("__SYNTHESIS__", "__VITIS_HLS__"))
VIVADO = Tool("Vivado HLS", ("__SYNTHESIS__",))
BAMBU = Tool("Bambu", ("__BAMBU__", "__SYNTHESIS__"))
TOOLS = (VITIS, VIVADO, BAMBU)


@dataclass(frozen=True)
class Source:
    """What `tool` reads. `places` says of every line of it from which file and line it comes."""

    tool: Tool
    root: Node
    places: tuple[tuple[str, int], ...]

    def where(self, node: Node) -> str:
        """`src/net.cpp:12`."""
        name, line = self.places[node.start_point.row]
        return f"{name}:{line}"


def read_source(project: Path, tool: Tool) -> Source:
    """The project's own code for a tool, without that of the headers in HEADERS; no other header is found."""
    places, lines = list[tuple[str, int]](), list[str]()
    for path in sorted((project / "src").glob("*.cpp")):
        name, number = path.name, 1
        for line in _preprocessed(path, tool).splitlines():
            if marker := MARKER.match(line):
                name, number = Path(marker[2]).name, int(marker[1])
                continue
            places.append((f"src/{name}", number))
            lines.append(line)
            number += 1
    tree = _parser().parse("\n".join(lines).encode())
    return Source(tool, tree.root_node, (*places, ("src", 0)))


def walk(node: Node, *kinds: str) -> Iterator[Node]:
    """The nodes of these kinds below `node`, in order; the entries of arrays are left out."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if found.type in kinds:
            yield found
        if found.type != "initializer_list":
            waiting += reversed(found.children)


def text(node: Node | None) -> str:
    """The C++ of a node."""
    return node.text.decode() if node is not None and node.text is not None else ""


def check_installed() -> None:
    """BnncError where there is no parser."""
    _parser()


def _preprocessed(path: Path, tool: Tool) -> str:
    with tempfile.TemporaryDirectory(prefix="bnnc-lint-") as headers:
        for name in HEADERS:
            (Path(headers) / name).write_text("", encoding="utf-8")
        macros = [f"-D{macro}" for macro in tool.macros]
        command = [*compiler(), "-E", "-nostdinc", f"-I{headers}", *macros, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BnncError.at(str(path), f"what {tool.name} reads has no end:\n{done.stderr.strip()}")
    return done.stdout


@cache
def _parser() -> Parser:
    try:
        import tree_sitter_cpp
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise BnncError.at("lint of HLS C++", "the package tree-sitter-cpp is missing", INSTALL) from error
    return Parser(Language(tree_sitter_cpp.language()))
