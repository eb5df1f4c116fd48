"""The grammar of each tool's pragmas, as far as projects may use it.

Vitis HLS: UG1399 (2023.2), "HLS Pragmas". Vivado HLS: UG902 and UG1253 (2020.1). Bambu: its parser of
pragmas in release 2024.10, which ignores, or stops at, all that is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bnnc.hls.project.source import BAMBU, VITIS, VIVADO, Tool

NAME, NUMBER, FLAG = r"[A-Za-z_]\w*", r"\d+", ""
TRUTH = "true|false"


class Place(Enum):
    """Where a pragma may stand; its text goes into messages."""

    TOP = "among the first lines of the top function"
    FUNCTION = "among the first lines of a function"
    LOOP = "in the first lines of a loop"
    FUNCTION_OR_LOOP = "in the first lines of a function or a loop"
    VARIABLE = "in the function of its variable, behind the declaration"


@dataclass(frozen=True)
class Directive:
    """Where it stands, and its options: name -> pattern of the value, empty for one that stands alone.

    `alone` are words without a name in front; the first of them, say, is the mode of an interface.
    """

    place: Place
    options: Mapping[str, str]
    required: tuple[str, ...] = ()
    alone: str = ""


_PORTS = "axis|m_axi|s_axilite|ap_none|ap_vld|ap_ack|ap_hs|ap_ovld|ap_memory|bram|ap_fifo"
_MODES = f"{_PORTS}|ap_ctrl_none|ap_ctrl_hs|ap_ctrl_chain"
_BURSTS = ("num_read_outstanding", "num_write_outstanding", "max_read_burst_length", "max_write_burst_length")
_INTERFACE = {
    "port": NAME,
    "bundle": NAME,
    "depth": NUMBER,
    "offset": "off|direct|slave",
    "register": FLAG,
    "register_mode": "forward|reverse|both|off",
    "latency": NUMBER,
    "clock": NAME,
    "name": NAME,
    **dict.fromkeys(_BURSTS, NUMBER),
}
_MEMORIES = "fifo|ram_1p|ram_1wnr|ram_2p|ram_s2p|ram_t2p|rom_1p|rom_2p|rom_np"
_CORES = r"R[AO]M_(1P|2P|S2P|T2P|1WNR|nP)(_BRAM|_LUTRAM|_URAM|_1S)?|XPM_MEMORY|FIFO_(BRAM|LUTRAM|SRL)"
_PARTITION = {"variable": NAME, "factor": NUMBER, "dim": NUMBER}
_TRIPCOUNT = Directive(Place.LOOP, dict.fromkeys(("min", "max", "avg"), NUMBER))

_BOTH = {
    "DATAFLOW": Directive(Place.FUNCTION, {}),
    "INLINE": Directive(Place.FUNCTION, {"off": FLAG, "recursive": FLAG}),
    "LOOP_TRIPCOUNT": _TRIPCOUNT,
    "LOOP_FLATTEN": Directive(Place.LOOP, {"off": FLAG}),
    "LATENCY": Directive(Place.FUNCTION_OR_LOOP, {"min": NUMBER, "max": NUMBER}),
}
_VITIS = _BOTH | {
    "INTERFACE": Directive(
        Place.TOP,
        {
            **_INTERFACE,
            "mode": _MODES,
            "max_widen_bitwidth": NUMBER,
            "storage_impl": NAME,
            "storage_type": NAME,
        },
        ("mode", "port"),
    ),
    "PIPELINE": Directive(
        Place.FUNCTION_OR_LOOP, {"II": NUMBER, "off": FLAG, "rewind": FLAG, "style": "stp|frp|flp"}
    ),
    "UNROLL": Directive(Place.LOOP, {"factor": NUMBER, "skip_exit_check": FLAG, "off": TRUTH}),
    "ARRAY_PARTITION": Directive(
        Place.VARIABLE, {**_PARTITION, "type": "complete|block|cyclic", "off": TRUTH}, ("variable",)
    ),
    "ARRAY_RESHAPE": Directive(
        Place.VARIABLE, {**_PARTITION, "type": "complete|block|cyclic", "off": TRUTH}, ("variable",)
    ),
    "STREAM": Directive(
        Place.VARIABLE, {"variable": NAME, "depth": NUMBER, "type": "fifo|pipo|shared|unsync"}, ("variable",)
    ),
    "BIND_STORAGE": Directive(
        Place.VARIABLE,
        {
            "variable": NAME,
            "type": _MEMORIES,
            "impl": "bram|bram_ecc|lutram|uram|uram_ecc|srl|memory|auto",
            "latency": NUMBER,
        },
        ("variable", "type"),
    ),
    "BIND_OP": Directive(
        Place.VARIABLE,
        {"variable": NAME, "op": "mul|add|sub", "impl": "dsp|fabric", "latency": NUMBER},
        ("variable", "op"),
    ),
    "DEPENDENCE": Directive(
        Place.VARIABLE,
        {
            "variable": NAME,
            "class": "array|pointer",
            "type": "inter|intra",
            "direction": "RAW|WAR|WAW",
            "distance": NUMBER,
            "dependent": TRUTH,
        },
    ),
}
_VIVADO = _BOTH | {
    "INTERFACE": Directive(Place.TOP, _INTERFACE, ("port",), _MODES),
    "PIPELINE": Directive(
        Place.FUNCTION_OR_LOOP, {"II": NUMBER, "off": FLAG, "rewind": FLAG, "enable_flush": FLAG}
    ),
    "UNROLL": Directive(Place.LOOP, {"factor": NUMBER, "skip_exit_check": FLAG, "region": FLAG}),
    "ARRAY_PARTITION": Directive(Place.VARIABLE, _PARTITION, ("variable",), "complete|block|cyclic"),
    "ARRAY_RESHAPE": Directive(Place.VARIABLE, _PARTITION, ("variable",), "complete|block|cyclic"),
    "STREAM": Directive(
        Place.VARIABLE, {"variable": NAME, "depth": NUMBER, "dim": NUMBER, "off": FLAG}, ("variable",)
    ),
    "RESOURCE": Directive(
        Place.VARIABLE,
        {
            "variable": NAME,
            "core": _CORES,
            "latency": NUMBER,
        },
        ("variable", "core"),
    ),
    "DEPENDENCE": Directive(
        Place.VARIABLE,
        {"variable": NAME, "distance": NUMBER},
        alone="array|pointer|inter|intra|RAW|WAR|WAW|true|false",
    ),
}
_BAMBU = {
    "INTERFACE": Directive(
        Place.TOP,
        {
            "mode": "axis|m_axi|fifo|none|valid|ovalid|acknowledge|handshake|array",
            "port": r"(?!return\b)[A-Za-z_]\w*",
            "bundle": NAME,
            "depth": NUMBER,
            "offset": "off|direct",
            "elem_count": NUMBER,
        },
        ("mode", "port"),
    ),
    "DATAFLOW": Directive(Place.FUNCTION, {}),
    "INLINE": Directive(Place.FUNCTION, {"off": FLAG, "recursive": FLAG}),
}
GRAMMAR: Mapping[Tool, Mapping[str, Directive]] = {VITIS: _VITIS, VIVADO: _VIVADO, BAMBU: _BAMBU}
