"""FPGAs and boards by name."""

from __future__ import annotations

import pytest

from bnnc.errors import BnncError
from bnnc.hls.model.parts import BOARDS, PARTS, board_of, part_of
from bnnc.hls.model.resources import Resources


@pytest.mark.parametrize("name", ["xc7z020", "XC7Z020", "xc7z020clg400-1", "pynq-z2", "PYNQ-Z2"])
def test_part_by_any_of_its_names(name: str) -> None:
    part = part_of(name)
    assert part.name == "xc7z020"
    assert part.number == "xc7z020clg400-1"
    assert part.resources == Resources(lut=53_200, ff=106_400, bram18=280, uram=0, dsp=220)


@pytest.mark.parametrize(
    ("name", "part"),
    [("ultra96-v2", "xczu3eg"), ("zcu104", "xczu7ev"), ("kv260", "xck26"), ("arty-a7-100", "xc7a100t")],
)
def test_boards_have_the_parts_that_are_soldered_onto_them(name: str, part: str) -> None:
    board = board_of(name)
    assert board is not None
    assert board.part.name == part
    assert part_of(name) == board.part


def test_another_package_or_speed_is_kept() -> None:
    part = part_of("xc7z020clg484-2")
    assert part.number == "xc7z020clg484-2"
    assert part.resources == PARTS["xc7z020"].resources


@pytest.mark.parametrize("number", [part.number for part in PARTS.values()])
def test_default_numbers_are_found(number: str) -> None:
    assert part_of(number).number == number


def test_kria_by_the_name_on_the_box() -> None:
    assert part_of("k26") == part_of("kv260")


@pytest.mark.parametrize("name", ["", "xc7z", "xc7z0200-1", "xc7vx485t-1", "zcu102", "xc7z020; rm"])
def test_unknown_names_are_refused_with_all_that_exist(name: str) -> None:
    with pytest.raises(BnncError) as caught:
        part_of(name)
    for known in (*PARTS, *BOARDS):
        assert known in str(caught.value)


def test_only_zynqs_have_a_processing_system() -> None:
    assert [name for name, part in PARTS.items() if part.ps is None] == ["xc7a100t", "xcu250"]


def test_only_large_parts_have_ultra_ram() -> None:
    assert [name for name, part in PARTS.items() if part.resources.uram] == ["xczu7ev", "xck26", "xcu250"]
