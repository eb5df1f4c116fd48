"""What LLVM writes for a kernel: its innermost loops, and what they do with the stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bnnc.arm.codegen import generate
from bnnc.arm.kernels.isa import isa
from bnnc.arm.lowering import lower
from bnnc.schedule.stages import Stage
from bnnc.targets import Target

_LABEL = re.compile(r"(\.LBB\w+|\.Ltmp\d+|\d+):")
_GOAL = re.compile(r"\s(\.LBB\w+|\.Ltmp\d+|\d+[bf])$")
_ENDS = re.compile(r"(b|b\.w|j|jmp)\s|ret|bx\s+lr|pop.*\bpc\b|ldm.*\bpc\b|udf|ud2|brk")
_STACK = ("sp", "wsp", "rsp", "esp")
# Where a memory operand says its base: [x0, #8], 8(a0), 8(%rax,%rcx,4).
_BASE = re.compile(r"\[(\w+)|\((\w+)\)|\(%(\w+)")
_ADDRESS = re.compile(r"lea[lqw]?\s")
_MOVES = re.compile(r"(add|addi|sub|mov|movq|mv|addq|subq|add\.w|sub\.w|addw|subw)\s")


@dataclass(frozen=True)
class Block:
    """Straight code. `goals` are the numbers of the blocks that may come next."""

    first: int
    lines: tuple[str, ...]
    goals: tuple[int, ...]


@dataclass(frozen=True)
class Loop:
    """The instructions of an innermost loop, and those of them that read or write the stack."""

    function: str
    lines: tuple[str, ...]
    stack: tuple[str, ...]


def inner_loops(stages: Sequence[Stage], target: Target) -> list[Loop]:
    """Those of every function."""
    functions = {stage.name: lower(stage, isa(target)).function for stage in stages}
    text = generate(functions, target).inspect_source("asm")
    return [loop for name in functions for loop in innermost(text, name)]


def innermost(text: str, name: str) -> list[Loop]:
    """The innermost loops of a function in LLVM's text."""
    return list(_loops_of(name, _lines(text, name)))


def _lines(text: str, name: str) -> list[str]:
    """The instructions and labels of a function, without comments."""
    body = re.search(rf"^{name}:\n(.*?)^\.Lfunc_end", text, re.DOTALL | re.MULTILINE)
    assert body, name
    lines = (re.split(r"\s*(?:#(?![\d-])|//|@|;)", line)[0].strip() for line in body[1].splitlines())
    kept = [line for line in lines if _LABEL.match(line) or (line and line[0] != "." and line[-1] != ":")]
    goals = {found[1] for line in kept if (found := _GOAL.search(line))}
    return [line for line in kept if line[-1] != ":" or line[0] != "." or line[:-1] in goals]


def _loops_of(name: str, lines: list[str]) -> Iterator[Loop]:
    blocks = _blocks(lines)
    for inside in _innermost({n: set(block.goals) for n, block in enumerate(blocks)}):
        members = [blocks[n] for n in sorted(inside)]
        code = [(b.first + i, line) for b in members for i, line in enumerate(b.lines)]
        stack = tuple(line for at, line in code if _uses_stack(lines, at))
        yield Loop(name, tuple(line for _, line in code), stack)


def _blocks(lines: list[str]) -> list[Block]:
    """The basic blocks, in their order."""
    starts = sorted(
        {0} | {i for i, line in enumerate(lines) if _LABEL.match(line) or _goal(lines, i - 1) is not None}
    )
    number = {start: n for n, start in enumerate(starts)}
    blocks = []
    for n, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True)):
        goal = _goal(lines, end - 1)
        goals = {goal} if goal is not None else set()
        if n + 1 < len(starts) and not _ENDS.match(lines[end - 1]):
            goals.add(end)
        labelled = _LABEL.match(lines[start]) is not None
        blocks.append(
            Block(start + labelled, tuple(lines[start + labelled : end]), tuple(number[g] for g in goals))
        )
    return blocks


def _goal(lines: list[str], at: int) -> int | None:
    """Where the instruction may jump to."""
    found = _GOAL.search(lines[at]) if at >= 0 and not _LABEL.match(lines[at]) else None
    if found is None:
        return None
    name = found[1]
    if name.startswith("."):
        return lines.index(f"{name}:")
    label = f"{name[:-1]}:"
    places = [i for i, line in enumerate(lines) if line == label]
    return max(i for i in places if i <= at) if name[-1] == "b" else min(i for i in places if i > at)


def _innermost(goals: dict[int, set[int]]) -> Iterator[set[int]]:
    """Cycles that hold no other: components that fall apart without their head."""
    for component in _components(goals):
        head = min(component)
        inside = {n: (goals[n] & component) - {head} for n in component}
        inner = list(_innermost(inside))
        if inner:
            yield from inner
        else:
            yield component


def _components(goals: dict[int, set[int]]) -> Iterator[set[int]]:
    """The sets of blocks that reach each other, of more than one block or with a jump to itself."""
    reached = {n: _reached(goals, n) for n in goals}
    seen: set[int] = set()
    for n in goals:
        if n in reached[n] and n not in seen:
            component = {m for m in reached[n] if n in reached[m]}
            seen |= component
            yield component


def _reached(goals: dict[int, set[int]], start: int) -> set[int]:
    reached: set[int] = set()
    pending = list(goals[start])
    while pending:
        n = pending.pop()
        if n not in reached and n in goals:
            reached.add(n)
            pending.extend(goals[n])
    return reached


def _uses_stack(lines: list[str], at: int) -> bool:
    """Whether a memory operand's base is the stack pointer or was computed from it."""
    bases = [next(filter(None, found)) for found in _BASE.findall(lines[at])]
    return not _ADDRESS.match(lines[at]) and any(_is_stack(lines, at, base) for base in bases)


def _is_stack(lines: list[str], at: int, register: str, depth: int = 0) -> bool:
    """By the last instruction before that computed the register from others."""
    if register in _STACK:
        return True
    if depth > 4:
        return False
    for i in range(at - 1, -1, -1):
        read = _written(lines[i], register)
        if read is not None:
            computed = _ADDRESS.match(lines[i]) or (_MOVES.match(lines[i]) and not _BASE.search(lines[i]))
            return bool(computed) and any(_is_stack(lines, i, r, depth + 1) for r in read)
    return False


def _written(line: str, register: str) -> list[str] | None:
    """The registers that an instruction reads, if it writes this one."""
    _, _, operands = line.partition("\t")
    registers = re.findall(r"%?\b([a-z]\w*)\b", operands)
    if "%" in operands:
        return registers[:-1] if registers and registers[-1] == register and len(registers) > 1 else None
    if not registers or registers[0] != register or line.startswith(("st", "cmp")):
        return None
    return registers[1:]
