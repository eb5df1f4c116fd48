"""What is fed to llvm-mca: windows and inner loops of a trace; and what it says, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.bench.conftest import Compile

from bnnc.bench import mca
from bnnc.bench.emulated import Trace, count

START, BODY, INNER, END = 0x1000, 0x1010, 0x1020, 0x1030  # blocks of four instructions one behind the other


def nested(outer: int, inner: int) -> Trace:
    """A loop over BODY, INNER and END in which INNER repeats."""
    blocks = [START] + ([BODY] + [INNER] * inner + [END]) * outer
    return Trace(np.array(blocks, np.uint64), dict.fromkeys((START, BODY, INNER, END), 4))


def text_of(trace: Trace) -> dict[int, list[str]]:
    return {block: [f"{block:x}.{i}" for i in range(n)] for block, n in trace.lengths.items()}


def test_the_innermost_loops() -> None:
    assert mca._innermost(nested(5, 3)) == [range(INNER, END, 4)]
    assert mca._innermost(nested(5, 1)) == [range(BODY, END + 16, 4)]
    assert mca._innermost(nested(1, 1)) == []


def test_a_block_that_is_entered_in_its_middle_counts_once_an_address() -> None:
    trace = Trace(np.array([INNER - 8, INNER, INNER], np.uint64), {INNER - 8: 6, INNER: 4})
    executed = mca._executions(trace)
    assert executed[INNER - 8] == 1 and executed[INNER] == executed[INNER + 12] == 3
    assert sum(executed.values()) == trace.instructions


def test_a_short_kernel_is_one_window() -> None:
    trace = nested(2, 2)
    [window] = mca._windows(trace, text_of(trace))
    assert len(window) == trace.instructions and window[0] == f"{START:x}.0"


def test_windows_of_a_long_kernel_reach_from_its_start_to_its_end() -> None:
    trace = nested(3000, 3)
    windows = list(mca._windows(trace, text_of(trace)))
    assert len(windows) == mca.WINDOWS
    assert all(mca.WINDOW <= len(window) < mca.WINDOW + 8 for window in windows)
    assert windows[0][0] == f"{START:x}.0" and windows[-1][-1] == f"{END:x}.3"


@pytest.fixture(scope="module")
def tools() -> mca.Tools:
    found = mca.find_tools()
    if found is None:
        pytest.skip(f"llvm-mca {mca.OLDEST} or newer is not installed")
    return found


def test_a_chain_of_additions_takes_a_cycle_each(tools: mca.Tools) -> None:
    [chain, apart] = tools.cycles([["add x0, x0, #1"] * 8, ["bl #8"]], "neoverse-n1", iterations=100)
    assert 8 <= chain < 8.2 and apart < 3, "a call is a jump"


def test_instructions_come_back_as_text(tools: mca.Tools) -> None:
    words = [bytes.fromhex("c0035fd6"), bytes.fromhex("20 58 20 4e".replace(" ", ""))]
    assert [line.split() for line in tools.disassemble(words)] == [["ret"], ["cnt", "v0.16b,", "v1.16b"]]


def test_cycles_of_a_network(tools: mca.Tools, compiled: Compile) -> None:
    counted = count(compiled("arm", "cortex-a76"))
    estimated = mca.estimate(counted, tools, mca.CORES["cortex-a76"])
    for trace, (cycles, loop) in zip(counted.kernels, estimated, strict=True):
        assert trace.instructions / 8 < cycles < 8 * trace.instructions + 100
        assert loop is None or (loop.iterations > 1 and 0 < loop.share <= 1 and loop.cycles > 0)


def test_nothing_is_found_without_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnnc.bench.mca.shutil.which", lambda _: None)
    assert mca.find_tools() is None


def test_old_tools_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bnnc.bench.mca.shutil.which", lambda name: name if name[-1] == "a" or name == "llvm-mc" else None
    )
    monkeypatch.setattr("bnnc.bench.mca._output", lambda *_: "Debian LLVM version 14.0.6\n")
    assert mca.find_tools() is None
    monkeypatch.setattr("bnnc.bench.mca._output", lambda *_: "LLVM version 21.1\n")
    assert mca.find_tools() == mca.Tools("llvm-mca", "llvm-mc", "21.1")
