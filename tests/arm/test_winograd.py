"""3x3 convolutions on bytes by Winograd's transforms: the same integers at every edge and extreme."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.arm.kernel_cases import U2, U8, Conv, bounded
from tests.arm.kernel_runner import ArmMachine, Case, run_cases

from bnnc.arm.candidates import candidates
from bnnc.arm.codegen import compile_stages
from bnnc.arm.emulate import InstructionCounter
from bnnc.arm.kernels.isa import isa
from bnnc.arm.kernels.winograd_plan import WinogradPlan, winograd_plan
from bnnc.ir.elem import B1_PM, I8, I16, Elem, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.schedule.stages import Stage
from bnnc.targets import target

A72 = target("arm", "cortex-a72")
BASE = Conv(I8, I8, (6, 8, 16), 32, (3, 3), pads=(1, 1, 1, 1))


def plan(case: Case) -> WinogradPlan | None:
    conv = case.ops[0]
    assert isinstance(conv, Conv2d)
    return winograd_plan(isa(A72), conv, len(case.ops) > 2)


def edges(kind: Elem) -> Iterator[Conv]:
    """Even and odd rows and columns, pads of every kind, all that may follow."""
    base = replace(BASE, x=kind, pad_value=1 if kind.lo <= 1 else 0)
    yield base
    yield replace(base, behind=B1_PM)
    yield replace(base, shape=(7, 9, 32), pad_value=0)
    yield replace(base, shape=(2, 2, 16), outputs=8)
    yield replace(base, shape=(5, 4, 16), pads=(0, 0, 0, 0), outputs=11)
    yield replace(base, shape=(3, 5, 16), pads=(2, 0, 1, 2), behind=U2)
    yield replace(base, shape=(28, 29, 48), outputs=40, behind=I8, packed=False)
    yield replace(base, shape=(40, 6, 112), outputs=64, behind=B1_PM)


def compare(cases: list[Case], parts: int = 1) -> None:
    for case, got in zip(cases, run_cases(cases, A72, parts), strict=True):
        assert np.array_equal(got, case.wanted), case.ops[0]


@pytest.mark.parametrize("kind", [I8, U8, elem("u7")], ids=str)
def test_every_edge(kind: Elem) -> None:
    cases = [conv.integer(i) for i, conv in enumerate(edges(kind))]
    assert all(plan(case) for case in cases)
    assert candidates(cases[-1].stage, isa(A72))[0].family == "winograd"
    compare(cases)
    compare(cases[-2:], parts=3)


@pytest.mark.parametrize(
    ("weight", "x", "kind"), [(127, -128, I8), (-128, -128, I8), (-128, 255, U8), (127, 255, U8)]
)
def test_the_largest_sums(weight: int, x: int, kind: Elem) -> None:
    case = replace(BASE, x=kind, shape=(4, 5, 128), outputs=8).integer(0)
    (conv,) = case.ops
    assert isinstance(conv, Conv2d)
    signs = np.random.default_rng(0).choice([1, -1], conv.weights.shape)
    for weights in (np.full_like(conv.weights, weight), np.clip(weight * signs, -128, 127).astype(np.int8)):
        same = Case((replace(conv, weights=weights),), np.full_like(case.x, x))
        assert plan(same)
        compare([same])


def test_sums_that_32_bits_cannot_hold() -> None:
    case = replace(BASE, shape=(3, 3, 1024), outputs=8).integer(0)
    (conv,) = case.ops
    assert isinstance(conv, Conv2d)
    for largest, fits in ((127, False), (40, True)):
        full = Case((replace(conv, weights=np.full_like(conv.weights, largest)),), case.x)
        assert (plan(full) is not None) == fits
        compare([full])


def test_other_layers_have_no_plan() -> None:
    for other in (
        replace(BASE, strides=(2, 1)),
        replace(BASE, kernel=(5, 5)),
        replace(BASE, dilations=(2, 2)),
        replace(BASE, shape=(6, 8, 24)),
        replace(BASE, x=I16),
        replace(BASE, w=elem("i4")),
        replace(BASE, groups=2),
        replace(BASE, outputs=40, behind=B1_PM),
        replace(BASE, shape=(3, 3, 16), pads=(0, 0, 0, 0)),
        replace(BASE, x=U8, pad_value=-1),
    ):
        assert plan(other.integer(0)) is None, other


def test_products_an_instruction() -> None:
    case = bounded(replace(BASE, shape=(14, 14, 64), outputs=64).integer(0), 127)
    compiled = compile_stages([Stage("layer", case.ops)], A72)
    machine = ArmMachine(compiled, A72)
    counter = InstructionCounter(machine._core)
    assert np.array_equal(machine.run(compiled.functions[0], case), case.wanted)
    assert 6.9 * counter.take() <= 14 * 14 * 64 * 9 * 64
