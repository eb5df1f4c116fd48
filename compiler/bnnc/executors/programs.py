"""The executable of a compiled folder run as a whole, with .npy files: under QEMU, or on a board over ssh."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnnc.edge.names import identifier
from bnnc.errors import BnncError
from bnnc.executors.registry import Progress
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input, core_result
from bnnc.sim.edge import decode_integers

_SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10")


@dataclass(frozen=True)
class QemuRunner:
    """Under QEMU's `emulator`."""

    graph: Graph
    folder: Path
    emulator: str
    how: str = "qemu"

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
        return through_files(self.graph, codes, self._call, progress)

    def _call(self, folder: Path) -> None:
        program = self.folder / identifier(self.graph.name)
        run_tool([self.emulator, str(program.resolve()), *arguments(str(folder))])


@dataclass(frozen=True)
class BoardRunner:
    """On `board` (user@host), which ssh has to reach without a password."""

    graph: Graph
    folder: Path
    board: str

    def __post_init__(self) -> None:
        if not self.board or self.board.startswith("-") or any(c.isspace() for c in self.board):
            raise BnncError.at("BNNC_BOARD", f"{self.board!r} is no board", "set it to user@host")

    @property
    def how(self) -> str:
        """Names the board."""
        return f"board {self.board}"

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
        return through_files(self.graph, codes, self._call, progress)

    def _call(self, folder: Path) -> None:
        program = self.folder / identifier(self.graph.name)
        there = self._ssh("mktemp -d").strip()
        if not there.startswith("/") or not there.replace("/", "").replace(".", "").isalnum():
            raise BnncError.at(self.board, f"mktemp answered {there!r}")
        try:
            self._copy(str(program), str(folder / "codes.npy"), f"{self.board}:{there}/")
            self._ssh(f"{there}/{program.name} {' '.join(arguments(there))}")
            self._copy(f"{self.board}:{there}/raw.npy", str(folder / "raw.npy"))
        finally:
            self._ssh(f"rm -r {there}")

    def _ssh(self, command: str) -> str:
        return run_tool(["ssh", *_SSH_OPTIONS, self.board, command])

    def _copy(self, *paths: str) -> None:
        run_tool(["scp", "-q", *_SSH_OPTIONS, *paths])


def through_files(
    graph: Graph, codes: Array, call: Callable[[Path], None], progress: Progress | None
) -> Array:
    """Raw integers by way of codes.npy and raw.npy in a folder that `call` is given."""
    with tempfile.TemporaryDirectory(prefix="bnnc-") as name:
        folder = Path(name)
        np.save(folder / "codes.npy", codes.astype(core_input(graph).type.elem.dtype))
        call(folder)
        integers: Array = np.load(folder / "raw.npy", allow_pickle=False)
    if progress:
        progress(len(codes))
    return device_order(graph, integers)


def arguments(folder: str) -> list[str]:
    """What the program is told to read and write."""
    return ["--codes", "--raw", "--input", f"{folder}/codes.npy", "--output", f"{folder}/raw.npy"]


def device_order(graph: Graph, integers: Array) -> Array:
    """Integers in the order of the source's output, back in the order of the device."""
    shape = core_result(graph).type.shape
    positions = np.arange(math.prod(shape)).reshape(1, *shape)
    raw = np.empty((len(integers), math.prod(shape)), core_result(graph).type.elem.dtype)
    raw[:, decode_integers(graph, positions).ravel()] = integers.reshape(raw.shape)
    return raw.reshape(-1, *shape)


def run_tool(command: list[str]) -> str:
    """The standard output of a command that must succeed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise BnncError.at("executor arm", f"{command[0]} is missing", f"install {command[0]}") from error
    except subprocess.CalledProcessError as error:
        raise BnncError.at("executor arm", f"{' '.join(command)} failed: {error.stderr.strip()}") from error
