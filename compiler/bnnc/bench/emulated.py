"""Exact instruction counts of every kernel: one inference in an emulated core, block by block."""

from __future__ import annotations

import struct
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnnc.arm.emulate import MAGIC, Core, load_image
from bnnc.bench.compiled import Compiled
from bnnc.ir.op import Array

if TYPE_CHECKING:
    from unicorn import Uc

POINTER = 8
BEFORE_LOAD = 16 + 3 * POINTER  # of the table in counted.c: the magic, run, codes, raw


@dataclass(frozen=True)
class Trace:
    """The blocks that one kernel executed, in their order: `blocks` are addresses, `sizes` their bytes."""

    blocks: Array
    sizes: dict[int, int]

    @property
    def instructions(self) -> int:
        """How many were executed."""
        starts, counts = np.unique(self.blocks, return_counts=True)
        return sum(self.sizes[int(a)] // 4 * int(n) for a, n in zip(starts, counts, strict=True))


@dataclass(frozen=True)
class Counted:
    """One inference: `instructions` of all of it, the traces of its kernels, and the code they executed."""

    instructions: int
    kernels: tuple[Trace, ...]
    code: dict[int, bytes]


def count(compiled: Compiled) -> Counted:
    """Runs one sample through the network; what loading takes does not count."""
    values: dict[str, object] = {
        "functions": compiled.functions,
        "loads": "layers" in compiled.manifest.details,
    }
    with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
        core = Core(load_image(compiled.link("counted.c.j2", Path(folder), values)))
    load, *kernels = _table(core, len(compiled.functions))
    assert core.call(load) == 0, "the weights are damaged"
    core.write(core.model().codes, compiled.sample().tobytes())
    tracer = _Tracer(core, kernels)
    status = core.call(core.model().run)
    assert status == 0, f"status {status}"
    return tracer.result()


def _table(core: Core, n_kernels: int) -> tuple[int, ...]:
    """Addresses of the function that loads the weights, and of the kernels."""
    for address, data, _ in core.image.segments:
        at = data.find(MAGIC)
        if at >= 0:
            memory = core.read(address + at + BEFORE_LOAD, POINTER * (1 + n_kernels))
            return struct.unpack(f"<{1 + n_kernels}Q", memory)
    raise AssertionError("the program has no table")


class _Tracer:
    """Follows a core: a kernel runs from its first block until a block begins where its call returns to."""

    def __init__(self, core: Core, kernels: list[int]) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._core = core
        self._number = {address: number for number, address in enumerate(kernels)}
        self._traces = [array("Q") for _ in (*kernels, "outside of them")]
        self._sizes: dict[int, int] = {}
        self._current = self._traces[-1]
        self._back = self._end = -1
        core.uc.hook_add(UC_HOOK_BLOCK, self._enter)

    def _enter(self, _uc: Uc, address: int, n_bytes: int, _data: object) -> None:
        if address == self._back:
            self._current = self._traces[-1]
        elif address in self._number and self._current is self._traces[-1]:
            self._current, self._back = self._traces[self._number[address]], self._end
        self._current.append(address)
        self._sizes[address] = n_bytes
        self._end = address + n_bytes

    def result(self) -> Counted:
        traces = [Trace(np.array(blocks, np.uint64), self._sizes) for blocks in self._traces]
        code = {address: self._core.read(address, size) for address, size in self._sizes.items()}
        return Counted(sum(t.instructions for t in traces), tuple(traces[:-1]), code)
