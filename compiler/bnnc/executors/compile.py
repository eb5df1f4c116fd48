"""Compiles a network into a folder, and proves what was made on a few samples."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from bnnc.errors import Finding, errors_within, raise_all
from bnnc.executors.build import build_executor
from bnnc.executors.manifest import Manifest, file_digests, signatures, write_manifest
from bnnc.executors.network import ARCHIVE, Network
from bnnc.executors.registry import BuildTarget, Progress
from bnnc.executors.verify import Verdict, verify
from bnnc.executors.workshop import open_workshop
from bnnc.ir.archive import Archive, save_archive
from bnnc.ir.op import Array

_log = logging.getLogger("bnnc.compile")


def compile_network(network: Network, target: BuildTarget, x: Array, folder: Path) -> Manifest:
    """Fill `folder` with the artefacts of `target`, the packed graph and the manifest.

    x float32 (N, *input): the samples whose answers become golden vectors of the artefact's own test.
    """
    graph = network.graph
    _log.info("building %s for %s %s", graph.name, target.kind, target.cpu)
    with errors_within(network.path):
        details = build_executor(graph, target, folder, x)
    save_archive(Archive(graph, network.archive.onnx), folder / ARCHIVE)
    source, result = signatures(graph)
    manifest = Manifest(
        name=graph.name,
        target=target.kind,
        cpu=target.cpu,
        input_domain=network.domain,
        input=source,
        output=result,
        notes=tuple(map(str, graph.notes)),
        details=details,
        files=file_digests(folder),
    )
    write_manifest(manifest, folder)
    return manifest


def verify_compiled(
    network: Network, target: str, x: Array, folder: Path, progress: Progress | None = None
) -> tuple[Verdict, ...]:
    """Compare what is in `folder`, the simulator and the source, if known. BnncError if they disagree."""
    names = ["sim", target]
    if network.archive.onnx:
        names.insert(0, "source")
    with open_workshop(network, {target: folder}) as workshop:
        verdicts = verify(network.graph, names, x, workshop.open, workshop.source, progress)
    refuse_mismatches(network.path, verdicts)
    return verdicts


def refuse_mismatches(path: Path, verdicts: Sequence[Verdict]) -> None:
    """BnncError with the first layer, element and both values of every executor that disagrees."""
    raise_all([Finding(str(path), str(verdict.mismatch)) for verdict in verdicts if not verdict.ok])
