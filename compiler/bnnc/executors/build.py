"""Builds the artefacts of a target, and opens the executor that runs them."""

from __future__ import annotations

from pathlib import Path

from bnnc.errors import BnncError
from bnnc.executors.registry import BuildTarget, Executor
from bnnc.executors.samples import generated_samples
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input
from bnnc.sim import simulator
from bnnc.sim.edge import encode

GOLDEN_SAMPLES = 4


def build_executor(graph: Graph, target: BuildTarget, folder: Path, x: Array | None = None) -> None:
    """Fill the empty folder. The first of x float32 (N, *input), or generated ones, become golden vectors."""
    check_buildable(graph, target)
    chosen = generated_samples(graph, GOLDEN_SAMPLES) if x is None else x[:GOLDEN_SAMPLES]
    codes = encode(graph, chosen)
    raw = simulator.run(graph, codes)
    if target.processor is None:
        from bnnc.hls import build as hls

        hls.build(graph, folder, hls.Golden(codes, raw))
    else:
        from bnnc.arm.build import build
        from bnnc.arm.project import Golden

        build(graph, target.processor, folder, Golden(codes, raw))


def check_buildable(graph: Graph, target: BuildTarget) -> None:
    """A stream of integers is all that an FPGA gets: nothing compares real numbers in front of it."""
    if target.kind == "hls" and not core_input(graph).is_domain:
        what = "nothing says which integers the device receives, and target hls has no float input"
        remedy = "declare them, as in --input-domain u8:scale=1/255"
        raise BnncError.at(f"input {graph.input.name!r}", what, remedy)


def open_built(name: str, graph: Graph, folder: Path, board: str = "") -> Executor:
    """The executor of what was built from `graph` in `folder`. `board`: user@host that runs arm programs."""
    match name:
        case "host":
            from bnnc.executors.native import host_executor

            return host_executor(folder, graph)
        case "arm":
            from bnnc.executors.native import arm_executor

            return arm_executor(folder, graph, board=board)
        case "hls":
            from bnnc.executors.hls import HlsExecutor

            return HlsExecutor(graph, folder)
        case _:
            raise AssertionError(f"{name} is not built")
