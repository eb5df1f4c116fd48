"""Emitted projects in PandA-Bambu: synthesized and co-simulated. Skipped where it is not on PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hw_tests.hls.networks import ENGINES, Case
from hw_tests.hls.options import OPTIONS
from tests.hls.branches import residual_network
from tests.hls.projects import (
    convolutional_network,
    dense_network,
    every_engine,
    narrow_integers,
    write_project,
)

from bnnc.hls.project.synth import synthesize
from bnnc.ir.elem import B1_PM, TER

LIMIT_SECONDS = 1200
WHOLE = {
    "TFC of ternary values": Case(lambda: dense_network((196, 32, 24, 10), TER)),
    "TFC": Case(lambda: dense_network((784, 64, 64, 64, 10), B1_PM)),
    "small CNV": Case(convolutional_network),
    "residual network": Case(residual_network),
    "every engine": Case(every_engine),
    "narrow integers": Case(narrow_integers),
}


@pytest.mark.parametrize("name", [*ENGINES, *OPTIONS, *WHOLE])
def test_bambu_answers_the_simulator_s_integers(
    name: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    for program in ("bambu", "verilator"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH")
    case = (ENGINES | OPTIONS | WHOLE)[name]
    write_project(case.make(), tmp_path, **case.options)
    made = synthesize(tmp_path, "bambu", LIMIT_SECONDS)
    record_property("bambu", str(made))
    print(f"{name}: {made}")
