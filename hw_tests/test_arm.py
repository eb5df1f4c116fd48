"""Executables for ARM and RISC-V under QEMU and on a board, where there is one: the simulator's integers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hw_tests.arm_programs import SEEDS, build, network

from bnnc.executors.native import ArmExecutor
from bnnc.executors.programs import run_tool
from bnnc.sim import simulator

QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
BOARD = os.environ.get("BNNC_BOARD", "")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="qemu-aarch64 is not installed")
needs_board = pytest.mark.skipif(not BOARD, reason="BNNC_BOARD does not name a board")


@needs_qemu
@pytest.mark.parametrize("seed", SEEDS)
def test_qemu_gives_the_simulators_integers(seed: int, tmp_path: Path) -> None:
    graph, codes = network(seed)
    build(seed, tmp_path)
    executor = ArmExecutor(graph, tmp_path, way="qemu")
    assert executor.how == "qemu" and np.array_equal(executor.run(codes), simulator.run(graph, codes))


@needs_qemu
def test_the_self_test_passes_under_qemu(tmp_path: Path) -> None:
    build(0, tmp_path)
    run_tool([str(QEMU), str(tmp_path / "random_0"), "--self-test"])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("cpu", "emulator"), [("cortex-a7", "arm"), ("rv64gc", "riscv64"), ("rv64gc-zbb", "riscv64")]
)
def test_qemu_runs_other_architectures(cpu: str, emulator: str, threads: int, tmp_path: Path) -> None:
    named = f"qemu-{emulator}"
    if not (shutil.which(named) or shutil.which(f"{named}-static")):
        pytest.skip(f"{named} is not installed")
    graph, codes = network(SEEDS[0])
    build(SEEDS[0], tmp_path, cpu, threads)
    executor = ArmExecutor(graph, tmp_path, way="qemu")
    assert np.array_equal(executor.run(codes), simulator.run(graph, codes))


@needs_board
@pytest.mark.parametrize("seed", SEEDS)
def test_the_board_gives_the_simulators_integers(seed: int, tmp_path: Path) -> None:
    graph, codes = network(seed)
    build(seed, tmp_path)
    executor = ArmExecutor(graph, tmp_path, way="board", board=BOARD)
    assert executor.how == f"board {BOARD}" and np.array_equal(
        executor.run(codes), simulator.run(graph, codes)
    )
