"""The table of docs/hls_engines.md: how long FIFOs take to be sized, and what pipelines that drain cost.

From the root of the checkout, with the published networks in ../shared/data: python -m benchmarks.hls_fifos
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import process_time

from tests.hls.published import published
from tests.hls.resnet import resnet18

from bnnc.hls.model.simulate import simulate
from bnnc.hls.model.sizing import LEAST, fifos
from bnnc.hls.names import Names
from bnnc.hls.network import Stage
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NAMES = {
    "TFC W1A1": "tfc_1w1a.onnx",
    "LFC W1A1": "lfc_w1a1_mnist.onnx.gz",
    "KWS W3A3": "kws_mlp_w3a3.onnx",
    "CNV W1A1": "cnv_w1a1_cifar10.onnx.gz",
    "CNV W1A2": "cnv_w1a2_cifar10.onnx.gz",
}
SOLVED, DEFAULT, MAXIMAL = "`--max-fps`", "default", "maximal"
OPTIONS = {
    SOLVED: HlsOptions(max_fps=True),
    DEFAULT: HlsOptions(),
    MAXIMAL: HlsOptions(folding=Folding(base="maximal")),
}
COLUMNS = (
    *("network", "folding", "FIFOs", "deeper than 2", "sized in", "simulated in"),
    *("cycles a sample", "drained"),
)


def networks() -> Iterator[tuple[str, str, Graph]]:
    """Name, folding and packed graph."""
    for name, file in NAMES.items():
        yield name, SOLVED, published(DATA, file)
    graph = resnet18()
    yield "ResNet-18, 224 x 224", DEFAULT, graph
    yield "ResNet-18, 224 x 224", MAXIMAL, graph


def row(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """Of COLUMNS, those behind the folding. Times are those of a processor."""
    started = process_time()
    depths = {fifo.name: fifo.depth for fifo in fifos(stages)}
    sized = process_time()
    cycles = simulate(stages, depths).ii_cycles
    simulated = process_time()
    drained = simulate(stages, depths, drains=True).ii_cycles
    deep = sum(depth > LEAST for depth in depths.values())
    times = (f"{sized - started:.1f} s", f"{simulated - sized:.1f} s")
    return (str(len(depths)), str(deep), *times, f"{cycles:,}", f"{drained:,}")


def main() -> None:
    print("|", " | ".join(COLUMNS), "|")
    print("|", " | ".join("---" for _ in COLUMNS), "|")
    for name, folding, graph in networks():
        stages = fold(graph, Names(), OPTIONS[folding]).accelerator.stages
        print("|", " | ".join((name, folding, *row(stages))), "|", flush=True)


if __name__ == "__main__":
    main()
