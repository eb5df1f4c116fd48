"""Compilers and headers: which are taken, and what is said when they are missing."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.graphs import random_codes
from tests.hls.branches import sparse_network
from tests.hls.projects import dense_network, write_project

from bnnc.errors import BnncError
from bnnc.executors.hls import HlsExecutor
from bnnc.hls import csim

FLAGS = csim.FLAGS


def test_missing_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    csim.vendor_headers.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BnncError, match="hls_stream.h are missing; pip install hls4ml tree-sitter"):
        csim.vendor_headers()


def test_missing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BnncError, match="there is no C.. compiler; install g.. or pip install ziglang"):
        csim.compiler()


def test_zig_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert csim.compiler()[1:4] == ("-m", "ziglang", "c++")


@pytest.mark.usefixtures("cpp")
def test_a_network_compiles_as_users_compile_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests leave optimization out, and there are warnings that only come with it."""
    assert "-O1" in FLAGS and "-Werror" in FLAGS
    monkeypatch.setattr(csim, "FLAGS", FLAGS)
    write_project(sparse_network(), tmp_path)
    assert "samples" in csim.csim(tmp_path)


@pytest.mark.usefixtures("cpp")
def test_sources_that_do_not_compile(tmp_path: Path) -> None:
    write_project(dense_network((8, 4, 2)), tmp_path)
    (tmp_path / "src" / "net.cpp").write_text("nonsense")
    with pytest.raises(BnncError, match="the emitted C.. does not compile"):
        csim.csim(tmp_path)


@pytest.mark.usefixtures("cpp")
def test_progress_and_an_empty_batch(tmp_path: Path) -> None:
    graph = dense_network((8, 4, 2))
    write_project(graph, tmp_path / "project")
    (tmp_path / "made").mkdir()
    executor = HlsExecutor(tmp_path / "project", graph, tmp_path / "made")
    assert executor.run(random_codes(graph, 0, 1)).shape == (0, 1, 1, 2)
    told: list[int] = []
    assert len(executor.run(random_codes(graph, 35, 1), told.append)) == 35
    assert sum(told) == 35 and len(told) > 1
    again = HlsExecutor(tmp_path / "project", graph, tmp_path / "made")
    assert (tmp_path / "made" / "hls_driver").exists() and again.run(random_codes(graph, 2, 1)).shape[0] == 2


def test_minutes_are_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for command, told in ((("python", "-m", "ziglang", "c++"), True), (("g++",), False)):
        caplog.clear()
        monkeypatch.setattr(csim, "compiler", lambda command=command: command)
        monkeypatch.setattr(csim, "vendor_headers", lambda: tmp_path)
        monkeypatch.setattr(subprocess, "run", lambda c, **_: subprocess.CompletedProcess(c, 0))
        with caplog.at_level(logging.INFO, "bnnc"):
            csim.compile_project(tmp_path, [tmp_path / "tb.cpp"], tmp_path / "program")
        (message,) = (record.getMessage() for record in caplog.records)
        assert message.startswith("compiling the C++") and ("builds its C++ library" in message) == told
