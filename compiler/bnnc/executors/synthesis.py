"""HLS tools on what was compiled, in the user's own installation of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError

if TYPE_CHECKING:
    from bnnc.hls.project.synth import Synthesis


def check_synthesis(kind: str, tool: str) -> None:
    """BnncError, before anything is made, where `tool` has nothing to work on or is missing."""
    from bnnc.hls.project.synth import missing

    if kind != "hls":
        raise BnncError.at("--synth", f"target {kind} has nothing to synthesize", "use --target hls")
    if programs := missing(tool):
        raise BnncError.at("--synth", f"{programs} is not on PATH", "install it, or leave --synth out")


def synthesize_compiled(folder: Path, tool: str) -> Synthesis:
    """Synthesize and co-simulate a copy of a compiled folder; BnncError when integers differ."""
    from bnnc.hls.project.synth import synthesize

    return synthesize(folder, tool)
