"""Every way to compute a stage computes the same, under a name of its own; unless told the first is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.arm.kernel_cases import Conv
from tests.arm.kernel_runner import ArmMachine, Case, HostMachine

from bnnc.arm.candidates import candidates
from bnnc.arm.codegen import compile_stages
from bnnc.arm.kernels.isa import isa
from bnnc.ir.elem import B1_PM, I8, TER, elem
from bnnc.passes.sparsify import sparse_form
from bnnc.targets import Target, target

HOST, A72, A76, M4 = (
    target("host"),
    target("arm", "cortex-a72"),
    target("arm", "cortex-a76"),
    target("arm", "cortex-m4"),
)
MOST = 12  # of a stage: all of them take minutes


def sparse() -> Case:
    rng = np.random.default_rng(1)
    case = Conv(I8, I8, (1, 1, 64), 24).integer(1)
    (conv,) = case.ops
    kept = rng.random(conv.weights.shape) < 0.1  # type: ignore[attr-defined]
    layer = sparse_form(replace(conv, weights=conv.weights * kept))  # type: ignore[attr-defined, call-arg]
    assert layer is not None
    return Case((layer,), case.x)


CASES = {
    "bits": Conv(B1_PM, B1_PM, (3, 7, 96), 64, (3, 3), pads=(1, 1, 1, 1), behind=B1_PM).binary(0),
    "sums": Conv(B1_PM, B1_PM, (3, 5, 64), 40, (3, 3), pads=(1, 1, 1, 1)).binary(1),
    "ternary": Conv(TER, B1_PM, (2, 5, 64), 70, (1, 1), behind=TER).binary(2),
    "bytes": Conv(I8, I8, (9, 9, 32), 40, (3, 3), pads=(1, 1, 1, 1), behind=B1_PM).integer(3),
    "wide": Conv(elem("i16"), I8, (2, 5, 20), 24).integer(4),
    "sparse": sparse(),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cpu", [HOST, A72, A76, M4], ids=lambda cpu: cpu.name)
def test_all_are_the_same(name: str, cpu: Target) -> None:
    case = CASES[name]
    names = [one.name for one in candidates(case.stage, isa(cpu))]
    assert len(names) == len(set(names)) >= 1
    tried = names[:: -(-len(names) // MOST)]
    stages = [replace(case.stage, name=f"s{i}") for i in range(len(tried))]
    compiled = compile_stages(stages, cpu, choices={f"s{i}": choice for i, choice in enumerate(tried)})
    machine = HostMachine(compiled) if cpu.kind == "host" else ArmMachine(compiled, cpu)
    for function, choice in zip(compiled.functions, tried, strict=True):
        assert np.array_equal(machine.run(function, case), case.wanted), choice


@pytest.mark.parametrize("name", CASES)
def test_unless_told_the_first_is_taken(name: str) -> None:
    stage = replace(CASES[name].stage, name="s")
    first, other, *_ = (one.name for one in candidates(stage, isa(A76)))
    plain, told, changed = (
        compile_stages([stage], A76, choices=choices) for choices in ({}, {"s": first}, {"s": other})
    )
    assert plain == told and plain != changed


def test_what_is_computed_in_one_way_has_no_candidates() -> None:
    assert candidates(replace(CASES["bits"].stage, ops=CASES["bits"].ops[1:]), isa(A76)) == []
