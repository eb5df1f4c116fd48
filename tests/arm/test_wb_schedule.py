"""The order of instructions on cores that issue them in order, and the assembly of WB loops."""

from __future__ import annotations

import re

import pytest

from bnnc.arm.kernels.wb_assembly import AssemblyLoop, loop_function
from bnnc.arm.kernels.wb_avx512_loop import Avx512Loop
from bnnc.arm.kernels.wb_neon_loop import REGISTERS, NeonLoop
from bnnc.arm.kernels.wb_schedule import Instruction, in_program_order, scheduled

# Two chains: of each the second instruction waits for the first.
CHAINS = [
    Instruction("a {tx}, {in}", ("tx",), ("in",)),
    Instruction("b {tx}, {tx}", ("tx",), ("tx",)),
    Instruction("c {out}, {tx}", ("out",), ("tx",)),
    Instruction("a {ty}, {in}", ("ty",), ("in",)),
    Instruction("b {ty}, {ty}", ("ty",), ("ty",)),
    Instruction("c {out}, {ty}", ("out",), ("ty", "out")),
]
LOOPS = [
    NeonLoop(pixels, groups, weights, 64, in_order)
    for pixels in (1, 3, 7)
    for groups in (1, 2)
    for weights in (2, 4, 8)
    for in_order in ("", "cortex-a53", "cortex-a55")
]


def test_what_does_not_wait_goes_first() -> None:
    lines = scheduled(CHAINS, 2)
    assert [line.split()[0] for line in lines] == ["a", "a", "b", "b", "c", "c"]
    assert lines[0] == "a {t0}, {in}" and lines[1] == "a {t1}, {in}"


def test_a_chain_waits_for_a_register() -> None:
    assert scheduled(CHAINS, 1) == in_program_order(CHAINS, 1)
    assert "{t0}" in in_program_order(CHAINS, 1)[3]


def test_a_load_waits_until_the_old_value_is_used() -> None:
    program = [
        Instruction("load {x}, 0", ("x",), (), latency=1),
        Instruction("use {ta}, {x}", ("ta",), ("x",)),
        Instruction("last {ta}", (), ("ta",)),
        Instruction("load {x}, 1", ("x",), (), latency=1),
        Instruction("use {tb}, {x}", ("tb",), ("x",)),
        Instruction("last {tb}", (), ("tb",)),
    ]
    lines = scheduled(program, 2)
    assert lines.index("use {t0}, {x}") < lines.index("load {x}, 1") < lines.index("use {t1}, {x}")
    assert lines.index("load {x}, 1") < lines.index("last {t0}")
    late = scheduled(program, 2, late=True)
    assert late.index("last {t0}") < late.index("load {x}, 1")


@pytest.mark.parametrize("loop", [loop for loop in LOOPS if loop.fits], ids=lambda loop: loop.name)
def test_a_step_has_four_operations_a_pair(loop: NeonLoop) -> None:
    """Every order has the same operations; loads and what is carried to the next step come with them."""
    counts = 2 * [loop.pixels * loop.groups * loop.weights]
    first, end = loop.lines.index("1:"), loop.lines.index("b.ne 1b")
    names = [line.split()[0] for line in loop.lines[first:end]]
    assert [names.count("eor"), names.count("bsl")] == counts
    assert names.count("addp") + names.count("uadalp") == names.count("cnt") == counts[0]
    assert len(loop.others) + loop.n_sums <= REGISTERS


@pytest.mark.parametrize(
    "loop", [NeonLoop(5, 2, 2, 32), NeonLoop(9, 1, 4, 64, "cortex-a53"), Avx512Loop(6, 2, 16)]
)
def test_every_operand_is_named(loop: AssemblyLoop) -> None:
    text = loop_function(loop)
    [block] = re.findall(r'asm sideeffect "(.*?)", "(.*?)"', text)
    outputs = [part for part in block[1].split(",") if part.startswith("=")]
    assert len(outputs) == 4 + loop.n_sums + len(loop.others)
    used = {int(number) for number in re.findall(r"(?<!\$)\$\{?(\d+)", block[0])}
    inputs = range(len(outputs) + 3 + loop.n_sums, len(outputs) + 6 + loop.n_sums)
    assert used == {*range(len(outputs)), *inputs}
