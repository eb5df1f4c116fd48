"""Instructions of every kernel add up to those of the program that is delivered, on every architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.bench.conftest import Compile
from tests.cli.networks import DOMAIN, save_twins

from bnnc.bench.compiled import Compiled, compiled_network
from bnnc.bench.emulated import Trace, count
from bnnc.executors.native import UnicornRunner
from bnnc.executors.network import open_network

GLUE = 12  # instructions by which the functions around `run` may differ in the two programs
JUMP = 2  # instructions from a kernel to an equal one


def delivered(program: Compiled) -> int:
    """Instructions of a run of the executable in the folder; the second one has nothing to load."""
    runner = UnicornRunner(program.graph, program.folder, count=True)
    runner.run(np.repeat(program.sample(), 2, axis=0))
    return runner.instructions[1]


@pytest.mark.parametrize("cpu", ["cortex-a76", "cortex-a7", "rv64gc", "rv64gc-zbb"])
def test_kernels_add_up_to_the_whole(compiled: Compile, cpu: str) -> None:
    program = compiled("arm", cpu)
    counted = count(program)
    assert abs(counted.instructions - delivered(program)) <= GLUE
    inside = [trace.instructions for trace in counted.kernels]
    assert len(inside) == len(program.functions) and min(inside) > 0
    assert 0.8 * counted.instructions < sum(inside) < counted.instructions


def test_shares_of_threads_count_together(compiled: Compile) -> None:
    one, two = (count(compiled("arm", "cortex-a76", threads)) for threads in (1, 2))
    for alone, shared in zip(one.kernels, two.kernels, strict=True):
        assert shared.instructions >= alone.instructions * 0.9
    assert one.instructions <= two.instructions < 3 * one.instructions


def test_a_microcontroller(compiled: Compile) -> None:
    counted = count(compiled("arm", "cortex-m4"))
    assert min(trace.instructions for trace in counted.kernels) > 0


def test_the_same_twice(compiled: Compile) -> None:
    first, second = (count(compiled("arm", None)) for _ in range(2))
    assert first.instructions == second.instructions
    for a, b in zip(first.kernels, second.kernels, strict=True):
        assert np.array_equal(a.blocks, b.blocks)


def test_blocks_count_with_their_lengths() -> None:
    trace = Trace(np.array([8, 40, 8, 8], np.uint64), {8: 3, 40: 5, 99: 7})
    assert trace.executions == {8: 3, 40: 1}
    assert trace.instructions == 3 * 3 + 5


def test_kernels_that_threads_share(repository: Path, tmp_path: Path) -> None:
    """The pool's functions end by jumping to a kernel; what comes behind it is not the kernel's."""
    model = repository / "examples" / "fashion_mnist" / "fashion_mnist.onnx"
    program = compiled_network(open_network(model, None, tmp_path), "arm", "cortex-a72", 2)
    assert "void share_" in (program.folder / f"{program.name}.c").read_text(encoding="utf-8")
    counted = count(program)
    assert min(trace.instructions for trace in counted.kernels) > 0
    assert sum(trace.instructions for trace in counted.kernels) > 0.9 * counted.instructions


@pytest.mark.parametrize(
    ("cpu", "threads"), [("cortex-a72", 1), ("cortex-a7", 1), ("rv64gc", 1), ("cortex-a72", 2)]
)
def test_twins_are_counted_apart(cpu: str, threads: int, tmp_path: Path) -> None:
    """Equal kernels are one piece of code; at most a jump leads there."""
    model = save_twins(tmp_path / "twins.onnx", width=64 * 10 ** (threads - 1))
    program = compiled_network(open_network(model, DOMAIN, tmp_path), "arm", cpu, threads)
    assert any(program.are_shared) == (threads > 1)
    counted = count(program)
    *before, one, other, last = inside = [trace.instructions for trace in counted.kernels]
    assert before and min(inside) > 0 and abs(one - other) <= JUMP * threads < last
    assert 0.8 * counted.instructions < sum(inside) < counted.instructions
    assert abs(counted.instructions - delivered(program)) <= GLUE * threads
