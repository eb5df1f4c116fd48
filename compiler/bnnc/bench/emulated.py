"""Exact instruction counts of every kernel: one inference in an emulated core, block by block."""

from __future__ import annotations

import struct
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnnc.arm.emulate import MAGIC, Core, load_image
from bnnc.bench.compiled import Compiled
from bnnc.ir.op import Array

if TYPE_CHECKING:
    from unicorn import Uc

BUFFERS = 3  # pointers between the magic and the others in the table of counted.c: run, codes, raw


@dataclass(frozen=True)
class Trace:
    """What one kernel executed: addresses of blocks in their order; `lengths` are their instructions."""

    blocks: Array
    lengths: dict[int, int]

    @property
    def executions(self) -> dict[int, int]:
        """How often each block was executed."""
        starts, counts = np.unique(self.blocks, return_counts=True)
        return dict(zip(starts.tolist(), counts.tolist(), strict=True))

    @property
    def instructions(self) -> int:
        """How many were executed."""
        return sum(self.lengths[block] * count for block, count in self.executions.items())


@dataclass(frozen=True)
class Counted:
    """One inference: `instructions` of all of it, the traces of its kernels, and the code they executed."""

    instructions: int
    kernels: tuple[Trace, ...]
    code: dict[int, bytes]


def count(compiled: Compiled) -> Counted:
    """Runs one sample through the network; what loading takes does not count."""
    core = _core(compiled)
    load, *kernels = _table(core, len(compiled.functions))
    assert core.call(load) == 0, "the weights are damaged"
    core.write(core.model().codes, compiled.sample().tobytes())
    tracer = _Tracer(core, kernels, _calls(compiled))
    status = core.call(core.model().run)
    assert status == 0, f"status {status}"
    return tracer.result()


def _calls(compiled: Compiled) -> Iterator[int]:
    """Numbers of kernels in the order of their calls; one that threads share is called for each."""
    for number, is_shared in enumerate(compiled.are_shared):
        yield from [number] * (compiled.threads if is_shared else 1)


def _core(compiled: Compiled) -> Core:
    values: dict[str, object] = {
        "functions": compiled.functions,
        "loads": "layers" in compiled.manifest.details,
        "entry": "_start" if compiled.processor.is_freestanding else "main",
    }
    with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
        return Core(load_image(compiled.link("counted.c.j2", Path(folder), values)))


def _table(core: Core, n_kernels: int) -> tuple[int, ...]:
    """Addresses of the function that loads the weights, and of the kernels."""
    before, words = (f"<{n}{core.machine.word}" for n in (BUFFERS, 1 + n_kernels))
    for address, data, _ in core.image.segments:
        at = data.find(MAGIC)
        if at >= 0:
            start = address + at + len(MAGIC) + struct.calcsize(before)
            return struct.unpack(words, core.read(start, struct.calcsize(words)))
    raise AssertionError("the program has no table")


class _Tracer:
    """Follows a core: a kernel runs from its first block until a block begins where its call returns to.

    Only the order of `calls` tells which one it is: equal kernels are one piece of code, and linkers let all
    callers jump there.
    """

    def __init__(self, core: Core, kernels: Sequence[int], calls: Iterator[int]) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._core = core
        # The lowest bit of a function's address says Thumb.
        self._kernels, self._calls = {address & -2 for address in kernels}, calls
        self._traces = [array("Q") for _ in (*kernels, "outside of them")]
        self._sizes: dict[int, int] = {}
        self._current = self._traces[-1]
        self._back = -1
        core.uc.hook_add(UC_HOOK_BLOCK, self._enter)

    def _enter(self, _uc: Uc, address: int, n_bytes: int, _data: object) -> None:
        if address == self._back:
            self._current = self._traces[-1]
        elif address in self._kernels and self._current is self._traces[-1]:
            self._current, self._back = self._traces[next(self._calls)], self._return_address()
        self._current.append(address)
        self._sizes[address] = n_bytes

    def _return_address(self) -> int:
        """Of the function that begins here; callers jump to it where calling it is the last thing they do."""
        return int(self._core.uc.reg_read(self._core.machine.link)) & -2

    def result(self) -> Counted:
        assert next(self._calls, None) is None, "a kernel was not called"
        code = {address: self._core.read(address, size) for address, size in self._sizes.items()}
        lengths = {address: self._core.machine.instructions(memory) for address, memory in code.items()}
        traces = [Trace(np.array(blocks, np.uint64), lengths) for blocks in self._traces]
        return Counted(sum(t.instructions for t in traces), tuple(traces[:-1]), code)
