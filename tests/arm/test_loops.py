"""Inner loops of every kernel as LLVM writes them: nothing in them is on the stack."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.arm.assembly import Loop, inner_loops, innermost
from tests.arm.loop_cases import kernels

from bnnc.targets import Target, target

# For these LLVM's order of instructions lacks a register or two.
_SPILLED = {
    "cortex-a53": {
        *("ternary to bits", "ternary to sums", "ternary by i8", "ternary by i16", "i8 by i8", "i8 by u8"),
    },
    "generic": {"i2 planes to sums"},
}
_EVERYWHERE = {"xnor to u2"}  # three cuts of a channel
CPUS = ["cortex-a72", "cortex-a76", "cortex-a53"]
MANY = ["generic", "neoverse-v1", "cortex-x1"]


def loops(cpu: Target) -> dict[str, list[Loop]]:
    """The inner loops of every kernel."""
    cases = list(kernels())
    names = {f"s{number:02d}": name for number, (name, _) in enumerate(cases)}
    stages = [replace(case.stage, name=s) for s, (_, case) in zip(names, cases, strict=True)]
    found: dict[str, list[Loop]] = {name: [] for name, _ in cases}
    for loop in inner_loops(stages, cpu):
        found[names[loop.function]].append(loop)
    return found


@pytest.mark.parametrize("cpu", [*CPUS, *(pytest.param(cpu, marks=pytest.mark.slow) for cpu in MANY)])
def test_inner_loops_touch_no_stack(cpu: str) -> None:
    compare(loops(target("arm", cpu)), _EVERYWHERE | _SPILLED.get(cpu, set()))


def test_inner_loops_of_avx512_touch_no_stack() -> None:
    compare(loops(target("host", "x86-64-v4-vpopcntdq")), set())


def compare(found: dict[str, list[Loop]], spilled: set[str]) -> None:
    """Every kernel has a loop of its own, and instructions in it."""
    assert all(loop.lines for inner in found.values() for loop in inner)
    assert sum(not inner for inner in found.values()) <= 1
    stacks = {name: loop.stack for name, inner in found.items() for loop in inner if loop.stack}
    assert {name: lines for name, lines in stacks.items() if name not in spilled} == {}


ASSEMBLY = """
f:
.Lfunc_begin0:
	sub	sp, sp, #32
	add	x9, sp, #16
.LBB0_1:
	mov	x10, x1
.LBB0_2:
	ldr	q0, [x10], #16
	subs	x3, x3, #1
	b.ne	.LBB0_2
.LBB0_3:
	str	q0, [x9, x4]
	ldr	q1, [sp, #16]
	cbnz	x4, .LBB0_3
	subs	x2, x2, #1
	b.ne	.LBB0_1
	ret
.Lfunc_end0:
"""


def test_loops_are_told_apart() -> None:
    first, second = innermost(ASSEMBLY, "f")
    assert (len(first.lines), first.stack) == (3, ())
    assert (len(second.lines), len(second.stack)) == (3, 2)


def test_pointers_loaded_from_the_stack_are_not_the_stack() -> None:
    text = ASSEMBLY.replace("add	x9, sp, #16", "ldr	x9, [sp, #16]").replace(
        "ldr	q1, [sp, #16]", "nop"
    )
    assert [loop.stack for loop in innermost(text, "f")] == [(), ()]
