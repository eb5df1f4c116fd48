"""The order of the instructions of a loop on cores that issue them in order.

A list schedule: of the instructions whose operands are there first, the first one in the program. Temporaries
get registers as they are free, so instructions that wait for one let later ones pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# Two cycles more than those of a cortex-a53: with these llvm-mca finds the fewest cycles on both cores.
VECTOR_LATENCY, LOAD_LATENCY = 8, 6


@dataclass(frozen=True)
class Instruction:
    """`text` with its operands as {names}: temporaries are all that begin with t, as many as are needed."""

    text: str
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    latency: int = VECTOR_LATENCY

    @property
    def temporaries(self) -> frozenset[str]:
        return frozenset(name for name in (*self.writes, *self.reads) if name.startswith("t"))


def scheduled(program: Sequence[Instruction], registers: int, late: bool = False) -> tuple[str, ...]:
    """The texts in the order of the schedule, with the temporaries {t0} .. of so many registers.

    What overwrites a register may go as soon as its readers have; where it is `late`, when they are done: a
    load that follows vector operations at once holds some cores up until these are done.
    """
    values, before = _dependences(program)
    if late:
        values = [set(a | b) for a, b in zip(values, before, strict=True)]
    allocation = _Allocation(program, registers)
    ready, cycle, lines = dict[int, int](), 0, list[str]()
    waiting = list(range(len(program)))
    while waiting:
        possible = [
            (max([cycle, *(ready[j] for j in values[i])]), i)
            for i in waiting
            if all(j in ready for j in values[i] | before[i]) and allocation.has_room(i)
        ]
        cycle, chosen = min(possible)
        lines.append(allocation.text(chosen))
        ready[chosen] = cycle + program[chosen].latency
        cycle += 1
        waiting.remove(chosen)
    return tuple(lines)


def in_program_order(program: Sequence[Instruction], registers: int) -> tuple[str, ...]:
    """The texts as they come, with the temporaries {t0} .. of so many registers."""
    allocation = _Allocation(program, registers)
    return tuple(allocation.text(i) for i in range(len(program)))


class _Allocation:
    """Registers of temporaries, from their first to their last use."""

    def __init__(self, program: Sequence[Instruction], registers: int) -> None:
        self._program = program
        self._uses = Counter(name for one in program for name in one.temporaries)
        self._free, self._held = [f"{{t{i}}}" for i in range(registers)], dict[str, str]()

    def has_room(self, number: int) -> bool:
        """Whether there are registers for an instruction."""
        return len(self._program[number].temporaries - self._held.keys()) <= len(self._free)

    def text(self, number: int) -> str:
        """The text of an instruction that is next."""
        temporaries = sorted(self._program[number].temporaries)
        for name in temporaries:
            if name not in self._held:
                self._held[name] = self._free.pop(0)
        text = self._program[number].text.format_map(_Names(self._held))
        self._uses.subtract(temporaries)
        self._free += [self._held.pop(name) for name in temporaries if self._uses[name] == 0]
        return text


class _Names(dict[str, str]):
    """Temporaries give way to their registers; other names stay for later."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _dependences(program: Sequence[Instruction]) -> tuple[list[set[int]], list[set[int]]]:
    """Of every instruction: whose results it waits for, and which others it comes after."""
    values, before = list[set[int]](), list[set[int]]()
    writer, users = dict[str, int](), dict[str, list[int]]()
    for i, one in enumerate(program):
        values.append({writer[name] for name in one.reads if name in writer})
        before.append({user for name in one.writes for user in users.get(name, [])})
        for name in (*one.reads, *one.writes):
            users.setdefault(name, []).append(i)
        for name in one.writes:
            writer[name], users[name] = i, [i]
    return values, before
