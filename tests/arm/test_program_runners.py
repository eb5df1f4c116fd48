"""QEMU and the board, played by this machine: what is called, what is copied, what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny

from bnnc.errors import BnncError
from bnnc.executors.native import ArmExecutor
from bnnc.sim.simulator import run

GRAPH = tiny.dense()
SSH = """#!/bin/sh
# ssh OPTIONS.. board COMMAND: the last argument runs here.
for last; do :; done
echo "$last" >> "$LOG"
sh -c "$last"
"""
SCP = """#!/bin/sh
# scp -q -o A -o B FROM.. TO, without the names of hosts.
shift 5
to=$(eval echo "\\${$#}" | sed 's/^[^:/]*://')
while [ $# -gt 1 ]; do cp "$(echo "$1" | sed 's/^[^:/]*://')" "$to"; shift; done
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("host") / "out"
    out.mkdir()
    tiny.build(GRAPH, out)
    return out


def tools(monkeypatch: pytest.MonkeyPatch, folder: Path, scripts: dict[str, str]) -> None:
    """Put scripts in front of everything in PATH."""
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(folder / "log"))


def test_qemu_is_taken_when_installed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools(monkeypatch, tmp_path, {"qemu-aarch64": '#!/bin/sh\nexec "$@"\n'})
    codes, reported = tiny.samples(GRAPH, 5), list[int]()
    executor = ArmExecutor(GRAPH, folder, board="")
    assert np.array_equal(executor.run(codes, reported.append), run(GRAPH, codes))
    assert executor.how == "qemu" and reported == [5]


def test_the_board_comes_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools(monkeypatch, tmp_path, {"ssh": SSH, "scp": SCP, "qemu-aarch64": "#!/bin/sh\nexit 1\n"})
    monkeypatch.setenv("BNNC_BOARD", "pi@board")
    codes = tiny.samples(GRAPH, 5)
    executor = ArmExecutor(GRAPH, folder)
    assert np.array_equal(executor.run(codes), run(GRAPH, codes)) and executor.how == "board pi@board"
    made, program, removed = (tmp_path / "log").read_text().splitlines()
    there = removed.removeprefix("rm -r ")
    assert made == "mktemp -d" and program.startswith(f"{there}/tiny --codes") and not Path(there).exists()


def test_a_failure_on_the_board_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = SSH.replace(
        'sh -c "$last"', 'case "$last" in mktemp*) sh -c "$last";; *) echo no >&2; exit 3;; esac'
    )
    tools(monkeypatch, tmp_path, {"ssh": failing, "scp": SCP})
    with pytest.raises(BnncError, match="failed: no"):
        ArmExecutor(GRAPH, folder, way="board", board="pi@board").run(tiny.samples(GRAPH, 1))


def test_a_missing_tool_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for way, tool in (("qemu", "qemu-aarch64"), ("board", "ssh")):
        executor = ArmExecutor(GRAPH, folder, way=way, board="pi@board")  # type: ignore[arg-type]
        with pytest.raises(BnncError, match=f"{tool} is missing; install {tool}"):
            executor.run(tiny.samples(GRAPH, 1))
