"""Executors "host" and "arm": a compiled program in this process, in an emulator, under QEMU, on a board."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from bnnc.arm.emulate import Core, InstructionCounter, architecture, load_image
from bnnc.edge.names import identifier
from bnnc.errors import BnncError
from bnnc.executors.programs import BoardRunner, QemuRunner
from bnnc.executors.registry import Progress
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input, core_result
from bnnc.schedule.memory import ALIGNMENT

Way = Literal["board", "qemu", "unicorn"]
_QEMU = {"armv7": "qemu-arm", "riscv64": "qemu-riscv64"}
PROGRESS_STEP = 64  # samples; the host runs most of them in microseconds


class Runner(Protocol):
    """A means to run the executable."""

    @property
    def how(self) -> str:
        """The name of the means."""

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""


@dataclass(frozen=True)
class HostExecutor:
    """The shared library that was compiled for this machine, in this process."""

    graph: Graph
    folder: Path
    name: str = "host"
    how: str = "in-process"

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
        codes, raw = device_codes(self.graph, codes), empty_results(self.graph, len(codes))
        run, arena = self._run, _aligned_buffer(self._arena_bytes)
        for i in range(len(codes)):
            status = run(_address(codes, i), _address(raw, i), arena.ctypes.data)
            assert status == 0, f"status {status}"
            if progress and (i + 1) % PROGRESS_STEP == 0:
                progress(PROGRESS_STEP)
        if progress and len(codes) % PROGRESS_STEP:
            progress(len(codes) % PROGRESS_STEP)
        return raw

    @cached_property
    def _library(self) -> ctypes.CDLL:
        name = identifier(self.graph.name)
        path = self.folder / f"lib{name}.so"
        try:
            library = ctypes.CDLL(str(path.resolve()))
        except OSError as error:
            what = f"cannot be loaded ({error})"
            raise BnncError.at(str(path), what, "compile it again on this machine") from error
        if hasattr(library, f"{name}_load") and library[f"{name}_load"]() != 0:
            raise BnncError.at(str(path), "its weights are damaged", "compile it again")
        if hasattr(library, f"{name}_start_threads"):
            library[f"{name}_start_threads"]()
        return library

    @property
    def _run(self) -> Callable[[int, int, int], int]:
        function = self._library[f"{identifier(self.graph.name)}_run"]
        function.argtypes, function.restype = [ctypes.c_void_p] * 3, ctypes.c_int
        return function

    @property
    def _arena_bytes(self) -> int:
        return ctypes.c_size_t.in_dll(self._library, f"{identifier(self.graph.name)}_arena_bytes").value


@dataclass(frozen=True)
class ArmExecutor:
    """The static executable for AArch64, ARMv7 or RISC-V; the image of a microcontroller's program.

    Runs as `way` says; else on the board that `board` or BNNC_BOARD names (user@host), else under QEMU
    (qemu-aarch64, ..) where it is installed, else in unicorn. Images run in unicorn. `how` tells which it is.
    """

    graph: Graph
    folder: Path
    way: Way | None = None
    board: str = field(default_factory=lambda: os.environ.get("BNNC_BOARD", ""))
    name: str = "arm"

    @property
    def how(self) -> str:
        """The name of the runner."""
        return self.runner.how

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
        return self.runner.run(codes, progress)

    @cached_property
    def runner(self) -> Runner:
        """The means that `way`, the board and what is installed leave."""
        runs_on = architecture(self.folder / identifier(self.graph.name))
        if runs_on == "cortex-m":
            return UnicornRunner(self.graph, self.folder)
        named = _QEMU.get(runs_on, "qemu-aarch64")
        qemu = shutil.which(named) or shutil.which(f"{named}-static")
        match self.way or ("board" if self.board else "qemu" if qemu else "unicorn"):
            case "board":
                return BoardRunner(self.graph, self.folder, self.board)
            case "qemu":
                return QemuRunner(self.graph, self.folder, qemu or named)
            case "unicorn":
                return UnicornRunner(self.graph, self.folder)


@dataclass
class UnicornRunner:
    """The model inside the executable, called sample by sample in an emulated core.

    With `count` `instructions` holds how many instructions each sample of the last run took.
    """

    graph: Graph
    folder: Path
    count: bool = False
    how: str = "unicorn"
    instructions: list[int] = field(default_factory=list)

    def run(self, codes: Array, progress: Progress | None = None) -> Array:
        """Codes (n, *core_input.type.shape) to raw integers (n, *core_result.type.shape)."""
        codes, raw = device_codes(self.graph, codes), empty_results(self.graph, len(codes))
        core = Core(load_image(self.folder / identifier(self.graph.name)))
        counter = InstructionCounter(core) if self.count else None
        model = core.model()
        self.instructions = []
        for i, sample in enumerate(codes):
            core.write(model.codes, sample.tobytes())
            status = core.call(model.run)
            assert status == 0, f"status {status}"
            raw[i] = np.frombuffer(core.read(model.raw, raw[i].nbytes), raw.dtype).reshape(raw.shape[1:])
            if counter:
                self.instructions.append(counter.take())
            if progress:
                progress(1)
        return raw


def device_codes(graph: Graph, codes: Array) -> Array:
    """The codes as the device reads them from memory."""
    type_ = core_input(graph).type
    assert codes.shape[1:] == type_.shape, f"codes {codes.shape} for {type_}"
    return np.ascontiguousarray(codes, type_.elem.dtype)


def empty_results(graph: Graph, count: int) -> Array:
    """Room for the raw integers of a batch."""
    type_ = core_result(graph).type
    return np.empty((count, *type_.shape), type_.elem.dtype)


def _aligned_buffer(n_bytes: int) -> Array:
    buffer = np.zeros(n_bytes + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + n_bytes]


def _address(array: Array, index: int) -> int:
    return int(array.ctypes.data) + index * array.strides[0]
