"""Scripts of a project, for the tools and the boards that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnnc.hls.model.parts import ZYNQ_MP, Board
from bnnc.resources import templates

BAMBU_DEPTH = 3  # words that a FIFO of PandA-Bambu holds

ALWAYS = {
    "scripts/vitis_hls.tcl": "vitis_hls.tcl.j2",
    "scripts/out_of_context.tcl": "out_of_context.tcl.j2",
    "hls_config.cfg": "hls_config.cfg.j2",
}
FOR_BOARDS = {"scripts/block_design.tcl": "block_design.tcl.j2", "scripts/packets.v": "packets.v.j2"}
FOR_DEEP_FIFOS = {"scripts/bambu_fifos.xml": "bambu_fifos.xml.j2"}


def script_files(values: Mapping[str, Any], board: Board | None) -> dict[str, str]:
    """Path in the project -> text. A block design is written for boards with a processing system."""
    files, facts = dict(ALWAYS), dict(values)
    if board is not None and board.part.ps is not None:
        files |= FOR_BOARDS
        facts |= _design(values, board)
    if (depth := deepest(values["fifos"])) > BAMBU_DEPTH:
        files |= FOR_DEEP_FIFOS
        facts["fifo_bits"] = depth.bit_length()  # of 2^n words it holds one less
    environment = templates("hls/scripts")
    return {path: environment.get_template(name).render(facts) for path, name in files.items()}


def deepest(fifos: Any) -> int:
    return max((fifo.depth for fifo in fifos), default=0)


def _design(values: Mapping[str, Any], board: Board) -> dict[str, Any]:
    """What the block design of a board has. The registers are those of DMA, packets and accelerator."""
    return {
        "board": board,
        "is_zynq_mp": board.part.ps == ZYNQ_MP,
        "registers": 2 + bool(values["has_registers"]),
        "masters": 2 + len(values["memories"]),
    }
