"""Whole networks with TVM's kernels: host library and AArch64 executable give the simulator's integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from tests.arm import tiny
from tests.graphs import random_codes, random_graph

from bnnc.arm import build as arm
from bnnc.arm.linux import run_program
from bnnc.executors.native import HostExecutor, UnicornRunner
from bnnc.ir.edge_ops import Input, ToFloat
from bnnc.ir.elem import elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array
from bnnc.passes.pack import PackBits
from bnnc.sim.simulator import run
from bnnc.targets import target

OF_THE_C_LIBRARY = {"memcpy", "memset", "memmove", ""}


def network(seed: int) -> tuple[Graph, Array, Array]:
    """A packed graph, codes for it and the simulator's integers."""
    graph = PackBits().run(random_graph(seed))
    codes = random_codes(graph, 12, seed)
    return graph, codes, run(graph, codes)


@pytest.mark.parametrize("seed", range(5))
def test_host_gives_the_simulators_integers(seed: int, tmp_path: Path) -> None:
    graph, codes, raw = network(seed)
    arm.build(graph, target("host"), tmp_path)
    assert np.array_equal(HostExecutor(graph, tmp_path).run(codes), raw)


@pytest.mark.parametrize("seed", range(8, 12))
def test_arm_gives_the_simulators_integers(seed: int, tmp_path: Path) -> None:
    graph, codes, raw = network(seed)
    built = arm.build(graph, target("arm"), tmp_path)
    assert np.array_equal(UnicornRunner(graph, tmp_path).run(codes), raw)
    assert run_program(tmp_path / built.program, ["--self-test"]).status == 0


def test_a_network_without_layers(tmp_path: Path) -> None:
    codes_op = tiny.encoder(Input("x", (2, 3, 4)), elem("u4"), 0, 15)
    graph = Graph("none", Level.PACKED, ToFloat("real", codes_op))
    codes = tiny.samples(graph, 5)
    arm.build(graph, target("host"), tmp_path)
    assert np.array_equal(HostExecutor(graph, tmp_path).run(codes), codes)


def test_the_kernels_need_nothing_of_tvm(tmp_path: Path) -> None:
    graph, codes, raw = network(3)
    built = arm.build(graph, target("arm"), tmp_path)
    with (tmp_path / f"{built.name}_kernels.o").open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        undefined = {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF"}
    assert undefined <= OF_THE_C_LIBRARY


def test_the_same_bytes_again(tmp_path: Path) -> None:
    graph, codes, raw = network(5)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        arm.build(graph, target("arm"), tmp_path / name)
    first = [p for p in sorted((tmp_path / "a").rglob("*")) if p.is_file()]
    assert [
        p.name
        for p in first
        if p.read_bytes() != (tmp_path / "b" / p.relative_to(tmp_path / "a")).read_bytes()
    ] == []
