"""Programs for every architecture: the run function in an emulated core, whole programs on emulated Linux."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.graphs import random_graph

from bnnc.arm import build as arm
from bnnc.arm.linux import run_program
from bnnc.errors import BnncError
from bnnc.executors.native import ArmExecutor, UnicornRunner
from bnnc.executors.network import open_network
from bnnc.executors.registry import build_target
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.passes.pack import PackBits
from bnnc.sim.edge import decode, encode
from bnnc.sim.simulator import run
from bnnc.targets import target

LINUX = ["cortex-a7", "rv64gc", "rv64gc-zbb"]
BARE = ["cortex-m4", "cortex-m7"]
SEEDS = (3, 11, 20)


def build(graph: Graph, cpu: str, folder: Path, compress: str = "none") -> arm.Built:
    return arm.build(graph, target("arm", cpu), folder, compress)


@pytest.mark.parametrize("cpu", [pytest.param(cpu, marks=pytest.mark.slow) for cpu in LINUX] + BARE)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_gives_the_simulators_integers(seed: int, cpu: str, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed))
    build(graph, cpu, tmp_path)
    runner, codes = UnicornRunner(graph, tmp_path, count=True), tiny.samples(graph, 3)
    assert np.array_equal(runner.run(codes), run(graph, codes))
    assert len(runner.instructions) == 3 and min(runner.instructions) > 100


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cpu", LINUX)
def test_a_whole_program(cpu: str, threads: int, tmp_path: Path) -> None:
    """With files, streams, a clock, an error and the floats of the edge."""
    graph = tiny.dense("whole", features=33, outputs=4)
    arm.build(graph, target("arm", cpu), tmp_path, threads=threads)
    program, x = tmp_path / "whole", tiny.samples(graph, 5).astype(np.float32)
    assert run_program(program, ["--self-test"]).stderr == b"whole: self-test passed\n"
    done = run_program(program, ["--input", "x.npy", "--output", "y.npy"], files={"x.npy": npy(x)})
    assert (done.status, done.stdout, done.stderr) == (0, b"", b"")
    wanted = decode(graph, run(graph, encode(graph, x)))
    assert np.array_equal(np.load(io.BytesIO(done.files["y.npy"])), wanted)
    done = run_program(program, ["--raw", "--repeat", "3"], npy(tiny.samples(graph, 2)))
    assert done.stderr == b"2 samples, 0.333 us a run\n"
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), run(graph, tiny.samples(graph, 2)).reshape(2, 4))
    x[1, 3] = np.nan
    done = run_program(program, ["--input", "x.npy", "--output", "y.npy"], files={"x.npy": npy(x)})
    assert done.status == 1 and b"sample 1, element 3: not a number" in done.stderr
    assert "y.npy" not in done.files


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_a_bare_library_needs_nothing(tmp_path: Path) -> None:
    """But what compilers bring along themselves; the float edge lies beside it."""
    graph = PackBits().run(random_graph(SEEDS[0]))
    built = build(graph, "cortex-m4", tmp_path, "huffman")
    codes = tiny.samples(graph, 2)
    assert np.array_equal(UnicornRunner(graph, tmp_path).run(codes), run(graph, codes))
    assert "runtime/bnnc_edge.o" not in (tmp_path / "Makefile").read_text()
    assert (tmp_path / f"{built.name}_edge.c").is_file()


def test_a_bare_executor_runs_in_unicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever board there is: it has an operating system."""
    monkeypatch.setenv("BNNC_BOARD", "pi@board")
    graph = tiny.dense()
    build(graph, "cortex-m7", tmp_path)
    executor, codes = ArmExecutor(graph, tmp_path), tiny.samples(graph, 3)
    assert np.array_equal(executor.run(codes), run(graph, codes)) and executor.how == "unicorn"


@pytest.mark.parametrize(
    ("kind", "cpu", "threads", "message"),
    [
        ("arm", "cortex-a99", 1, "unknown CPU 'cortex-a99'.*cortex-a53.*cortex-m7, rv64gc, rv64gc-zbb"),
        ("arm", "cortex-m4", 2, "cortex-m4 has no threads.*leave --threads out"),
        ("hls", None, 2, "it has no threads"),
        ("host", "rv64gc", 1, "unknown CPU 'rv64gc'"),
    ],
)
def test_what_does_not_go_together(kind: str, cpu: str | None, threads: int, message: str) -> None:
    with pytest.raises(BnncError, match=message):
        build_target(kind, cpu, threads=threads)


@pytest.mark.parametrize(
    "cpu",
    ["cortex-m4", *(pytest.param(cpu, marks=pytest.mark.slow) for cpu in ("cortex-x1", "cortex-m7", *LINUX))],
)
def test_the_example(cpu: str, example: Path, tmp_path: Path) -> None:
    graph = open_network(example / "fashion_mnist.onnx", None, tmp_path / "cache").graph
    images = np.load(example / "test_images.npz")["x"][:3]
    codes = encode(graph, images)
    folder = tmp_path / "out"
    folder.mkdir()
    arm.build(graph, target("arm", cpu), folder)
    assert np.array_equal(UnicornRunner(graph, folder).run(codes[:2]), run(graph, codes[:2]))
