"""Builds an HLS C++ project for a packed graph."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bnnc.hls.coded import codes_note
from bnnc.hls.model.parts import known_part
from bnnc.hls.model.shallow import costly
from bnnc.hls.model.simulate import simulate
from bnnc.hls.names import Names, identifier
from bnnc.hls.options import HlsOptions, folding_text
from bnnc.hls.project.files import project_files, write_files
from bnnc.hls.project.report import Report
from bnnc.hls.project.report_page import page
from bnnc.hls.project.values import Setup, setup_of
from bnnc.hls.solve.fold import Folded, explained, fold
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
) -> dict[str, Any]:
    """Write the project of a packed graph into the folder `out` and return its entry for the manifest.

    golden: codes (n, *core_input shape) and the raw integers (n, *core_result shape) that the test bench
    expects. Boards with a processing system get a block design. BnncError for what the target cannot build.
    """
    names = Names()
    project = names.take(identifier(name))
    names.take(f"{project}_top")
    setup = setup_of(options.part, options.clock_mhz, options.control)
    folded = fold(graph, names, options)
    accelerator, stored = folded.accelerator, folded.stored
    report = _report(project, folded, options, setup)
    files = project_files(graph, accelerator, project, setup, golden, report.simulation.ii_cycles)
    files["folding.json"] = folding_text(accelerator.settings.entries, options.folding.fifos)
    write_files(files | {"report.json": report.text, "report.html": page(report)}, out)
    layers = {"layers": [matrix.entry for matrix in stored]} if stored else {}
    note = {"note": told} if (told := codes_note(stored)) else {}
    return _entry(graph, report, setup) | layers | note


def _report(project: str, folded: Folded, options: HlsOptions, setup: Setup) -> Report:
    """Simulated; explained if something is known of the part."""
    acc, known = folded.accelerator, known_part(options.part)
    depths = {fifo.name: fifo.depth for fifo in acc.fifos}
    simulation = simulate(acc.stages, depths)
    drained = simulate(acc.stages, depths, drains=True)
    assert not drained.deadlock, "FIFOs that suffice block units that drain"
    reasons = explained(folded, options) if known else None
    given = options.folding.fifos
    shallow = costly(acc.stages, acc.fifos, given, simulation)
    return Report(
        project,
        acc,
        simulation,
        drained.ii_cycles,
        setup.part,
        setup.clock_mhz,
        known,
        reasons,
        tuple(given),
        shallow,
        folded.solver,
    )


def _entry(graph: Graph, report: Report, setup: Setup) -> dict[str, Any]:
    acc, project = report.accelerator, report.name
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
        "slowest": acc.cycles,
        "fps": report.fps,
        "ii_cycles": report.simulation.ii_cycles,
        "latency_cycles": report.simulation.latency_cycles,
        "resources": acc.resources.counts,
        "exceeded": report.exceeded,
        "units": units,
        "folding": dict(sorted(acc.settings.entries.items())),
        "fifos": [asdict(fifo) for fifo in acc.fifos],
    }
