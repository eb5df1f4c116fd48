"""The C file with both float edges of a network."""

from __future__ import annotations

from bnnc.edge import converters
from bnnc.edge.names import comment
from bnnc.ir.edge_ops import EncodeInput
from bnnc.ir.graph import Graph
from bnnc.ir.parts import core_input
from bnnc.resources import templates


def edge_source(graph: Graph, name: str, header: str) -> str:
    """NAME_encode, NAME_decode, .. as C.

    `header` has the types of their arguments and NAME_INPUT_ELEMENTS, NAME_OUTPUT_ELEMENTS.
    """
    op, tables = core_input(graph), converters.Tables()
    values = {
        "name": name,
        "macro": name.upper(),
        "header": header,
        "title": comment(graph.name),
        "encoder": converters.encoder(graph, tables),
        "decoder": converters.decoder(graph, tables),
        "tables": tables.made,
        "code": code_of_step(op),
        "op": op,
    }
    return templates("edge").get_template("edge.c.j2").render(values)


def code_of_step(op: EncodeInput) -> str:
    """The code that stands `step` cuts up."""
    scaled = "(int32_t)step" if op.unit == 1 else f"{op.unit} * (int32_t)step"
    return f"{op.first} + {scaled}" if op.first else scaled
