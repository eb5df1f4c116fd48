"""What the templates of a project name."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import bnnc
from bnnc.errors import BnncError
from bnnc.hls.cpp import word_type
from bnnc.hls.lanes import Wire
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.parts import PARTS, Board, board_of, part_of
from bnnc.hls.options import checked_clock
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.rates import rate, rate_text

CONTROLS = ("axilite", "none")
FIRST_REGISTER, ADDRESS_BYTES = 0x10, 12  # of arguments; an address takes two words, and one is left out
NEEDED_BY = {"mvtu": ("dot",)}


@dataclass(frozen=True)
class Setup:
    """For what a project is made: `part` is a number as tools know it, on `board` if one was named.

    control: axilite for a block that starts by a register, none for one that always runs.
    """

    part: str
    board: Board | None
    clock_mhz: float
    control: str = "axilite"


def setup_of(part: str, clock_mhz: float, control: str) -> Setup:
    """`part` names a board or a part. BnncError for what is neither, and for a clock that none has."""
    checked_clock(clock_mhz)
    if control not in CONTROLS:
        raise BnncError.at("", f"control {control!r}", f"there are {' and '.join(CONTROLS)}")
    board = board_of(part)
    if board is not None or part.lower() in PARTS:
        return Setup(part_of(part).number, board, clock_mhz, control)
    if not part or not all(c.isalnum() or c in "-_" for c in part) or not part.isascii():
        raise BnncError.at("", f"{part!r} is not the name of a part", "give one like xc7z020clg400-1")
    return Setup(part, None, clock_mhz, control)


def project_values(graph: Graph, acc: Accelerator, name: str, setup: Setup, cycles: int) -> dict[str, Any]:
    """By the names that the templates have for them. cycles: of a sample."""
    encoder, result = core_input(graph), core_result(graph)
    _check_registers(acc, setup)
    return {
        "name": name,
        "top": f"{name}_top",
        "macro": name.upper(),
        "guard": f"{name.upper()}_H",
        "version": bnnc.__version__,
        "inputs": tensor_of(encoder).size,
        "outputs": tensor_of(result).size,
        "in_type": str(encoder.elem),
        "in_dtype": encoder.elem.dtype.name,
        "out_type": str(result.type.elem),
        "in_shape": _shape(encoder.type.shape),
        "out_shape": _shape(result.type.shape),
        "code_bits": acc.input.lane.bits,
        "code_type": f"{encoder.elem.dtype.name}_t",
        "cycles": cycles,
        "rate": rate_text(rate(setup.clock_mhz, cycles)),
        **_architecture(acc),
        **_target(setup),
    }


def _check_registers(acc: Accelerator, setup: Setup) -> None:
    if setup.control == "none" and memories_of(acc):
        what = "weights in memory outside have their addresses in registers"
        raise BnncError.at("--control none", what, "leave it out, or keep the weights inside")


def _architecture(acc: Accelerator) -> dict[str, Any]:
    ports = {"in": acc.input, "out": acc.units[-1].wire}
    return {
        "units": acc.units,
        "word_type": word_type,
        "stages": acc.stages,
        "fifos": acc.fifos,
        "engines": _engines(acc),
        "memories": memories_of(acc),
        "layers": len(acc.layers),
        **{f"{port}_bits": wire.bits for port, wire in ports.items()},
        **{f"{port}_lanes": wire.lanes for port, wire in ports.items()},
        **{f"{port}_words": wire.words for port, wire in ports.items()},
        **_packets(acc.units[-1].wire),
    }


@dataclass(frozen=True)
class Memory:
    """Weights outside the FPGA: the argument of the top function that points to them, and the uint64 words.

    `register` is where Vitis HLS puts the lower half of the address; the upper one follows.
    """

    name: str
    words: Array
    register: int

    @property
    def text(self) -> str:
        """As the elements of an array of C."""
        lines = textwrap.fill(", ".join(f"{word:#x}ull" for word in self.words.tolist()), 104)
        return textwrap.indent(lines, "    ")


def memories_of(acc: Accelerator) -> list[Memory]:
    """In the order of the arguments: by name."""
    memories = sorted((unit.name, unit.memory) for unit in acc.units if unit.memory is not None)
    return [
        Memory(f"{name}_weights", words, FIRST_REGISTER + ADDRESS_BYTES * i)
        for i, (name, words) in enumerate(memories)
    ]


def _packets(out: Wire) -> dict[str, int]:
    """The words in which a DMA engine receives those of the output port: a power of two of bits."""
    bits = out.bits if out.bits.bit_count() == 1 else out.lane.bits
    return {"packet_bits": bits, "packet_words": out.words * out.bits // bits}


def _target(setup: Setup) -> dict[str, Any]:
    return {
        "part": setup.part,
        "board": setup.board,
        "clock_mhz": f"{setup.clock_mhz:g}",
        "period_ns": f"{1000 / setup.clock_mhz:.3f}",
        "has_registers": setup.control == "axilite",
    }


def golden_values(codes: Array, raw: Array) -> dict[str, Any]:
    """The samples of the test bench: codes (n, *input shape) and raw integers (n, *output shape)."""
    assert len(codes) == len(raw) > 0, "the test bench needs golden samples"
    rows = ([_numbers(row) for row in array.reshape(len(array), -1)] for array in (codes, raw))
    return {"samples": len(codes), **dict(zip(("codes", "raw"), rows, strict=True))}


def _engines(acc: Accelerator) -> list[str]:
    used = {engine for unit in acc.units for engine in unit.engines}
    return sorted(used | {other for engine in used for other in NEEDED_BY.get(engine, ())})


def _numbers(row: Array) -> str:
    text = textwrap.fill(", ".join(map(str, row.tolist())), 102)
    return textwrap.indent(text, "        ")


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
