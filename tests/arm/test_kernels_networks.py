"""Whole random networks: stages, arena and kernels together against the simulator."""

from __future__ import annotations

import ctypes
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from tests.arm.kernel_runner import load_library
from tests.dags import random_dag
from tests.graphs import random_codes, random_graph

from bnnc.arm.codegen import compile_stages
from bnnc.errors import BnncError
from bnnc.ir.edge_ops import ToFloat
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input, core_result
from bnnc.passes.pack import PackBits
from bnnc.schedule.memory import plan
from bnnc.schedule.stages import Stage, stages
from bnnc.sim.simulator import run
from bnnc.targets import Target, target

TOLERATED = {"memcpy", "memset", "memmove"}


def run_on_host(graph: Graph, codes: Array) -> Array:
    """What the program around the kernels does, in a few lines."""
    steps = stages(graph)
    compiled = compile_stages(steps, target("host"))
    library, arena = load_library(compiled), plan(steps, [f.scratch_bytes for f in compiled.functions])
    memory, constants = _aligned(arena.arena_bytes), [_aligned(len(f.constants)) for f in compiled.functions]
    for block, function in zip(constants, compiled.functions, strict=True):
        block[:] = np.frombuffer(function.constants, np.uint8)
    result = core_result(graph)
    raw = np.zeros((len(codes), *result.type.shape), result.type.elem.dtype)
    for x, y in zip(codes, raw, strict=True):
        places = {core_input(graph): x.ctypes.data, result: y.ctypes.data}
        places |= {op: memory.ctypes.data + offset for op, offset in arena.offsets.items()}
        for i, step in enumerate(steps):
            inputs = (places[value] for value in step.inputs)
            pointers = (*inputs, places[step.result], memory.ctypes.data + arena.scratch[i])
            library[step.name](*map(ctypes.c_void_p, (*pointers, constants[i].ctypes.data)))
    return raw


def _aligned(size: int) -> Array:
    room = np.full(size + 64, 0xA5, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


def check(integers: Graph, seed: int) -> None:
    graph = PackBits().run(integers)
    codes = random_codes(graph, 4, seed)
    assert np.array_equal(run_on_host(graph, codes), run(graph, codes))


@pytest.mark.parametrize("seed", range(8))
def test_random_networks(seed: int) -> None:
    check(random_graph(seed, layers=2 + seed % 3), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 80))
def test_more_random_networks(seed: int) -> None:
    check(random_graph(seed, layers=2 + seed % 3), seed)


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_with_branches(seed: int) -> None:
    check(random_dag(seed, blocks=2 + seed % 3), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 400))
def test_more_random_networks_with_branches(seed: int) -> None:
    check(random_dag(seed, blocks=2 + seed % 4), seed)


@pytest.mark.parametrize("cpu", [target("arm"), target("host", "x86-64-v3")], ids=lambda cpu: str(cpu.name))
def test_an_object_needs_nothing_but_moves_of_memory(cpu: Target) -> None:
    compiled = compile_stages(stages(PackBits().run(random_graph(1))), cpu)
    table = ELFFile(io.BytesIO(compiled.object_file)).get_section_by_name(".symtab")
    needed = {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name}
    assert needed <= TOLERATED


def test_the_same_bytes_in_another_process(repository: Path) -> None:
    program = (
        "import hashlib; from tests.graphs import random_graph; from bnnc.passes.pack import PackBits;"
        "from bnnc.schedule.stages import stages; from bnnc.arm.codegen import compile_stages;"
        "from bnnc.targets import target;"
        "c = compile_stages(stages(PackBits().run(random_graph(2))), target('arm'));"
        "print(hashlib.sha256(c.object_file + b''.join(f.constants for f in c.functions)).hexdigest())"
    )
    search = f"{repository}:{repository / 'compiler'}"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": search, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_operations_without_a_kernel_are_all_named() -> None:
    steps = stages(PackBits().run(random_graph(1)))
    foreign = tuple(Stage(f"s9{i}", (ToFloat(name, steps[-1].result),)) for i, name in enumerate(("a", "b")))
    with pytest.raises(BnncError, match=r"node 'a' \(to_float\).*no kernel.*hls(.|\n)*node 'b'"):
        compile_stages((*steps, *foreign), target("arm"))


def test_stages_may_be_renamed() -> None:
    steps = tuple(replace(s, name=f"net_{s.name}") for s in stages(PackBits().run(random_graph(1))))
    compiled = compile_stages(steps, target("arm"))
    assert [f.name for f in compiled.functions] == [s.name for s in steps]
