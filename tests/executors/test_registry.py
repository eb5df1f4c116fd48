"""Names of executors and targets, and what this machine can run."""

from __future__ import annotations

import pytest

from bnnc.errors import BnncError
from bnnc.executors import registry
from bnnc.executors.registry import build_target, check_executors, check_runs_here
from bnnc.hls.options import HlsOptions
from bnnc.targets import Target


def test_names_come_once_and_in_order() -> None:
    assert check_executors(["hls", " sim", "source", "sim"]) == ("source", "sim", "hls")


def test_every_unknown_name_is_found_at_once() -> None:
    with pytest.raises(BnncError) as caught:
        check_executors(["gpu", "sim", "tpu"])
    assert [finding.what for finding in caught.value.findings] == [
        "unknown executor 'gpu'",
        "unknown executor 'tpu'",
    ]


def test_targets_know_their_processor() -> None:
    assert (build_target("arm").cpu, build_target("arm", "generic").cpu) == ("cortex-a72", "generic")
    assert build_target("hls").cpu == ""
    assert build_target("host").cpu != "native"


def test_what_hls_stores_as_codes_is_among_its_options() -> None:
    assert build_target("hls", compress="huffman", hls=HlsOptions(fps=9)).hls == HlsOptions(
        fps=9, compress="huffman"
    )
    assert build_target("host", compress="huffman").compress == "huffman"


@pytest.mark.parametrize("machine", ["x86-64-v2", "x86-64-v3"])
def test_programs_for_a_later_cpu_are_not_run(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    here = Target(machine, "host", "x86_64-linux-gnu", machine)
    monkeypatch.setattr(registry, "target", lambda kind: here)
    check_runs_here("x86-64-v2")
    check_runs_here(machine)
    with pytest.raises(BnncError, match=f"compiled for CPU 'x86-64-v4', and this machine is '{machine}'"):
        check_runs_here("x86-64-v4")
