"""Programs whose kernels are shared by threads: the same integers, whoever does the parts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.arm.kernel_runner import Case, run_cases
from tests.arm.test_kernels_arm import FAMILIES
from tests.graphs import random_graph

from bnnc.arm import build as arm
from bnnc.arm.kernels.builder import best_axis
from bnnc.executors.native import HostExecutor, UnicornRunner
from bnnc.ir.graph import Graph
from bnnc.passes.pack import PackBits
from bnnc.resources import resource
from bnnc.sim.simulator import run
from bnnc.targets import Target, target

SEEDS = (38, 0, 14)


@pytest.fixture(autouse=True)
def share_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little there is to do."""
    monkeypatch.setattr("bnnc.arm.sharing.LEAST_WORK", 0)


def build(graph: Graph, folder: Path, threads: int, kind: str = "host") -> arm.Built:
    return arm.build(graph, target(kind), folder, threads=threads)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_give_the_simulators_integers(seed: int, threads: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed))
    built = build(graph, tmp_path, threads)
    assert built.threads == threads and "bnnc_pool_run" in (tmp_path / f"{built.name}.c").read_text()
    codes = tiny.samples(graph, 60)
    assert np.array_equal(HostExecutor(graph, tmp_path).run(codes), run(graph, codes))


def test_parts_one_after_another_give_the_same(tmp_path: Path) -> None:
    """An emulated core has no threads: it does every part itself."""
    graph = PackBits().run(random_graph(SEEDS[0]))
    build(graph, tmp_path, 3, "arm")
    codes = tiny.samples(graph, 3)
    assert np.array_equal(UnicornRunner(graph, tmp_path).run(codes), run(graph, codes))


def test_a_single_thread_has_nothing_of_them(tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(SEEDS[0]))
    build(graph, tmp_path, 1)
    assert not list(tmp_path.rglob("*pool*"))
    assert not [path for path in tmp_path.rglob("*.[ch]") if "thread" in path.read_text()]


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_part_by_part(family: str) -> None:
    """In the order of no thread, each part with scratch memory of its own."""
    compare(FAMILIES[family][::2], target("host"))


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-a72", "cortex-a7", "rv64gc"])
@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_part_by_part_in_an_emulated_core(family: str, cpu: str) -> None:
    compare(FAMILIES[family][::3], target("arm", cpu))


def compare(tested: list[Case], cpu: Target) -> None:
    for case, got in zip(tested, run_cases(tested, cpu, 3), strict=True):
        assert np.array_equal(got, case.wanted), [op.mnemonic() for op in case.ops]


@pytest.mark.parametrize(
    ("extents", "parts", "axis"),
    [
        ({"panels": [2], "rows": [56]}, 2, "panels"),
        ({"panels": [2], "rows": [56]}, 4, "rows"),
        ({"panels": [1], "rows": [1], "tiles": [9, 2]}, 2, "tiles"),
        ({"panels": [1], "rows": [1]}, 2, None),
        ({"rows": [7]}, 1, None),
        ({}, 2, None),
    ],
)
def test_the_axis_that_gains_most(extents: dict[str, list[int]], parts: int, axis: str | None) -> None:
    assert best_axis(extents, parts) == axis


SANITIZED = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"]


@pytest.mark.parametrize("kind", ["thread", "address,undefined"])
def test_the_pool_under_sanitizers(kind: str, tmp_path: Path) -> None:
    flags = [f"-fsanitize={kind}", "-fno-sanitize-recover=all"]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n")
    probe = ["cc", *flags, "probe.c", "-o", "probe"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("the C compiler has no sanitizers")
    (tmp_path / "use.c").write_text(POOL_USE)
    runtime = resource("bnnc.runtime")
    sources = ["use.c", str(runtime / "bnnc_pool.c"), f"-I{runtime}", "-pthread"]
    subprocess.run(["cc", *SANITIZED, *flags, *sources, "-o", "use"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "use"], check=False).returncode == 0


POOL_USE = """
#include "bnnc_pool.h"

#include <pthread.h>

enum { PARTS = 5, ROUNDS = 300 };

static void add(void *context, int32_t part, int32_t parts) {
    ((int *)context)[part] += parts;
}

/* Every part of every task exactly once. */
static int sums(void) {
    int counts[PARTS] = {0};
    for (int i = 0; i < ROUNDS; i++) bnnc_pool_run(add, counts, 1 + i % PARTS);
    for (int part = 0; part < PARTS; part++) {
        int wanted = 0;
        for (int i = 0; i < ROUNDS; i++) wanted += part <= i % PARTS ? 1 + i % PARTS : 0;
        if (counts[part] != wanted) return 1;
    }
    return 0;
}

static void *call(void *bad) {
    *(int *)bad = sums();
    return 0;
}

int main(void) {
    if (sums() != 0) return 1;
    for (int round = 0; round < 2; round++) {
        if (bnnc_pool_start(3) != 3 || bnnc_pool_start(2) != 3) return 2;
        pthread_t other;
        int bad = 1;
        if (pthread_create(&other, 0, call, &bad) != 0) return 3;
        if (sums() != 0) return 4;
        if (pthread_join(other, 0) != 0 || bad) return 5;
        bnnc_pool_stop();
    }
    return 0;
}
"""
