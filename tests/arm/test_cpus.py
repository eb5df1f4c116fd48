"""Kernels for every processor, in an emulated core of its architecture, against the simulator."""

from __future__ import annotations

import numpy as np
import pytest
from tests.arm.kernel_runner import Case, run_cases
from tests.arm.test_kernels_arm import FAMILIES

from bnnc.targets import target

OTHERS = ["cortex-a7", "cortex-m4", "rv64gc", "rv64gc-zbb"]


@pytest.mark.parametrize("cpu", OTHERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_on_another_architecture(family: str, cpu: str) -> None:
    compare(FAMILIES[family][::5], cpu)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", [*OTHERS, "cortex-m7", "cortex-x1"])
@pytest.mark.parametrize("family", FAMILIES)
def test_all_kernels_on_another_architecture(family: str, cpu: str) -> None:
    compare(FAMILIES[family], cpu)


def compare(tested: list[Case], cpu: str) -> None:
    for case, got in zip(tested, run_cases(tested, target("arm", cpu)), strict=True):
        same = np.array_equal(got, case.wanted)
        assert same, (
            f"{[op.mnemonic() for op in case.ops]}: {case.ops[0].operands[0].type} -> {case.ops[-1].type}"
        )
