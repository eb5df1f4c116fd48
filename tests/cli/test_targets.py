"""The command line on real targets: compile, run and verify for this machine, for ARM and for HLS."""

from __future__ import annotations

import filecmp
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN

from bnnc.executors.build import build_executor, open_built
from bnnc.executors.locate import first_difference, locate
from bnnc.executors.network import open_network
from bnnc.executors.registry import Executor, build_target
from bnnc.executors.samples import generated_samples
from bnnc.executors.sim import SimExecutor
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Op
from bnnc.ir.parts import core_result
from bnnc.sim.edge import encode

TARGETS = ("host", pytest.param("arm", marks=pytest.mark.slow), pytest.param("hls", marks=pytest.mark.slow))


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_from_model_to_proof(
    bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path, target: str
) -> None:
    options = ("--target", target, "--input-domain", DOMAIN)
    for name in "ab":
        bnnc("compile", model, *options, "-o", tmp_path / name)
    assert differing(tmp_path / "a", tmp_path / "b") == []
    for name, network, on in (
        ("dir", tmp_path / "a", target),
        ("model", model, target),
        ("sim", model, "sim"),
    ):
        files = ("--input", samples, "--output", tmp_path / f"{name}.npy")
        bnnc("run", network, "--on", on, *files, "--input-domain", DOMAIN)
    y = {name: np.load(tmp_path / f"{name}.npy") for name in ("dir", "model", "sim")}
    np.testing.assert_array_equal(y["dir"], y["sim"])
    np.testing.assert_array_equal(y["model"], y["sim"])
    answer = json.loads(bnnc("verify", tmp_path / "a", "--json", "--on", f"source,{target}").stdout)
    assert answer["ok"] and answer["executors"][target]["equal"]


def differing(a: Path, b: Path) -> list[Path]:
    """Files that are not in both folders with the same bytes."""
    names = {path.relative_to(root) for root in (a, b) for path in root.rglob("*") if path.is_file()}
    return [name for name in sorted(names) if not filecmp.cmp(a / name, b / name, shallow=False)]


def test_a_program_with_a_wrong_constant_is_located(model: Path, tmp_path: Path) -> None:
    graph = open_network(model, DOMAIN, tmp_path / "cache").graph
    codes = encode(graph, generated_samples(graph, 4))

    def wrong(op: Op) -> Op:
        if not isinstance(op, Threshold) or op.name != "sign0":
            return op
        return replace(op, base=-op.base, jumps=-op.jumps)

    def open_executor(name: str, part: Graph) -> Executor:
        if name == "sim":
            return SimExecutor(part)
        folder = tmp_path / f"part{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        build_executor(part.rewrite(wrong), build_target("host"), folder)
        return open_built("host", part, folder, tmp_path / "cache")

    expected, actual = (open_executor(name, graph).run(codes) for name in ("sim", "host"))
    found = first_difference(core_result(graph), expected, actual, "host")
    assert found is not None
    located = locate(graph, "host", codes, found, open_executor)
    assert (located.layer, located.op, located.sample, located.element) == (
        "sign0",
        "threshold",
        0,
        (0, 0, 0),
    )
    assert located.expected == -located.actual


def test_a_damaged_library_is_an_error(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    bnnc("compile", model, "--target", "host", "-o", tmp_path / "out", "--no-verify")
    next((tmp_path / "out").glob("*.so")).write_bytes(b"no library")
    files = ("--input", samples, "--output", tmp_path / "y.npy")
    assert (
        "is not what was compiled" in bnnc("run", tmp_path / "out", "--on", "host", *files, status=1).stderr
    )
