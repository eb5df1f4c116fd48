"""Targets: the table, this machine, and names that nobody knows."""

from __future__ import annotations

import pytest

from bnnc.errors import BnncError
from bnnc.targets import Kind, cpu_names, target, x86_level

V2 = ["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"]
V3 = [*V2, "abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"]
V4 = [*V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]


def test_defaults() -> None:
    assert target("arm").cpu == "cortex-a72" and target("arm").is_aarch64
    assert target("host").name in cpu_names("host") + ("generic",)


@pytest.mark.parametrize("kind", ["arm", "host"])
def test_every_name_is_a_target(kind: Kind) -> None:
    for name in cpu_names(kind):
        assert target(kind, name).kind == kind


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        BnncError,
        match="unknown CPU 'cortex-a99'.*cortex-a53.*neoverse-v1, generic, cortex-a7, cortex-m4.*rv64gc-zbb",
    ):
        target("arm", "cortex-a99")
    with pytest.raises(BnncError, match="native, x86-64-v2"):
        target("host", "cortex-a72")


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ([], "x86-64-v2"),
        (V2, "x86-64-v2"),
        (V3, "x86-64-v3"),
        (V3[1:], "x86-64-v2"),
        (V4, "x86-64-v4"),
        ([*V3, "avx512_vpopcntdq"], "x86-64-v3"),
        ([*V4, "avx512_vpopcntdq", "avx512_vnni", "avx512vbmi", "sha_ni"], "x86-64-v4-vpopcntdq"),
        ([*V4, "avx512_vpopcntdq"], "x86-64-v4"),
    ],
)
def test_the_level_of_a_processor(flags: list[str], level: str) -> None:
    assert x86_level(flags) == level
