"""Builds the artefacts of a target, and opens the executor that runs them."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bnnc.executors import cache
from bnnc.executors.manifest import MANIFEST, file_digests, read_manifest
from bnnc.executors.registry import BuildTarget, Executor, check_runs_here
from bnnc.executors.samples import generated_samples
from bnnc.hls.core import buildable_core
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.sim import simulator
from bnnc.sim.edge import encode

GOLDEN_SAMPLES = 4


def build_executor(graph: Graph, target: BuildTarget, folder: Path, x: Array | None = None) -> dict[str, Any]:
    """Fill the empty folder, and describe what was built for the manifest.

    The first of the samples x float32 (N, *input), or generated ones, become golden vectors of target hls.
    """
    check_buildable(graph, target)
    if target.processor is None:
        from bnnc.hls import build as hls

        chosen = generated_samples(graph, GOLDEN_SAMPLES) if x is None else x[:GOLDEN_SAMPLES]
        codes = encode(graph, chosen)
        golden = (codes, simulator.run(graph, codes))
        return hls.build(graph, folder, name=graph.name, golden=golden, options=target.hls)
    from bnnc.arm import build as arm

    choices = dict(target.choices)
    built = asdict(arm.build(graph, target.processor, folder, target.compress, target.threads, choices))
    return {key: value for key, value in (built | {"choices": choices}).items() if value not in ((), {})}


def check_buildable(graph: Graph, target: BuildTarget) -> None:
    """BnncError for what target hls cannot build, such as real numbers at the input."""
    if target.kind == "hls":
        buildable_core(graph)


def open_built(name: str, graph: Graph, folder: Path, cache_root: Path) -> Executor:
    """The executor of what was built from `graph` in `folder`."""
    match name:
        case "host":
            from bnnc.executors.native import HostExecutor

            if (folder / MANIFEST).is_file():
                check_runs_here(read_manifest(folder).cpu)
            return HostExecutor(graph, folder)
        case "arm":
            from bnnc.executors.native import ArmExecutor

            return ArmExecutor(graph, folder)
        case "hls":
            return _open_hls(graph, folder, cache_root)
        case _:
            raise AssertionError(f"{name} is not built")


def _open_hls(graph: Graph, folder: Path, cache_root: Path) -> Executor:
    """The compiled C++ is kept in the cache, by the digests of its sources."""
    from bnnc.executors.hls import HlsExecutor

    sources = json.dumps(file_digests(folder), sort_keys=True)
    parts = {"what": "hls program", "sources": sources}
    program = cache.entry(cache_root, parts, partial(HlsExecutor, folder, graph))
    return HlsExecutor(folder, graph, program)
