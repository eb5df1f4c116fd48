"""WB convolutions against the simulator, and what their inner loops are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
from tests.arm import wb_cases as cases
from tests.arm.kernel_cases import Conv
from tests.arm.kernel_runner import ArmMachine, Case, run_cases

from bnnc.arm import lowering
from bnnc.arm.candidates import Candidate
from bnnc.arm.codegen import compile_stages, generate
from bnnc.arm.emulate import InstructionCounter
from bnnc.arm.kernels.builder import build_kernel
from bnnc.arm.kernels.isa import Isa, isa
from bnnc.arm.kernels.wb_conv import plan_of, write_wb_conv
from bnnc.arm.kernels.wb_pairing import Pairing, pairing
from bnnc.arm.kernels.wb_plan import WbPlan
from bnnc.ir.elem import B1_PM
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.schedule.stages import Stage
from bnnc.targets import Target, target

A76, HOST = target("arm", "cortex-a76"), target("host")
HAS_HOST_KERNEL = isa(HOST).counts_words
GEOMETRY = [conv.binary(i) for i, conv in enumerate((*cases.geometry_cases(), *cases.group_cases()))]
ODD_LAYERS = [
    cases.binary_layer((size, size), channels, pad_value, outputs)
    for size, channels, pad_value, outputs in (
        (1, 64, 0, 32),
        (5, 65, 1, 33),
        (9, 96, -1, 31),
        (10, 128, 0, 100),
        (19, 64, 0, 24),
        (4, 512, 1, 64),
        (6, 288, -1, 16),
    )
]


def compare(tested: list[Case], cpu: Target) -> None:
    for case, got in zip(tested, run_cases(tested, cpu), strict=True):
        what = f"{[op.mnemonic() for op in case.ops]}: {case.ops[0].operands[0].type} -> {case.ops[-1].type}"
        assert np.array_equal(got, case.wanted), what


def conv_of(case: Case) -> XnorConv2d:
    assert isinstance(case.ops[0], XnorConv2d)
    return case.ops[0]


def planned(case: Case, cpu: Target) -> WbPlan | None:
    return plan_of(isa(cpu), conv_of(case), case.ops[1:])


def test_the_formula_holds_for_all_bits() -> None:
    for w1, w2, x1, x2 in product((0, 1), repeat=4):
        h = 1 - (w1 ^ w2) if w1 ^ x2 else x1 ^ x2
        assert (w1 ^ x1) + (w2 ^ x2) == (w1 ^ w2) - (x1 ^ x2) + 2 * h


@pytest.mark.parametrize("words", range(1, 18))
def test_pairs_count_what_words_count(words: int) -> None:
    rng = np.random.default_rng(words)
    w, x = rng.integers(0, 2**32, (2, words), np.uint32)
    for half in (1, 2, 4):
        pairs = Pairing(words, half)
        stored, (x1, x2) = pairs.weights(w), pairs.halves(x)
        which = stored[:, 0] ^ x2
        h = (which & stored[:, 1]) | (~which & (x1 ^ x2))
        counted = pairs.own_count(w) - np.bitwise_count(x1 ^ x2).sum() + 2 * np.bitwise_count(h).sum()
        assert counted == np.bitwise_count(w ^ x).sum()


def test_halves_divide_the_words() -> None:
    assert [pairing(words, 4).half for words in (2, 3, 4, 6, 8, 12)] == [2, 1, 4, 2, 4, 4]
    assert [pairing(words, 4).pairs for words in (2, 3, 4, 6, 8, 12)] == [1, 2, 1, 2, 1, 2]


def test_geometry_in_an_emulated_core() -> None:
    compare(GEOMETRY + ODD_LAYERS, target("arm", "cortex-a72"))


@pytest.mark.skipif(not HAS_HOST_KERNEL, reason="this CPU has no AVX-512 VPOPCNTDQ")
def test_geometry_on_this_cpu() -> None:
    assert sum(planned(case, HOST) is not None for case in GEOMETRY + ODD_LAYERS) > 10
    compare(GEOMETRY + ODD_LAYERS, HOST)


@pytest.mark.parametrize("channels", [64, 128, 256])
def test_every_tile(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the plan would choose: every way to pair words, in tiles that fit the row or do not."""
    bits = cases.binary_layer((3, 19), channels, 0, 32)
    sums = Conv(B1_PM, B1_PM, (2, 19, channels), 32, (3, 3), pads=(1, 1, 1, 1)).binary(channels)
    plans = [plan for plan in cases.tiles(conv_of(bits)) for _ in (bits, sums)]
    chosen = iter(plans)

    def only(stage: Stage, on: Isa) -> list[Candidate]:
        conv, rest = stage.head, stage.ops[1:]
        return [Candidate("wb", partial(write_wb_conv, isa=on, conv=conv, rest=rest, plan=next(chosen)))]

    monkeypatch.setattr(lowering, "candidates", only)
    compare([bits, sums] * (len(plans) // 2), A76)


def test_it_is_chosen_where_it_pays() -> None:
    def chosen(channels: int, outputs: int, size: int = 8, kernel: int = 3) -> bool:
        pads = (kernel // 2,) * 4
        conv = Conv(B1_PM, B1_PM, (size, size, channels), outputs, (kernel, kernel), pads=pads).binary(0)
        return planned(conv, A76) is not None

    assert chosen(64, 64) and chosen(1024, 64) and chosen(256, 256, kernel=1) and chosen(96, 32)
    assert not chosen(32, 64)  # a single word has no partner
    assert not chosen(128, 2)  # pairing the map costs more than it saves
    assert not chosen(2048, 64)  # sums of 18432 do not fit its 16 bits


def test_groups_have_pairs_of_their_own() -> None:
    conv = Conv(B1_PM, B1_PM, (8, 8, 128), 64, (3, 3), groups=4)
    assert planned(conv.binary(0), A76) is None
    assert planned(replace(conv, groups=2).binary(0), A76) is not None


@pytest.mark.parametrize(("size", "channels"), cases.FIGURES)
def test_instructions_of_a_layer(size: int, channels: int) -> None:
    case = cases.binary_layer((size, size), channels)
    compiled = compile_stages([replace(case.stage, name="layer")], A76)
    machine = ArmMachine(compiled, A76)
    counter = InstructionCounter(machine._core)
    assert np.array_equal(machine.run(compiled.functions[0], case), case.wanted)
    assert counter.take() <= cases.FIGURES[size, channels]


@pytest.mark.parametrize(
    "cpu", ["cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76", "neoverse-v1", "generic"]
)
@pytest.mark.parametrize(("size", "channels"), cases.FIGURES)
def test_inner_loops_touch_no_stack(size: int, channels: int, cpu: str) -> None:
    """At most one instruction in ten of the loop over a tile is not one of the four operations."""
    loops = inner_loops(cases.binary_layer((size, size), channels), target("arm", cpu))
    assert not any("sp" in re.findall(r"\w+", line) for lines in loops for line in lines)
    largest = max(loops, key=len)
    names = [line.split()[0] for line in largest]
    counts = {name: names.count(name) for name in ("eor", "bsl", "cnt")}
    assert len(set(counts.values())) == 1
    assert names.count("addp") + names.count("uadalp") == counts["bsl"]
    # Single loads are two instructions where pairs are one.
    assert len(largest) <= (5.2 if isa(target("arm", cpu)).in_order else 4.5) * counts["bsl"]


def inner_loops(case: Case, cpu: Target) -> list[list[str]]:
    """The instructions of every block of assembly that counts bits."""
    conv, rest = conv_of(case), case.ops[1:]
    plan = planned(case, cpu)
    assert plan is not None
    kernel = build_kernel("layer", case.stage.inputs, lambda k: write_wb_conv(k, isa(cpu), conv, rest, plan))
    text = generate({"layer": kernel.function}, cpu).inspect_source("asm")
    blocks = re.findall(r"//APP\n(.*?)//NO_APP", text, re.DOTALL)
    loops = [re.search(r":\n((?:(?!:\n).)*?b\.ne)", block, re.DOTALL) for block in blocks]
    lines = [
        [line.strip() for line in found[1].splitlines() if line.startswith("\t")] for found in loops if found
    ]
    return [block for block in lines if any(line.startswith("bsl") for line in block)]
