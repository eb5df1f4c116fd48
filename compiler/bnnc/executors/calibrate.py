"""Calibration: between which numbers the operations of a source network were seen to answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bnnc.errors import BnncError, errors_within
from bnnc.executors.samples import read_samples
from bnnc.executors.source import SourceExecutor
from bnnc.ir.archive import Archive
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array
from bnnc.passes.domain import parse_domain
from bnnc.passes.encode import encode_domain
from bnnc.passes.spans import Span
from bnnc.sim.edge import encode

CHUNK = 16  # samples of which every value is in memory at once


def calibrate(archive: Archive, data: Path, domain: str = "") -> dict[str, Span]:
    """The smallest and the largest number of every operation over the samples of a file, by `Op.name`.

    BnncError where the file does not fit the network or its declared input domain, or the network is
    lowered already.
    """
    if archive.graph.level is not Level.SOURCE:
        what = "the network is lowered already, its steps are fixed"
        raise BnncError.at("--calibrate", what, "calibrate when lowering the source model")
    x = read_samples(data, archive.graph.input)
    if not len(x):
        raise BnncError.at(str(data), "there are no samples in it")
    with errors_within(data):
        if domain:
            codes = encode_domain(archive.graph.input, parse_domain(domain))
            encode(Graph(archive.graph.name, Level.SOURCE, codes), x)
        return spans_of(archive.graph, SourceExecutor(archive.onnx), x)


def spans_of(graph: Graph, source: SourceExecutor, x: Array) -> dict[str, Span]:
    """The spans over float32 x (N, *input)."""
    names = [op.name for op in graph.ops if not isinstance(op, Input | Reshape)]
    spans = {graph.input.name: _joined(None, x, graph.input.name)}
    for part in _chunks(x):
        for name, values in source.values(part, names).items():
            if values.dtype.kind == "f":
                spans[name] = _joined(spans.get(name), values, name)
    return spans


def _chunks(x: Array) -> Iterator[Array]:
    return (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))


def _joined(known: Span | None, values: Array, name: str) -> Span:
    lo, hi = float(values.min()), float(values.max())
    if not np.isfinite([lo, hi]).all():
        raise BnncError.at(
            f"node {name!r}", f"reaches {hi if np.isfinite(lo) else lo} on the calibration data"
        )
    return (lo, hi) if known is None else (min(lo, known[0]), max(hi, known[1]))
