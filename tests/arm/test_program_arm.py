"""The AArch64 executable in the emulator: its run function, and the whole program with files and streams."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.graphs import random_graph

from bnnc.arm.emulate import load_image
from bnnc.arm.linux import Finished, run_program
from bnnc.errors import BnncError
from bnnc.executors.native import ArmExecutor, UnicornRunner
from bnnc.executors.programs import BoardRunner, device_order
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import ChannelsFirst
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array
from bnnc.ir.parts import core_result
from bnnc.sim.edge import decode, decode_integers, encode
from bnnc.sim.simulator import run

GRAPH = tiny.dense("for arm", features=33, outputs=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("arm") / "out"
    out.mkdir()
    tiny.build(GRAPH, out, tiny.ARM)
    return out


def program(
    folder: Path, *arguments: str, stdin: bytes = b"", files: dict[str, bytes] | None = None
) -> Finished:
    return run_program(folder / "for_arm", arguments, stdin, files)


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_the_run_function(folder: Path) -> None:
    codes, reported = tiny.samples(GRAPH, 6), list[int]()
    executor = ArmExecutor(GRAPH, folder, way="unicorn")
    assert np.array_equal(executor.run(codes, reported.append), run(GRAPH, codes))
    assert (executor.name, executor.how, reported) == ("arm", "unicorn", [1] * 6)


def test_instructions_are_counted(folder: Path) -> None:
    runner = UnicornRunner(GRAPH, folder, count=True)
    runner.run(tiny.samples(GRAPH, 3))
    assert len(runner.instructions) == 3 and 30 < runner.instructions[0] == runner.instructions[2] < 5000


def test_the_whole_program_with_files(folder: Path) -> None:
    x = tiny.samples(GRAPH, 5).astype(np.float32)
    done = program(folder, "--input", "x.npy", "--output", "y.npy", files={"x.npy": npy(x)})
    wanted = decode(GRAPH, run(GRAPH, encode(GRAPH, x)))
    assert (done.status, done.stdout, done.stderr) == (0, b"", b"")
    assert np.array_equal(np.load(io.BytesIO(done.files["y.npy"])), wanted)


def test_the_whole_program_with_streams(folder: Path) -> None:
    codes = tiny.samples(GRAPH, 300)
    done = program(folder, "--raw", stdin=npy(codes))
    assert done.status == 0 and np.array_equal(
        np.load(io.BytesIO(done.stdout)), run(GRAPH, codes).reshape(300, 4)
    )


def test_the_whole_programs_self_test_and_clock(folder: Path) -> None:
    assert program(folder, "--self-test").stderr == b"for_arm: self-test passed\n"
    done = program(folder, "--repeat", "3", stdin=npy(tiny.samples(GRAPH, 2)))
    assert done.stderr == b"2 samples, 0.333 us a run\n"


def test_the_whole_programs_errors(folder: Path) -> None:
    done = program(folder, "--input", "x.npy")
    assert (done.status, done.stderr) == (1, b"for_arm: error: x.npy: No such file or directory\n")
    nan = npy(np.full((1, 33), np.nan, np.float32))
    done = program(folder, "--input", "x.npy", "--output", "y.npy", files={"x.npy": nan})
    assert (
        done.status == 1 and b"sample 0, element 0: not a number" in done.stderr and "y.npy" not in done.files
    )


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "for_arm").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(BnncError, match="cannot be loaded"):
        ArmExecutor(GRAPH, tmp_path, way="unicorn").run(tiny.samples(GRAPH, 1))
    host = tmp_path / "host"
    host.mkdir()
    tiny.build(GRAPH, host, tiny.HOST)
    with pytest.raises(BnncError, match="not a static executable"):
        load_image(host / "for_arm")


def test_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    tiny.build(GRAPH, again, tiny.ARM)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    assert [p.name for p in files if p.read_bytes() != (again / p.relative_to(folder)).read_bytes()] == []
    assert [p.name for p in files if str(folder.parent).encode() in p.read_bytes()] == []


@pytest.mark.parametrize("board", ["", "-oProxyCommand=x", "a b"])
def test_a_board_has_to_be_named(board: str, folder: Path) -> None:
    with pytest.raises(BnncError, match="BNNC_BOARD"):
        BoardRunner(GRAPH, folder, board)


def test_integers_go_back_into_the_order_of_the_device() -> None:
    seeds = (random_graph(seed) for seed in range(60))
    graph = next(g for g in seeds if any(isinstance(op, ChannelsFirst) for op in g.ops))
    raw = np.random.default_rng(0).integers(-9, 9, (3, *core_result(graph).type.shape), np.int32)
    assert np.array_equal(device_order(graph, decode_integers(graph, raw)), raw)
    plain = Graph("plain", Level.PACKED, core_result(graph))
    assert np.array_equal(device_order(plain, raw), raw)


@pytest.mark.parametrize("last", [src.Softmax, src.LogSoftmax, src.Sigmoid, src.Exp])
def test_the_float_edge_has_the_same_bits_on_arm(last: type[src.Op], tmp_path: Path) -> None:
    """AArch64 has fused multiply-add; nothing here may use it."""
    rng = np.random.default_rng(4)
    core = tiny.dense("floats", outputs=12)
    constants = [rng.normal(0, 1, 12).astype(np.float32) for _ in range(3)]
    scaled = src.BatchNorm(
        "bn", src.Mul("m", core.result, np.float32(1e-3)), *constants, constants[0] ** 2, 1e-5
    )
    graph = replace(
        core, result=last("last", src.Add("add", src.Mul("mul", scaled, constants[1]), constants[2]))
    )
    tiny.build(graph, tmp_path, tiny.ARM)
    codes = tiny.samples(graph, 60)
    done = run_program(tmp_path / "floats", [], npy(codes))
    wanted = decode(graph, run(graph, codes))
    assert np.array_equal(np.load(io.BytesIO(done.stdout)).view(np.uint32), wanted.view(np.uint32))
