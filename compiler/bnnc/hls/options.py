"""What a user wants of target hls, and the file in which foldings are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnnc.errors import BnncError, Finding, raise_all

Wanted = Mapping[str, Any]
Choice = Mapping[str, Wanted]
DEFAULT_PART = "xc7z020"
DEFAULT_CLOCK_MHZ = 100.0
BALANCED, MINIMAL, MAXIMAL = "balanced", "minimal", "maximal"
NAMED = (BALANCED, MINIMAL, MAXIMAL)
BUDGETED = ("lut", "ff", "bram", "uram", "dsp")
KEYS = ("layers", "fifos")


@dataclass(frozen=True)
class Folding:
    """{"pe": n, "simd": n, "weights": storage} or {"lanes": n} by layer, and depths by FIFO.

    The rest is as `base` has it: balanced, minimal or maximal.
    """

    layers: Choice = field(default_factory=dict)
    fifos: Mapping[str, int] = field(default_factory=dict)
    base: str = BALANCED


@dataclass(frozen=True)
class HlsOptions:
    """A part or a board, its clock, and the folding; with `fps` or `max_fps` what it leaves open is solved.

    budget: how much of the part may be taken, as shares by kind (lut, ff, bram, uram, dsp). control: axilite
    for a block that starts by a register, none for one that always runs. compress: huffman for weights in
    block RAM that are stored as codes where that is smaller, or none.
    """

    part: str = DEFAULT_PART
    clock_mhz: float = DEFAULT_CLOCK_MHZ
    folding: Folding = field(default_factory=Folding)
    fps: float | None = None
    max_fps: bool = False
    budget: Mapping[str, float] = field(default_factory=dict)
    control: str = "axilite"
    compress: str = "none"

    @property
    def solves(self) -> bool:
        return self.fps is not None or self.max_fps

    @property
    def compresses(self) -> bool:
        return self.compress != "none"


def checked_clock(clock_mhz: float) -> float:
    """The clock; BnncError for one that no part has."""
    if not 1 <= clock_mhz <= 2000:
        raise BnncError.at("", f"a clock of {clock_mhz:g} MHz", "give 1 to 2000 MHz")
    return clock_mhz


def read_folding(text: str) -> Folding:
    """`--folding`: minimal, maximal, balanced, or a file."""
    if text in NAMED:
        return Folding(base=text)
    path = Path(text)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object_of)
    except _TwiceError as error:
        raise BnncError.at(text, f"key {error.args[0]!r} is there twice", "keep one of them") from error
    except (OSError, UnicodeDecodeError) as error:
        remedy = f"give a file or one of {', '.join(NAMED)}"
        raise BnncError.at(text, f"cannot be read: {error}", remedy) from error
    except json.JSONDecodeError as error:
        raise BnncError.at(f"{text}:{error.lineno}", f"no JSON: {error.msg}") from error
    return _parsed(content, text)


class _TwiceError(Exception):
    """A key of an object that has it already."""


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _parsed(content: object, where: str) -> Folding:
    """{"layers": {name: {key: value}}, "fifos": {name: depth}}, each of them optional."""
    if not isinstance(content, dict):
        raise BnncError.at(where, "no folding", 'give {"layers": {..}, "fifos": {..}}')
    findings = [
        Finding(where, f"unknown key {key!r}", f"give {' and '.join(KEYS)}")
        for key in content
        if key not in KEYS
    ]
    layers, fifos = (_mapping(content.get(key, {}), f"{where}: {key}", findings) for key in KEYS)
    findings += [
        Finding(f"{where}: layers: {name!r}", f"{value!r} is no choice", 'give {"pe": n, ..}')
        for name, value in layers.items()
        if not isinstance(value, dict)
    ]
    findings += [
        Finding(f"{where}: fifos: {name!r}", f"a depth of {depth!r}", "give 1 or more words")
        for name, depth in fifos.items()
        if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1
    ]
    raise_all(findings)
    return Folding(layers, fifos)


def _mapping(value: object, where: str, findings: list[Finding]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    findings.append(Finding(where, f"{value!r} is no object"))
    return {}


def folding_text(layers: Choice, fifos: Mapping[str, int]) -> str:
    """A folding file: a line for each layer and each FIFO."""
    return f"{{\n{_object('layers', layers)},\n{_object('fifos', fifos)}\n}}\n"


def _object(key: str, entries: Mapping[str, object]) -> str:
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items())
    return f'  "{key}": {{\n{lines}\n  }}' if lines else f'  "{key}": {{}}'


def parse_budget(text: str) -> dict[str, float]:
    """`lut=0.7,bram=0.8`: shares of a part."""
    budget: dict[str, float] = {}
    remedy = f"give shares of {', '.join(BUDGETED)}, as in lut=0.7,bram=0.8"
    for item in (part.strip() for part in text.split(",")):
        kind, _, share = item.partition("=")
        if kind not in BUDGETED or not share:
            raise BnncError.at("--budget", f"{item!r} is no share of a resource", remedy)
        if kind in budget:
            raise BnncError.at("--budget", f"{kind} is there twice", remedy)
        try:
            budget[kind] = float(share)
        except ValueError as error:
            raise BnncError.at("--budget", f"{share!r} is no number", remedy) from error
        if not 0 < budget[kind] <= 1:
            raise BnncError.at("--budget", f"{share} is no share", "give more than 0 and at most 1")
    return budget
