"""Cycles by llvm-mca: pieces of what a kernel executed on LLVM's model of a core."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.bench.emulated import Counted, Trace

OLDEST, NEWEST = 19, 30  # of LLVM: the oldest that was tried
# For cortex-a76 LLVM takes its model of the older A57; neoverse-n1, the same core, has a model of its own.
CORES = {
    **{name: name for name in ("cortex-a53", "cortex-a55", "cortex-a72", "neoverse-n1", "neoverse-v1")},
    "cortex-a76": "neoverse-n1",
    "cortex-x1": "neoverse-v1",
}
LOOPED = 100  # iterations of an inner loop
WINDOWS, WINDOW = 8, 2000  # of a kernel, and instructions in each: what fills and drains the core is small
_TRIPLE = "aarch64-linux-musl"
METHOD = (
    f"llvm-mca on up to {WINDOWS} pieces of {WINDOW} executed instructions of a kernel, scaled to all of its "
    "instructions; caches and wrong branch predictions do not count"
)
_MCA_OPTIONS = ("--json", "--call-latency=1", "--instruction-info=0", "--resource-pressure=0")


@dataclass(frozen=True)
class Tools:
    """llvm-mca and the disassembler that belongs to it."""

    mca: str
    mc: str
    version: str

    def disassemble(self, words: Sequence[bytes]) -> list[str]:
        """The instructions as text."""
        source = "\n".join(" ".join(f"{octet:#04x}" for octet in word) for word in words)
        command = [self.mc, "--disassemble", f"--triple={_TRIPLE}", "-mattr=+all"]
        lines = _output(command, source).splitlines()
        text = [line for line in lines if line.strip() and not line.strip().startswith(".")]
        assert len(text) == len(words), "an instruction that the disassembler does not know"
        return text

    def cycles(self, regions: Sequence[Sequence[str]], cpu: str, iterations: int = 1) -> list[float]:
        """Cycles of one iteration of each region of instructions."""
        source = "".join(
            f"# LLVM-MCA-BEGIN r{number}\n" + "\n".join(region) + "\n# LLVM-MCA-END\n"
            for number, region in enumerate(regions)
        )
        command = [
            self.mca,
            f"--mtriple={_TRIPLE}",
            f"--mcpu={cpu}",
            f"--iterations={iterations}",
            *_MCA_OPTIONS,
        ]
        answer = json.loads(_output(command, source))
        found = [region["SummaryView"]["TotalCycles"] / iterations for region in answer["CodeRegions"]]
        assert len(found) == len(regions)
        return found


@dataclass(frozen=True)
class Loop:
    """The innermost loop in which a kernel executes most: its instructions, and how often they are.

    `cycles` are those of an iteration among many; `share` is the part of the kernel's instructions.
    """

    text: tuple[str, ...]
    iterations: int
    cycles: float
    share: float


def find_tools() -> Tools | None:
    """The newest llvm-mca that knows the cores, with llvm-mc; None where there is none."""
    names = [*(f"-{number}" for number in range(NEWEST, OLDEST - 1, -1)), ""]
    for suffix in names:
        mca, mc = shutil.which(f"llvm-mca{suffix}"), shutil.which(f"llvm-mc{suffix}")
        if mca and mc:
            version = re.search(r"LLVM version ((\d+)[.\d]*)", _output([mca, "--version"], ""))
            if version and int(version[2]) >= OLDEST:
                return Tools(mca, mc, version[1])
    return None


def estimate(counted: Counted, tools: Tools, cpu: str) -> list[tuple[float, Loop | None]]:
    """Cycles of every kernel, and its inner loops.

    The cycles are those of windows spread evenly over what the kernel executed, per instruction, times all of
    its instructions.
    """
    text = disassembled(counted.code, tools)
    return [(_spread(t, text, tools, cpu), _inner_loop(t, text, tools, cpu)) for t in counted.kernels]


def disassembled(code: Mapping[int, bytes], tools: Tools) -> dict[int, list[str]]:
    """The instructions of every block."""
    words = sorted({memory[i : i + 4] for memory in code.values() for i in range(0, len(memory), 4)})
    known = dict(zip(words, tools.disassemble(words), strict=True))
    return {a: [known[memory[i : i + 4]] for i in range(0, len(memory), 4)] for a, memory in code.items()}


def _spread(trace: Trace, text: Mapping[int, list[str]], tools: Tools, cpu: str) -> float:
    windows = list(_windows(trace, text))
    taken = sum(map(len, windows))
    return sum(tools.cycles(windows, cpu)) * trace.instructions / taken


def _windows(trace: Trace, text: Mapping[int, list[str]]) -> Iterable[list[str]]:
    """Everything of a short kernel; else WINDOWS pieces."""
    lengths = np.array([trace.lengths[int(block)] for block in trace.blocks])
    ends = np.cumsum(lengths)
    total = int(ends[-1])
    if total <= WINDOWS * WINDOW:
        yield [line for block in trace.blocks for line in text[int(block)]]
        return
    for number in range(WINDOWS):
        start = (total - WINDOW) * number // (WINDOWS - 1)
        first, last = np.searchsorted(ends, [start, start + WINDOW], side="right")
        yield [line for block in trace.blocks[first : last + 1] for line in text[int(block)]]


def _inner_loop(trace: Trace, text: Mapping[int, list[str]], tools: Tools, cpu: str) -> Loop | None:
    known = {block + 4 * i: line for block, lines in text.items() for i, line in enumerate(lines)}
    executed = _executions(trace)
    loops = [loop for loop in _innermost(trace) if all(address in executed for address in loop)]
    if not loops:
        return None
    main = max(loops, key=lambda loop: sum(executed[address] for address in loop))
    body = tuple(" ".join(known[address].split()) for address in main)
    spent = sum(executed[address] for address in main)
    [cycles] = tools.cycles([body], cpu, iterations=LOOPED)
    return Loop(body, executed[main[-1]], cycles, spent / trace.instructions)


def _executions(trace: Trace) -> dict[int, int]:
    """How often the instruction at each address was executed."""
    executed: dict[int, int] = {}
    for block, count in trace.executions.items():
        for address in range(block, block + 4 * trace.lengths[block], 4):
            executed[address] = executed.get(address, 0) + count
    return executed


def _innermost(trace: Trace) -> list[range]:
    """Addresses from where the trace jumps back to up to the jump, if no other such range lies within."""
    steps = np.stack([trace.blocks[:-1], trace.blocks[1:]])
    back = np.unique(steps[:, steps[1] <= steps[0]], axis=1).T.tolist()
    ranges = {(start, jump + 4 * trace.lengths[jump]) for jump, start in back}
    inner = [r for r in ranges if not any(r != o and r[0] <= o[0] and o[1] <= r[1] for o in ranges)]
    return [range(start, end, 4) for start, end in sorted(inner)]


def _output(command: list[str], source: str) -> str:
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
