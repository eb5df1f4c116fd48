"""Samples of self-tests: what the program makes of them is compared with what is made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.graphs import random_graph

from bnnc.arm import build as arm
from bnnc.arm.linux import run_program
from bnnc.arm.self_test import digest, n_codes, sample_codes
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input
from bnnc.passes.pack import PackBits
from bnnc.sim.edge import encode


@pytest.mark.parametrize("kind", ["b1_pm", "ter", "u2", "i5", "u8", "i8", "u16", "i16"])
def test_samples_are_legal_codes_of_all_kinds(kind: str) -> None:
    graph = tiny.dense(kind=kind, features=500)
    codes, source = sample_codes(graph, 4), core_input(graph)
    assert codes.shape == (4, 500) and codes.dtype == source.elem.dtype
    every = np.arange(source.first, source.last + 1, source.unit)
    assert np.isin(codes, every).all() and len(every) == n_codes(graph)
    if len(every) < 50:
        assert set(codes.ravel().tolist()) == set(every.tolist())
    assert np.array_equal(encode(graph, codes.astype(np.float32)), codes)


def test_samples_differ() -> None:
    codes = sample_codes(tiny.dense(features=100), 3)
    assert len({sample.tobytes() for sample in codes}) == 3


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_a_digest_changes_with_every_integer(dtype: type) -> None:
    rng = np.random.default_rng(0)
    raw: Array = rng.integers(-100 if dtype != np.uint8 else 0, 100, 200).astype(dtype)
    known = digest(raw)
    assert 0 <= known < 2**64
    for i in range(200):
        for other in {int(np.iinfo(dtype).min), int(raw[i]) + 1, 1} - {int(raw[i])}:
            changed = raw.copy()
            changed[i] = other
            assert digest(changed) != known
    assert digest(raw[::-1].copy()) != known


@pytest.mark.parametrize("kind", ["b1_pm", "ter", "u2", "i5", "u8", "i8", "u16", "i16"])
def test_the_program_makes_the_same(kind: str, tmp_path: Path) -> None:
    built = tiny.build(tiny.dense(kind=kind, features=70, outputs=9), _folder(tmp_path))
    assert run_on_host(tmp_path / "out" / built.program) == 0


@pytest.mark.parametrize("seed", range(3))
def test_an_emulated_program_makes_the_same(seed: int, tmp_path: Path) -> None:
    built = arm.build(PackBits().run(random_graph(seed)), tiny.ARM, tmp_path)
    assert run_program(tmp_path / built.program, ["--self-test"]).status == 0


def run_on_host(program: Path) -> int:
    return subprocess.run([program, "--self-test"], check=False, capture_output=True).returncode


def _folder(parent: Path) -> Path:
    (parent / "out").mkdir()
    return parent / "out"
