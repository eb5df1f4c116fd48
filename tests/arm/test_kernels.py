"""Kernels against the simulator on this machine: for its own CPU and for every lesser vector unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.arm import kernel_cases as cases
from tests.arm import value_stages as values
from tests.arm.kernel_runner import Case, run_cases

from bnnc.targets import Target, target

NATIVE = target("host")
LEVELS = ["x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4-vpopcntdq"]
LOWER = LEVELS[: LEVELS.index(NATIVE.name)] if NATIVE.name in LEVELS else []

FAMILIES: dict[str, list[Case]] = {
    "channels": [conv.binary(i) for i, conv in enumerate(cases.channel_cases())],
    "geometry": [conv.binary(i) for i, conv in enumerate(cases.geometry_cases())],
    "long sums": [conv.binary(i) for i, conv in enumerate(cases.long_sum_cases())],
    "groups": [conv.binary(i) for i, conv in enumerate(cases.grouped_cases())],
    "full counts": list(cases.full_count_cases()),
    "planes": [conv.binary(i) for i, conv in enumerate(cases.plane_cases())],
    "integer": [conv.integer(i) for i, conv in enumerate(cases.integer_cases())],
    "many weights": [conv.integer(i) for i, conv in enumerate(cases.many_weight_cases())],
    "bytes": [*cases.byte_cases(), *cases.extreme_byte_cases()],
    "signs": list(cases.sign_cases(0)),
    "tables": [cases.table_case(i, packed) for i, packed in enumerate((False, True))],
    "pixelwise": list(cases.pixelwise_cases(0)),
    "extremes": list(cases.extreme_cases()),
    "pools": list(cases.pool_cases(0)),
    "narrow": list(cases.narrow_cases(0)),
    "rescales": list(values.rescale_cases(0)),
    "extreme rescales": list(values.extreme_rescale_cases())[::5],
    "sums": list(values.sum_cases(0)),
    "moves": list(values.move_cases(0)),
    "sparse": list(values.sparse_cases(0)),
}


def compare(tested: Sequence[Case], cpu: Target) -> None:
    for case, got in zip(tested, run_cases(tested, cpu), strict=True):
        same = np.array_equal(got, case.wanted)
        assert same, (
            f"{[op.mnemonic() for op in case.ops]}: {case.ops[0].operands[0].type} -> {case.ops[-1].type}"
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_on_this_cpu(family: str) -> None:
    compare(FAMILIES[family], NATIVE)


@pytest.mark.parametrize("cpu", LOWER)
@pytest.mark.parametrize("family", ["channels", "long sums", "full counts"])
def test_kernels_on_a_lesser_vector_unit(family: str, cpu: str) -> None:
    compare(FAMILIES[family], target("host", cpu))


@pytest.mark.slow
@pytest.mark.parametrize("cpu", LOWER)
@pytest.mark.parametrize(
    "family",
    [
        "geometry",
        "planes",
        "integer",
        "tables",
        "pixelwise",
        "pools",
        "narrow",
        "rescales",
        "extreme rescales",
    ]
    + ["sums", "moves", "sparse", "groups", "many weights"],
)
def test_more_kernels_on_a_lesser_vector_unit(family: str, cpu: str) -> None:
    compare(FAMILIES[family], target("host", cpu))
