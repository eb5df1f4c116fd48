"""Builds an HLS C++ project for a packed graph."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bnnc.hls.coded import StoredMatrix, compressed
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.calibration import project_cost
from bnnc.hls.names import Names, identifier
from bnnc.hls.options import HlsOptions, folding_text
from bnnc.hls.project.files import project_files, write_files
from bnnc.hls.project.values import Setup, setup_of
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, tensor_of
from bnnc.ir.parts import core_input, core_result

DEFAULT = HlsOptions()


def build(
    graph: Graph,
    out: Path,
    *,
    name: str,
    golden: tuple[Array, Array],
    options: HlsOptions = DEFAULT,
    compress: str = "none",
) -> dict[str, Any]:
    """Write the project of a packed graph into the folder `out` and return its entry for the manifest.

    golden: codes (n, *core_input shape) and the raw integers (n, *core_result shape) that the test bench
    expects. Boards with a processing system get a block design. compress: huffman for weights that are
    decoded ahead of the engines where that is smaller, or none. BnncError for what the target cannot build.
    """
    names = Names()
    project = names.take(identifier(name))
    names.take(f"{project}_top")
    setup = setup_of(options.part, options.clock_mhz, options.control)
    accelerator = fold(graph, names, options).accelerator
    stored: tuple[StoredMatrix, ...] = ()
    if compress != "none":
        accelerator, stored = compressed(accelerator)
    files = project_files(graph, accelerator, project, setup, golden)
    chosen = folding_text(accelerator.settings.entries, options.folding.fifos)
    write_files(files | {"folding.json": chosen}, out)
    layers = {"layers": [matrix.entry for matrix in stored]} if stored else {}
    return _entry(graph, accelerator, project, setup) | layers


def _entry(graph: Graph, acc: Accelerator, project: str, setup: Setup) -> dict[str, Any]:
    fifos = [(fifo.depth, fifo.bits) for fifo in acc.fifos]
    units = [{"name": unit.name, "what": unit.comment, "cycles": unit.cycles} for unit in acc.units]
    return {
        "name": project,
        "top": f"{project}_top",
        "part": setup.part,
        "board": setup.board.name if setup.board else "",
        "clock_mhz": f"{setup.clock_mhz:g}",
        "control": setup.control,
        "inputs": tensor_of(core_input(graph)).size,
        "outputs": tensor_of(core_result(graph)).size,
        "in_bits": acc.input.bits,
        "out_bits": acc.units[-1].wire.bits,
        "slowest": max(unit.cycles for unit in acc.units),
        "resources": asdict(project_cost((unit.resources for unit in acc.units), fifos)),
        "units": units,
        "folding": dict(sorted(acc.settings.entries.items())),
        "fifos": [asdict(fifo) for fifo in acc.fifos],
    }
