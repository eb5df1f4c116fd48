"""Inner loops as assembly, brought into a kernel as functions of LLVM's language.

LLVM takes a selection apart, and it moves the instructions of a tile about until registers run out. So a loop
comes in as one block with an order of its own, in which nothing can be put on the stack.
"""

from __future__ import annotations

from typing import Protocol


class AssemblyLoop(Protocol):
    """Rows of steps over pairs of words.

    `vector` is LLVM's type of a vector, `register` the constraint for one. `lines` name operands in braces:
    map and weights, which point to the first pair and move on with the steps and by `map_skip` and
    `weights_skip` after a row; `rows`, `steps` of a row and a counter `left`; the sums s0.. and `others`.
    `fits`: there are registers for all; `cost`: of a step, in instructions, `count_operations` among them.
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
    def cost(self) -> float: ...

    @property
    def count_operations(self) -> int: ...

    @property
    def lines(self) -> tuple[str, ...]: ...


_MOVED = ("map", "weights", "rows")  # scalars that go in and out
_FIXED = ("steps", "map_skip", "weights_skip")


def loop_function(loop: AssemblyLoop) -> str:
    """void (sums, map, weights, rows, steps, map_skip, weights_skip).

    The sums are in memory, and become registers when the function is inlined. It must not be doubled: to LLVM
    a block is a single instruction.
    """
    vector, n_sums = loop.vector, loop.n_sums
    body = "\\0A".join(line.format(**_operands(loop)) for line in loop.lines)
    results = "{" + ", ".join(["ptr", "ptr", "i64", "i64"] + [vector] * (n_sums + len(loop.others))) + "}"
    moved, fixed = "ptr %map, ptr %weights, i64 %rows", ", ".join(f"i64 %{name}" for name in _FIXED)
    inputs = ", ".join([moved, *(f"{vector} %s{i}" for i in range(n_sums)), fixed])
    call = f'  %r = call {results} asm sideeffect "{body}", "{_constraints(loop)}"({inputs}) noduplicate'
    lines = [f"define void @{loop.name}(ptr %sums, {moved}, {fixed}) alwaysinline nounwind {{"]
    for i in range(n_sums):
        lines.append(f"  %p{i} = getelementptr {vector}, ptr %sums, i64 {i}")
        lines.append(f"  %s{i} = load {vector}, ptr %p{i}, align 2")
    lines.append(call)
    for i in range(n_sums):
        lines.append(f"  %r{i} = extractvalue {results} %r, {len(_MOVED) + 1 + i}")
        lines.append(f"  store {vector} %r{i}, ptr %p{i}, align 2")
    return "\n".join([*lines, "  ret void", "}", ""])


def _constraints(loop: AssemblyLoop) -> str:
    """Moved scalars and sums go in and out; nothing shares a register with what is only written."""
    outputs = ["=&r"] * (len(_MOVED) + 1)
    outputs += [f"=&{loop.register}"] * (loop.n_sums + len(loop.others))
    tied = [str(i) for i in range(len(_MOVED))] + [str(len(_MOVED) + 1 + i) for i in range(loop.n_sums)]
    return ",".join([*outputs, *tied, *["r"] * len(_FIXED), "~{memory}", "~{cc}"])


def _operands(loop: AssemblyLoop) -> dict[str, str]:
    """How every operand is written; qs0 is s0 as AArch64's loads call it."""
    outputs = [*_MOVED, "left", *(f"s{i}" for i in range(loop.n_sums)), *loop.others]
    first = len(outputs) + len(_MOVED) + loop.n_sums
    numbers = {name: i for i, name in enumerate(outputs)} | {name: first + i for i, name in enumerate(_FIXED)}
    return {name: f"${i}" for name, i in numbers.items()} | {
        f"q{name}": f"${{{i}:q}}" for name, i in numbers.items()
    }
