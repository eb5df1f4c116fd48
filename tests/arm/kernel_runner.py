"""Kernels on their own: compiled, linked and called, on this machine or in an emulated AArch64 core."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bnnc.arm.codegen import CompiledStages, StageFunction, compile_stages
from bnnc.arm.emulate import Core, load_image
from bnnc.arm.toolchain import cross_toolchain, native_toolchain
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack
from bnnc.resources import resource
from bnnc.schedule.stages import Stage
from bnnc.sim.simulator import evaluate
from bnnc.targets import Target

GUARD = 256  # bytes behind every buffer that have to stay as they are
FILL = 0xA5
_BASE = 0x4000_0000


@dataclass(frozen=True)
class Case:
    """A stage and what it reads."""

    ops: tuple[Op, ...]
    x: Array
    others: tuple[Array, ...] = ()

    @cached_property
    def stage(self) -> Stage:
        """The stage, without a name."""
        return Stage("", self.ops)

    @cached_property
    def inputs(self) -> tuple[Array, ...]:
        """The values of the stage's inputs, in order."""
        return (self.x, *self.others)

    @cached_property
    def wanted(self) -> Array:
        """What the simulator answers."""
        known = {op: x[None] for op, x in zip(self.stage.inputs, self.inputs, strict=True)}
        for op in self.ops:
            known[op] = evaluate(op, *(known[operand] for operand in op.operands))
        return np.asarray(known[self.ops[-1]][0])


def values_of(kind: Elem, shape: tuple[int, ...]) -> EncodeInput:
    """An operation whose result are codes of that kind and shape."""
    step = 2 if kind == B1_PM else 1
    cuts = np.arange(kind.lo, kind.hi, step, dtype=np.float32)[None] + np.float32(0.5)
    none = np.zeros((0, 2), np.float32)
    return EncodeInput("codes", Input("x", shape), cuts, none[:, :0], none, np.float32(1), kind.lo, kind)


def planes_of(kind: Elem, shape: tuple[int, int, int]) -> Pack:
    """The same as bit planes."""
    return Pack("planes", values_of(kind, shape))


def run_cases(cases: Sequence[Case], target: Target, parts: int = 1) -> list[Array]:
    """The result of every case, all of them compiled into one object; of kernels that threads share the last
    part is done first.
    """
    stages = [replace(case.stage, name=f"s{i:02d}") for i, case in enumerate(cases)]
    compiled = compile_stages(stages, target, parts)
    machine = HostMachine(compiled, parts) if target.kind == "host" else ArmMachine(compiled, target, parts)
    return [machine.run(f, case) for f, case in zip(compiled.functions, cases, strict=True)]


class HostMachine:
    """This machine, by way of a shared library."""

    def __init__(self, compiled: CompiledStages, parts: int = 1) -> None:
        self._library, self._parts = load_library(compiled), parts

    def run(self, function: StageFunction, case: Case) -> Array:
        wanted = case.wanted
        blocks = [_block(np.ascontiguousarray(x).tobytes(), 0) for x in case.inputs]
        y = _block(b"", wanted.nbytes)
        for share in shares(function, self._parts):
            scratch = _block(b"", function.scratch_bytes)
            used = [*blocks, y, scratch, _block(function.constants, 0)]
            self._library[function.name](*(ctypes.c_void_p(b.ctypes.data) for b in used), *share)
            for block in used:
                assert (block[-GUARD:] == FILL).all(), f"{function.name} wrote past a buffer"
        return y[:-GUARD].copy().view(wanted.dtype).reshape(wanted.shape)


def shares(function: StageFunction, parts: int) -> list[tuple[int, ...]]:
    """What a kernel is called with behind its pointers, call by call."""
    return [(part, parts) for part in reversed(range(parts))] if function.is_shared else [()]


def load_library(compiled: CompiledStages) -> ctypes.CDLL:
    """The functions of an object for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "stages.o").write_bytes(compiled.object_file)
        native_toolchain().link(Path(folder), ["stages.o"], "stages.so", "-shared")
        return ctypes.CDLL(str(Path(folder) / "stages.so"))


class ArmMachine:
    """An emulated core."""

    def __init__(self, compiled: CompiledStages, target: Target, parts: int = 1) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "stages.o").write_bytes(compiled.object_file)
            tools = cross_toolchain(target.triple)
            if target.is_aarch64:
                sources = ["main.c"]
                (Path(folder) / "main.c").write_text("int main(void) { return 0; }\n")
            else:  # no C library: to build one takes longer than to test every kernel
                memory = resource("bnnc.runtime", "bnnc_memory.c")
                sources = ["-nostdlib", "-Wl,-e,memcpy", f"-I{memory.parent / 'bare'}", str(memory)]
            command = [*tools.cc, *tools.ldflags, "-O2", "-Wl,--no-gc-sections", "-o", "stages.elf", *sources]
            subprocess.run([*command, "stages.o"], cwd=folder, check=True, capture_output=True)
            self._core = Core(load_image(Path(folder) / "stages.elf"))
            self._functions = _symbols(Path(folder) / "stages.elf")
        self._core.uc.mem_map(_BASE, 1 << 24)
        self._parts = parts

    def run(self, function: StageFunction, case: Case) -> Array:
        wanted, n = case.wanted, len(case.inputs)
        inputs = [np.ascontiguousarray(x).tobytes() for x in case.inputs]
        sizes = [*map(len, inputs), wanted.nbytes, function.scratch_bytes, len(function.constants)]
        starts = [_BASE]
        for size in sizes:
            starts.append(-(-(starts[-1] + size + GUARD) // 64) * 64)
        self._core.write(_BASE, bytes([FILL]) * (starts[-1] - _BASE))
        for start, data in zip((*starts[:n], starts[n + 2]), (*inputs, function.constants), strict=True):
            self._core.write(start, data)
        for share in shares(function, self._parts):
            self._core.write(starts[n + 1], bytes([FILL]) * function.scratch_bytes)
            self._core.call(self._functions[function.name], *starts[:-1], *share)
        for start, size in zip(starts, sizes, strict=False):
            assert self._core.read(start + size, GUARD) == bytes([FILL]) * GUARD, (
                f"{function.name} wrote past"
            )
        result = np.frombuffer(self._core.read(starts[n], wanted.nbytes), wanted.dtype)
        return result.reshape(wanted.shape)


def _symbols(program: Path) -> dict[str, int]:
    from elftools.elf.elffile import ELFFile

    with program.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def _block(data: bytes, size: int) -> Array:
    """Bytes at a 64-byte boundary, then the guard."""
    size = max(size, len(data))
    room = np.full(size + GUARD + 64, FILL, np.uint8)
    start = -room.ctypes.data % 64
    block = room[start : start + size + GUARD]
    block[: len(data)] = np.frombuffer(data, np.uint8)
    return block
