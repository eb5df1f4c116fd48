"""Depthwise convolutions on bytes: every edge of windows, tiles and bands, and what they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.arm.kernel_cases import U2, U8, Conv, bounded
from tests.arm.kernel_runner import ArmMachine, Case, run_cases

from bnnc.arm.codegen import compile_stages
from bnnc.arm.emulate import InstructionCounter
from bnnc.arm.kernels.depthwise_plan import ChainPlan, QuadPlan, depthwise_plan
from bnnc.arm.kernels.isa import isa
from bnnc.ir.elem import B1_PM, I8, I16, Elem, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.schedule.stages import Stage
from bnnc.targets import Target, target

CPUS = {
    "cortex-a72": target("arm", "cortex-a72"),
    "cortex-a76": target("arm", "cortex-a76"),
    "host": target("host"),
}
LARGE = Conv(I8, I8, (40, 43, 64), 64, (3, 3), pads=(1, 1, 1, 1), groups=64)


def planned(case: Case, cpu: Target) -> ChainPlan | QuadPlan | None:
    conv = case.ops[0]
    assert isinstance(conv, Conv2d)
    return depthwise_plan(isa(cpu), conv, len(case.ops) > 2)


def edges(channels: int, kind: Elem) -> Iterator[Conv]:
    """Strides, dilations, pads and kernels of every kind, with what may follow."""
    pad = 1 if kind.lo <= 1 else 0
    base = Conv(
        kind, I8, (5, 6, channels), channels, (3, 3), pads=(1, 1, 1, 1), pad_value=pad, groups=channels
    )
    yield base
    yield replace(base, strides=(2, 1), behind=U2)
    yield replace(base, strides=(2, 2), behind=B1_PM)
    yield replace(base, dilations=(2, 2), pads=(2, 2, 2, 2), behind=I8, packed=False)
    yield replace(base, kernel=(2, 3), pads=(0, 0, 0, 0), behind=B1_PM)
    yield replace(base, shape=(5, 7, channels), pads=(1, 0, 0, 2))
    yield replace(base, shape=(3, 3, channels), pads=(0, 0, 0, 0))
    yield replace(base, kernel=(5, 5), pads=(2, 2, 2, 2), behind=B1_PM)
    yield replace(base, kernel=(1, 1), pads=(0, 0, 0, 0), strides=(2, 3))
    yield replace(base, kernel=(1, 7), pads=(0, 3, 0, 3), pad_value=0)


def small_weights(case: Case, shift: int) -> Case:
    (conv,) = case.ops
    assert isinstance(conv, Conv2d)
    return Case((replace(conv, weights=conv.weights >> shift),), case.x)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kind", [I8, U8, elem("u4")], ids=str)
def test_depthwise_at_every_edge(cpu: str, kind: Elem) -> None:
    cases = [conv.integer(i) for channels in (16, 32, 48, 64) for i, conv in enumerate(edges(channels, kind))]
    cases += [small_weights(case, 1 + i % 5) for i, case in enumerate(cases) if len(case.ops) == 1]
    assert sum(planned(case, CPUS[cpu]) is not None for case in cases) > len(cases) // 2
    compare(cases, CPUS[cpu])


def test_bands_and_threads() -> None:
    """More rows than one band has; the last band reaches back."""
    cases = [
        replace(LARGE, strides=(s, s), behind=behind).integer(0) for s in (1, 2) for behind in (None, B1_PM)
    ]
    for cpu in CPUS.values():
        plan = planned(cases[0], cpu)
        assert plan is None or plan.band.rows < 40
        compare(cases, cpu)
        compare(cases, cpu, parts=3)


def compare(cases: list[Case], cpu: Target, parts: int = 1) -> None:
    for case, got in zip(cases, run_cases(cases, cpu, parts), strict=True):
        assert np.array_equal(got, case.wanted), case.ops[0]


@pytest.mark.parametrize(("largest", "chain"), [(128, 1), (127, 2), (85, 3), (28, 9), (1, 9)])
def test_chains_fit_16_bits(largest: int, chain: int) -> None:
    (conv,) = LARGE.integer(0).ops
    assert isinstance(conv, Conv2d)
    case = Case(
        (replace(conv, weights=np.full_like(conv.weights, -largest)),), np.full((40, 43, 64), -128, np.int8)
    )
    plan = planned(case, CPUS["cortex-a72"])
    assert isinstance(plan, ChainPlan) and plan.chain == chain
    compare([case], CPUS["cortex-a72"])


def test_other_layers_have_no_plan() -> None:
    for conv in (
        replace(LARGE, x=I16),
        replace(LARGE, groups=32),
        replace(LARGE, shape=(9, 9, 24), outputs=24, groups=24),
    ):
        assert planned(conv.integer(0), CPUS["cortex-a76"]) is None
    assert planned(replace(LARGE, w=elem("i10")).integer(0), CPUS["cortex-a72"]) is None


@pytest.mark.parametrize(("cpu", "most"), [("cortex-a72", 5.9), ("cortex-a76", 4.7)])
def test_instructions_of_a_vector_of_products(cpu: str, most: float) -> None:
    """16 products, with all that is around them: a copy of the map, sums in 32 bits, results."""
    case = bounded(LARGE.integer(0), 127)
    compiled = compile_stages([Stage("layer", case.ops)], CPUS[cpu])
    machine = ArmMachine(compiled, CPUS[cpu])
    counter = InstructionCounter(machine._core)
    assert np.array_equal(machine.run(compiled.functions[0], case), case.wanted)

    assert counter.take() <= most * case.wanted.size * 9 / 16
