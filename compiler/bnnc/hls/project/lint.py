"""Finds in the C++ of a project what HLS tools refuse, or pass over without a word."""

from __future__ import annotations

from pathlib import Path

from bnnc.errors import Finding, raise_all
from bnnc.hls.project.rules.constructs import refused
from bnnc.hls.project.rules.functions import functions
from bnnc.hls.project.rules.loops import unbounded
from bnnc.hls.project.rules.pragmas import misused
from bnnc.hls.project.rules.recursion import recursive
from bnnc.hls.project.rules.streams import shared
from bnnc.hls.project.rules.words import tool_dependent
from bnnc.hls.project.source import TOOLS, VITIS, Source, read_source


def lint(project: Path) -> tuple[Finding, ...]:
    """Everything in `project`/src that Vitis HLS, Vivado HLS or Bambu would refuse or ignore.

    Pragmas are read as each of the three tools reads them. BnncError where there is no C++ compiler, whose
    preprocessor is needed, or no parser.
    """
    found = dict.fromkeys(tool_dependent(project))
    for tool in TOOLS:
        found |= dict.fromkeys(_lint(read_source(project, tool)))
    return tuple(found)


def check(project: Path) -> None:
    """BnncError with all findings."""
    raise_all([Finding(f"{project}/{f.where}", f.what, f.remedy) for f in lint(project)])


def _lint(source: Source) -> list[Finding]:
    known = functions(source)
    found = list(misused(source, known))
    if source.tool is VITIS:  # all tools read the same code, or `tool_dependent` says so
        found += [*refused(source), *unbounded(source), *recursive(source, known), *shared(source, known)]
    return found
