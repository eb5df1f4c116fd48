"""Closed forms of logic beside what a synthesizer needs for the same."""

from __future__ import annotations

import pytest
from benchmarks import yosys
from benchmarks.hls_cores import Core, all_cores
from benchmarks.hls_resources import PAGE, counts, page

CORES = {core.name: core for core in all_cores()}
COUNTED = counts()


def names(*kinds: str) -> list[str]:
    return [name for name, core in CORES.items() if core.expected and name.startswith(kinds)]


def off(core: Core) -> float:
    assert core.expected is not None
    return abs(core.expected / COUNTED[core.name] - 1)


def test_every_core_was_counted() -> None:
    assert COUNTED.keys() == CORES.keys()


@pytest.mark.parametrize("name", names("ones", "full_adders"))
def test_xnor_popcount_is_within_a_twentieth(name: str) -> None:
    assert off(CORES[name]) < 0.05


@pytest.mark.parametrize("name", names("element", "array"))
def test_accumulators_and_thresholds_are_within_an_eighth(name: str) -> None:
    assert off(CORES[name]) < 0.125


@pytest.mark.parametrize("name", names("dot", "rom", "decoder"))
def test_products_constants_and_decoders_are_within_a_third(name: str) -> None:
    assert off(CORES[name]) < 0.33


@pytest.mark.parametrize("core", [core for core in CORES.values() if core.beside], ids=lambda core: core.name)
def test_what_is_said_to_save_tables_does(core: Core) -> None:
    assert core.beside is not None
    assert COUNTED[core.name] < COUNTED[core.beside]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.slow
def test_yosys_counts_as_it_is_kept() -> None:
    if not yosys.is_installed():
        pytest.skip(f"yosys is missing: {yosys.INSTALL}")
    chosen = {name: CORES[name].verilog for name in ("ones_16", "element_8_10_1", "rom_32")}
    assert {name: count.luts for name, count in yosys.count(chosen).items()} == {
        name: COUNTED[name] for name in chosen
    }
