"""manifest.json of a compiled folder: what was made, and for what. Nothing in it depends on time or place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bnnc
from bnnc.errors import BnncError, Finding, raise_all
from bnnc.executors.registry import build_target
from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.types import Type

MANIFEST = "manifest.json"
_KINDS = {
    **dict.fromkeys(("name", "target", "cpu", "input_domain", "bnnc"), str),
    **dict.fromkeys(("input", "output", "details", "files"), dict),
    "notes": list,
}


@dataclass(frozen=True)
class Signature:
    """An end of the network: `dtype` and `shape` of one sample at the edge, and of what the device sees."""

    dtype: str
    shape: tuple[int, ...]
    device_type: str
    device_shape: tuple[int, ...]

    def __str__(self) -> str:
        device = "x".join(map(str, self.device_shape))
        return f"{self.dtype} {list(self.shape)}, on the device {self.device_type} {device}"


@dataclass(frozen=True)
class Manifest:
    """What `bnnc compile` wrote into a folder. `files` maps relative paths to SHA-256 digests.

    `details` is what the target's builder says of its work.
    """

    name: str
    target: str
    cpu: str
    input_domain: str
    input: Signature
    output: Signature
    notes: tuple[str, ...]
    details: dict[str, Any]
    files: dict[str, str]
    bnnc: str = bnnc.__version__


def signatures(graph: Graph) -> tuple[Signature, Signature]:
    """The input and the output of a lowered graph."""
    codes, raw = core_input(graph).type, core_result(graph).type
    return _ends(graph.input.type, codes), _ends(graph.result.type, raw)


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write manifest.json, the same bytes for the same manifest."""
    text = json.dumps(asdict(manifest), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`; BnncError when there is none or it is not ours."""
    path = folder / MANIFEST
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        _check_kinds(fields)
        build_target(fields["target"], fields["cpu"] or None)
        fields |= {end: _signature(fields[end]) for end in ("input", "output")}
        return Manifest(**{**fields, "notes": tuple(fields["notes"])})
    except FileNotFoundError as error:
        remedy = "give a folder that `bnnc compile` made"
        raise BnncError.at(str(folder), f"there is no {MANIFEST}", remedy) from error
    except (OSError, ValueError, KeyError, TypeError, BnncError) as error:
        raise BnncError.at(str(path), f"not a manifest of this bnnc ({error})", "compile it again") from error


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but the manifest."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def check_files(folder: Path, manifest: Manifest) -> None:
    """BnncError with every file of the manifest that is missing or no longer what was compiled."""
    raise_all(
        [
            Finding(str(folder / name), what, "compile it again")
            for name, digest in sorted(manifest.files.items())
            if (what := _difference(folder / name, digest))
        ]
    )


def _difference(path: Path, digest: str) -> str:
    if not path.is_file():
        return "was compiled and is not there"
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == digest else "is not what was compiled"


def _check_kinds(fields: object) -> None:
    """TypeError or KeyError when something is not there or of another kind."""
    if not isinstance(fields, dict):
        raise TypeError("no fields")
    for name, kind in _KINDS.items():
        if not isinstance(fields[name], kind):
            raise TypeError(f"{name!r} is {fields[name]!r}")


def _ends(edge: Type, device: Type) -> Signature:
    return Signature(edge.elem.dtype.name, edge.shape, str(device.elem), device.shape)


def _signature(fields: dict[str, Any]) -> Signature:
    shapes = {key: tuple(fields[key]) for key in ("shape", "device_shape")}
    return Signature(**{**fields, **shapes})
