"""Sparse layers are computed as is cheaper for a processor; the integers are the same."""

from __future__ import annotations

import numpy as np
import pytest
from tests.arm.kernel_runner import Case, run_cases, values_of

from bnnc.arm.kernels.isa import isa
from bnnc.arm.sparse import as_computed, by_lookup
from bnnc.ir.elem import I8, elem
from bnnc.ir.integer_ops import Conv2d, Threshold
from bnnc.ir.op import one
from bnnc.ir.packed_ops import Pack
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparsify import sparse_form
from bnnc.targets import Target, target


def case(density: float, inputs: int = 1024, outputs: int = 33, largest: int = 90) -> Case:
    """A pruned layer, a threshold and packing."""
    rng = np.random.default_rng(int(1000 * density))
    weights = rng.choice(np.array([-largest, 7, largest]), (outputs, 1, 1, inputs))
    weights[rng.random(weights.shape) >= density] = 0
    dense = Conv2d("fc", values_of(I8, (1, 1, inputs)), weights, elem("i16"))
    layer = sparse_form(dense)
    assert layer is not None
    base, cuts, jumps = (
        np.full(shape, n, np.int32) for shape, n in ((outputs, -1), ((outputs, 1), 5), ((outputs, 1), 2))
    )
    sign = Threshold("sign", layer, base, cuts, jumps, one(), elem("b1_pm"))
    return Case((layer, sign, Pack("sign", sign)), rng.integers(-128, 128, (1, 1, inputs)).astype(np.int8))


def way(tested: Case, cpu: Target) -> str:
    """How a processor computes a layer."""
    stage = as_computed(tested.stage, isa(cpu))
    assert [type(op) for op in stage.ops[1:]] == [Threshold, Pack]
    if not isinstance(stage.head, SparseDense):
        return "dense"
    return "lookups" if by_lookup(isa(cpu), stage.head) else "entries"


@pytest.mark.parametrize(
    ("cpu", "density", "chosen"),
    [
        ("cortex-a72", 0.1, "lookups"),
        ("cortex-a76", 0.001, "lookups"),
        ("cortex-a76", 0.1, "lookups"),
        ("cortex-a76", 0.24, "dense"),
        ("x86-64-v4-vpopcntdq", 0.1, "lookups"),
        ("x86-64-v3", 0.02, "entries"),
        ("x86-64-v3", 0.2, "dense"),
    ],
)
def test_the_cheapest_way_is_taken(cpu: str, density: float, chosen: str) -> None:
    assert way(case(density), target("host" if cpu.startswith("x86") else "arm", cpu)) == chosen


def test_weights_of_more_bits_stay_sparse() -> None:
    assert way(case(0.2, largest=300), target("arm", "cortex-a76")) == "entries"


def test_any_way_gives_the_simulators_bits() -> None:
    cases = [case(density, 200 + 8 * i) for i, density in enumerate((0.001, 0.02, 0.1, 0.24))]
    for cpu in ("cortex-a72", "cortex-a76"):
        for made, actual in zip(cases, run_cases(cases, target("arm", cpu)), strict=True):
            assert np.array_equal(actual, made.wanted)
