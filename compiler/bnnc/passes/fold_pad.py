"""Pass "fold-pad": explicit Pad nodes become the padding of the layer that reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Op
from bnnc.passes.chain import evaluate


@dataclass(frozen=True)
class FoldPad:
    """Before: Pad -> elementwise .. -> Conv. After: elementwise .. -> Conv that pads with the number itself.

    A pad in front of elementwise operations moves behind them with the number that they make of it.
    Applies where that is one number for all channels; what cannot be folded is refused.
    """

    name: str = "fold-pad"

    def run(self, graph: Graph) -> Graph:
        """BnncError for a pad that stays; `graph` itself when it is lowered already."""
        if graph.level != Level.SOURCE:
            return graph
        folded = graph.rewrite(_fold)
        for op in folded.ops:
            if isinstance(op, src.Pad):
                what = f"padding with {op.value:g} cannot move into the layer behind it"
                remedy = "pad once and with one number in front of a convolution, behind its quantizer"
                raise op.refusal(what, remedy)
        return folded


def _fold(op: Op) -> Op:
    if not op.operands or not isinstance(op.operands[0], src.Pad):
        return op
    pad = op.operands[0]
    match op:
        case src.Elementwise():
            value = _through(op, pad.value)
            return op if value is None else src.Pad(pad.name, replace(op, x=pad.x), pad.pads, value)
        case src.Conv() if not any(op.pads) or op.pad_value == pad.value:
            top, left, bottom, right = (a + b for a, b in zip(pad.pads, op.pads, strict=True))
            return replace(op, x=pad.x, pads=(top, left, bottom, right), pad_value=pad.value)
        case src.AveragePool() if pad.value == 0:
            top, left, bottom, right = (a + b for a, b in zip(pad.pads, op.pads, strict=True))
            return replace(op, x=pad.x, pads=(top, left, bottom, right))
    return op


def _through(op: src.Elementwise, value: float) -> float | None:
    """What `op` makes of the padded number, if it is the same in all channels."""
    channels = op.type.shape[0]
    results = evaluate((op,), np.full((1, channels), value, np.float32))
    return float(results[0, 0]) if (results == results[0, 0]).all() else None
