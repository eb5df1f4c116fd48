"""What a command works on: a model file or a compiled folder, and its lowered graph."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bnnc.errors import BnncError, errors_within
from bnnc.executors import cache
from bnnc.executors.manifest import MANIFEST, Manifest, check_files, read_manifest
from bnnc.frontends.load import load_model
from bnnc.ir.archive import Archive, load_archive, save_archive
from bnnc.ir.graph import Graph, Level
from bnnc.ir.text import print_graph

if TYPE_CHECKING:
    from bnnc.passes.pipeline import LowerOptions
    from bnnc.passes.spans import Span

ARCHIVE = "model.bnnc"

_log = logging.getLogger("bnnc.network")


@dataclass(frozen=True)
class Network:
    """A network at `path`, read but not lowered yet. `manifest` is that of a compiled folder."""

    path: Path
    archive: Archive
    domain: str
    cache: Path
    manifest: Manifest | None = None
    calibration: Mapping[str, Span] = field(default_factory=dict)

    @cached_property
    def graph(self) -> Graph:
        """The packed graph."""
        if self.archive.graph.level is Level.PACKED:
            return self.archive.graph
        parts = {"what": "packed", "domain": self.domain, "model": self.digest}
        if self.calibration:
            parts["calibration"] = repr(sorted(self.calibration.items()))
        return load_archive(cache.entry(self.cache, parts, self._lower_into) / ARCHIVE).graph

    @cached_property
    def digest(self) -> str:
        """Of the graph as it was read, its constants and the bytes of the source model."""
        return graph_digest(self.archive.graph, self.archive.onnx)

    @property
    def options(self) -> LowerOptions:
        """What the user decided about lowering."""
        return replace(lower_options(self.domain), calibration=self.calibration)

    def _lower_into(self, folder: Path) -> None:
        from bnnc.passes.pipeline import lower

        _log.info("lowering %s", self.path)
        with errors_within(self.path):
            graph = lower(self.archive.graph, self.options)
        save_archive(Archive(graph, self.archive.onnx), folder / ARCHIVE)


def open_network(path: Path, domain: str | None, cache_root: Path, data: Path | None = None) -> Network:
    """Read a model file or a compiled folder; `data` are samples to calibrate with.

    BnncError when it is neither, has another input domain, or holds other files than were compiled.
    """
    if domain == "":
        raise BnncError.at("--input-domain", "is empty", "leave it out, or declare one as in u8:scale=1/255")
    if domain:
        lower_options(domain)  # a mistake in it is an error whether or not anything has to be lowered
    if not os.path.exists(path):
        raise BnncError.at(str(path), "there is no such file or folder")
    if path.is_dir():
        if data is not None:
            raise BnncError.at("--calibrate", "the network is compiled already", "give the source model")
        return _open_folder(path, domain, cache_root)
    archive = load_model(path)
    if domain and archive.graph.level is not Level.SOURCE:
        remedy = "leave --input-domain out, or give the source model"
        raise BnncError.at(str(path), "the graph is lowered already, its input domain is fixed", remedy)
    return Network(
        path, archive, domain or "", cache_root, calibration=_calibration(archive, data, domain or "")
    )


def _calibration(archive: Archive, data: Path | None, domain: str) -> Mapping[str, Span]:
    if data is None:
        return {}
    from bnnc.executors.calibrate import calibrate

    return calibrate(archive, data, domain)


def graph_digest(graph: Graph, onnx: bytes = b"") -> str:
    """SHA-256 of a graph, its constants and the bytes of a source model."""
    return hashlib.sha256(print_graph(graph).encode() + onnx).hexdigest()


def lower_options(domain: str) -> LowerOptions:
    """The options of the passes for a declared input domain; empty where none is."""
    from bnnc.passes.domain import parse_domain
    from bnnc.passes.pipeline import LowerOptions

    return LowerOptions(domain=parse_domain(domain) if domain else None)


def _open_folder(path: Path, domain: str | None, cache_root: Path) -> Network:
    if not (path / MANIFEST).is_file():
        remedy = "give a model file, or a folder that `bnnc compile` made"
        raise BnncError.at(str(path), f"a folder without {MANIFEST}", remedy)
    manifest = read_manifest(path)
    check_files(path, manifest)
    if domain and domain != manifest.input_domain:
        declared = (
            f"the input domain {manifest.input_domain!r}" if manifest.input_domain else "no input domain"
        )
        raise BnncError.at(str(path), f"it was compiled for {declared}, not {domain!r}", "compile it again")
    return Network(path, load_archive(path / ARCHIVE), manifest.input_domain, cache_root, manifest)
