"""Kernels as AArch64 code in an emulated core, against the simulator."""

from __future__ import annotations

import numpy as np
import pytest
from tests.arm import kernel_cases as cases
from tests.arm import value_stages as values
from tests.arm.kernel_runner import Case, run_cases

from bnnc.targets import target

FAMILIES: dict[str, list[Case]] = {
    "binary": [
        *(conv.binary(i) for i, conv in enumerate(cases.channel_cases())),
        *(conv.binary(i) for i, conv in enumerate(list(cases.geometry_cases())[::3])),
        *(conv.binary(i) for i, conv in enumerate(cases.long_sum_cases())),
        *(conv.binary(i) for i, conv in enumerate(list(cases.plane_cases())[::3])),
        *(conv.binary(i) for i, conv in enumerate(list(cases.grouped_cases())[::2])),
        *cases.full_count_cases(),
    ],
    "other": [
        *(conv.integer(i) for i, conv in enumerate(list(cases.integer_cases())[::3])),
        *(conv.integer(i) for i, conv in enumerate(list(cases.many_weight_cases())[::3])),
        *list(cases.pixelwise_cases(0))[::6],
        *cases.extreme_cases(),
        *list(cases.pool_cases(0))[::3],
        *cases.sign_cases(0),
        *list(cases.narrow_cases(0))[::5],
        cases.table_case(0, True),
    ],
    "bytes": [*cases.byte_cases(), *cases.extreme_byte_cases()],
    "values": [
        *list(values.rescale_cases(0))[::4],
        *list(values.extreme_rescale_cases())[::11],
        *list(values.sum_cases(0))[::2],
        *list(values.move_cases(0))[::5],
        *list(values.sparse_cases(0))[::4],
    ],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_in_an_emulated_core(family: str) -> None:
    compare(FAMILIES[family], "cortex-a72")


def test_dot_products_in_an_emulated_core() -> None:
    compare([*FAMILIES["bytes"][::2], *FAMILIES["other"][:8]], "cortex-a76")


@pytest.mark.slow
@pytest.mark.parametrize(
    "cpu", ["cortex-a53", "cortex-a55", "cortex-a76", "neoverse-n1", "neoverse-v1", "generic"]
)
def test_kernels_for_every_core(cpu: str) -> None:
    compare(FAMILIES["binary"][::4] + FAMILIES["other"][::4] + FAMILIES["values"][::4], cpu)


def compare(tested: list[Case], cpu: str) -> None:
    for case, got in zip(tested, run_cases(tested, target("arm", cpu)), strict=True):
        same = np.array_equal(got, case.wanted)
        assert same, (
            f"{[op.mnemonic() for op in case.ops]}: {case.ops[0].operands[0].type} -> {case.ops[-1].type}"
        )
