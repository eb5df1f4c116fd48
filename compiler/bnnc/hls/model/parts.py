"""FPGAs and boards by name, and what they have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bnnc.errors import BnncError
from bnnc.hls.model.resources import Resources

ZYNQ, ZYNQ_MP = "processing_system7", "zynq_ultra_ps_e"


@dataclass(frozen=True)
class Part:
    """An FPGA: its short name, the number that tools know it by, and its processing system if it has one.

    `source` is the data sheet that the figures are from.
    """

    name: str
    number: str
    resources: Resources
    ps: str | None
    source: str


@dataclass(frozen=True)
class Board:
    """A board: `board_part` is what Vivado's board files call it, clock_mhz what designs on it run at."""

    name: str
    part: Part
    clock_mhz: float
    board_part: str


def _part(
    number: str, name: str, luts: int, bram36s: int, urams: int, dsps: int, ps: str | None, source: str
) -> Part:
    """All of these have two flip-flops for each lookup table."""
    return Part(name, number, Resources(luts, 2 * luts, 2 * bram36s, urams, dsps), ps, source)


PARTS = {
    part.name: part
    for part in (
        _part("xc7z010clg400-1", "xc7z010", 17_600, 60, 0, 80, ZYNQ, "DS190"),
        _part("xc7z020clg400-1", "xc7z020", 53_200, 140, 0, 220, ZYNQ, "DS190"),
        _part("xc7z045ffg900-2", "xc7z045", 218_600, 545, 0, 900, ZYNQ, "DS190"),
        _part("xc7a100tcsg324-1", "xc7a100t", 63_400, 135, 0, 240, None, "DS180"),
        _part("xczu3eg-sbva484-1-i", "xczu3eg", 70_560, 216, 0, 360, ZYNQ_MP, "DS891"),
        _part("xczu7ev-ffvc1156-2-e", "xczu7ev", 230_400, 312, 96, 1_728, ZYNQ_MP, "DS891"),
        _part("xczu9eg-ffvb1156-2-e", "xczu9eg", 274_080, 912, 0, 2_520, ZYNQ_MP, "DS891"),
        _part("xck26-sfvc784-2LV-c", "xck26", 117_120, 144, 64, 1_248, ZYNQ_MP, "DS987"),
        _part("xcu250-figd2104-2L-e", "xcu250", 1_728_000, 2_688, 1_280, 12_288, None, "DS962"),
    )
}
SHORT_NAMES = {"k26": "xck26", "kria-k26": "xck26"}
BOARDS = {
    board.name: board
    for board in (
        Board("pynq-z2", PARTS["xc7z020"], 100, "tul.com.tw:pynq-z2:part0:1.0"),
        Board("ultra96-v2", PARTS["xczu3eg"], 200, "avnet.com:ultra96v2:part0:1.2"),
        Board("zcu104", PARTS["xczu7ev"], 200, "xilinx.com:zcu104:part0:1.1"),
        Board("kv260", PARTS["xck26"], 200, "xilinx.com:kv260_som:part0:1.4"),
        Board("arty-a7-100", PARTS["xc7a100t"], 100, "digilentinc.com:arty-a7-100:part0:1.1"),
    )
}


def part_of(name: str) -> Part:
    """The part of a board, a short name like xc7z020, or a number like xc7z020clg484-2, which it keeps.

    BnncError for a name that is none of these.
    """
    key = name.lower()
    if key in BOARDS:
        return BOARDS[key].part
    key = SHORT_NAMES.get(key, key)
    if key in PARTS:
        return PARTS[key]
    for part in PARTS.values():
        if _is_number_of(key, part.name):
            return replace(part, number=name)
    raise BnncError.at("", f"there is no part or board {name!r}", f"there are {_known()}")


def known_part(name: str) -> Part | None:
    """As `part_of`, or None."""
    try:
        return part_of(name)
    except BnncError:
        return None


def board_of(name: str) -> Board | None:
    """The board of that name, if it is one."""
    return BOARDS.get(name.lower())


def _is_number_of(number: str, name: str) -> bool:
    """Whether a package and a speed follow the name; xc7z0200 is not an xc7z020."""
    rest = number.removeprefix(name)
    return rest != number and "-" in rest and not rest[0].isdigit() and rest.replace("-", "").isalnum()


def _known() -> str:
    return f"the parts {', '.join(PARTS)} and the boards {', '.join(BOARDS)}"
