"""Inner loops as assembly, brought into a kernel as functions of LLVM's language.

LLVM takes a selection apart, and it moves the instructions of a tile about until registers run out. So a loop
comes in as one block with an order of its own, in which nothing can be put on the stack.
"""

from __future__ import annotations

from typing import Protocol


class AssemblyLoop(Protocol):
    """A loop over pairs of words on the operands map, weights and steps, sums s0.. and other vectors.

    `vector` is LLVM's type of a vector, `register` the constraint for one and how its names are written in
    `lines`: {s0}, for instance. The loop leaves map and weights behind what it has read. `fits`: there
    are registers for all; `cost`: of a step, in instructions.
    """

    @property
    def name(self) -> str: ...

    @property
    def n_sums(self) -> int: ...

    @property
    def others(self) -> tuple[str, ...]: ...

    @property
    def vector(self) -> str: ...

    @property
    def register(self) -> str: ...

    @property
    def fits(self) -> bool: ...

    @property
    def cost(self) -> int: ...

    @property
    def lines(self) -> tuple[str, ...]: ...


def loop_function(loop: AssemblyLoop) -> str:
    """void (sums, map, weights, steps): the sums in memory, which become registers when it is inlined."""
    vector, n_sums, n_vectors = loop.vector, loop.n_sums, loop.n_sums + len(loop.others)
    body = "\\0A".join(line.format(**_operands(loop)) for line in loop.lines)
    results = "{" + ", ".join(["ptr", "ptr", "i64"] + [vector] * n_vectors) + "}"
    inputs = ", ".join(
        ["ptr %map", "ptr %weights", "i64 %steps"] + [f"{vector} %s{i}" for i in range(n_sums)]
    )
    call = f'  %r = call {results} asm sideeffect "{body}", "{_constraints(loop)}"({inputs})'
    lines = [
        f"define void @{loop.name}(ptr %sums, ptr %map, ptr %weights, i64 %steps) alwaysinline nounwind {{"
    ]
    for i in range(n_sums):
        lines.append(f"  %p{i} = getelementptr {vector}, ptr %sums, i64 {i}")
        lines.append(f"  %s{i} = load {vector}, ptr %p{i}, align 2")
    lines.append(call)
    for i in range(n_sums):
        lines.append(f"  %r{i} = extractvalue {results} %r, {3 + i}")
        lines.append(f"  store {vector} %r{i}, ptr %p{i}, align 2")
    return "\n".join([*lines, "  ret void", "}", ""])


def _constraints(loop: AssemblyLoop) -> str:
    """The pointers, the count and the sums go in and out, other vectors are not shared with inputs."""
    letter = loop.register
    outputs = ["=r"] * 3 + [f"={letter}"] * loop.n_sums + [f"=&{letter}"] * len(loop.others)
    return ",".join([*outputs, *map(str, range(3 + loop.n_sums)), "~{memory}", "~{cc}"])


def _operands(loop: AssemblyLoop) -> dict[str, str]:
    """How every operand is written; qs0 is s0 as AArch64's loads call it."""
    vectors = [*(f"s{i}" for i in range(loop.n_sums)), *loop.others]
    numbers = {name: 3 + i for i, name in enumerate(vectors)}
    names = {"map": "$0", "weights": "$1", "steps": "$2"} | {name: f"${i}" for name, i in numbers.items()}
    return names | {f"q{name}": f"${{{i}:q}}" for name, i in numbers.items()}
