"""Follows the source network quantizer by quantizer, so that a difference is judged where it arises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from bnnc.executors.chains import ChainJudge, Quantizer, in_layout, source_codes
from bnnc.executors.locate import Mismatch
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import TopK
from bnnc.ir.op import Array, Op, map_shape
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.types import Packed
from bnnc.sim import bits, simulator

if TYPE_CHECKING:
    from bnnc.executors.source import SourceExecutor

CHUNK = 64  # samples of which all layers are in memory at once


@dataclass
class Followed:
    """What came of reading in every layer what the source's quantizers gave.

    `ties`: quantized values that differ because the source's float sum in front of them was rounded.
    `taken`: quantized values right behind approximated layers, of which `differing` are not the source's.
    `mismatch`: the first value that differs otherwise. `raw`: the integers of the core's result, and
    `ranked`: what its TopK ranks, if it is one. `is_exact`: whether no approximated layer lies between the
    source's last codes and the result.
    """

    raw: Array
    ranked: Array | None = None
    is_exact: bool = True
    ties: int = 0
    taken: int = 0
    differing: int = 0
    mismatch: Mismatch | None = None


def follow(graph: Graph, x: Array, codes: Array, source: SourceExecutor) -> Followed:
    """Run the simulator on codes (N, ..) beside the source on x, with the source's codes in place of its own.

    Every layer that no note names has to be exact, given the source's codes. A float sum of products with
    scales that are no powers of two may be off by some ulp from the real number that the integer sum stands
    for. Where a cut of the quantizer lies right there (an exact 0 in front of a sign, say) the source's code
    is another one; that is a tie if the source's own operations make our code of our sum.
    """
    judge = ChainJudge(graph, source)
    walks = []
    for at in range(0, len(x), CHUNK):
        walk = _Walk(graph, judge, codes[at : at + CHUNK])
        walk.run(source.values(x[at : at + CHUNK], judge.tensors))
        walks.append(walk)
        if walk.mismatch:
            walk.mismatch = replace(walk.mismatch, sample=at + walk.mismatch.sample)
            break
    return _joined(graph, walks)


@dataclass
class _Walk:
    """One chunk of samples through the core. `inexact`: operations behind approximated layers."""

    graph: Graph
    judge: ChainJudge
    codes: Array
    values: dict[Op, Array] = field(default_factory=dict)
    inexact: set[Op] = field(default_factory=set)
    ties: int = 0
    taken: int = 0
    differing: int = 0
    mismatch: Mismatch | None = None

    def run(self, theirs: Mapping[str, Array]) -> None:
        """Fill `values` up to the first mismatch."""
        encoder, approximated = core_input(self.graph), _approximated(self.graph)
        judged = self.judge.quantizers
        for op in simulator.core_ops(self.graph):
            operands = () if op is encoder else op.operands
            known = (self.values[operand] for operand in operands)
            self.values[op] = self.codes if op is encoder else simulator.evaluate(op, *known)
            if op.name in approximated or self.inexact.intersection(operands):
                self.inexact.add(op)
            if op in judged and judged[op].name in theirs:
                self._take_over(op, judged[op], theirs, judged[op].name in approximated)
            if self.mismatch:
                return

    def _take_over(self, op: Op, quantizer: Quantizer, theirs: Mapping[str, Array], noted: bool) -> None:
        """Judge the codes of a quantizer at `op`, unless it is itself `noted`, and go on with the source's.

        Behind approximated layers the source may have values that are no code here; then ours go on.
        """
        ours = _plain(op, self.values[op])
        codes = source_codes(quantizer, in_layout(quantizer, theirs[quantizer.name], ours.shape))
        differing = int((codes != ours).sum())
        exact, known = op not in self.inexact, not np.isnan(codes).any()
        if known:
            self.inexact.discard(op)
        if exact:
            self.ties += differing
        else:
            self.taken += ours.size
            self.differing += differing
        if differing:
            if not noted:
                self.mismatch = self.judge.mismatch(quantizer, ours, codes, self.values, theirs, exact)
            if known:
                taken = codes.astype(ours.dtype)
                self.values[op] = bits.pack(taken, op.type.elem) if isinstance(op.type, Packed) else taken


def _approximated(graph: Graph) -> set[str]:
    """Names of operations that bnnc rounded: layers with a note, and the integers made for them to read."""
    return {name for note in graph.notes for name in (note.node, f"{note.node} input")}


def _plain(op: Op, value: Array) -> Array:
    if isinstance(op.type, Packed):
        return bits.unpack(value, op.type.elem, map_shape(op)[2])
    return value


def _joined(graph: Graph, walks: list[_Walk]) -> Followed:
    result = core_result(graph)
    complete = [walk for walk in walks if walk.mismatch is None]
    raw = [walk.values[result] for walk in complete]
    ranked = [walk.values[result.x] for walk in complete] if isinstance(result, TopK) else []
    return Followed(
        np.concatenate(raw) if raw else np.empty((0, *result.type.shape)),
        np.concatenate(ranked) if ranked else None,
        not any(result in walk.inexact for walk in walks),
        sum(walk.ties for walk in walks),
        sum(walk.taken for walk in walks),
        sum(walk.differing for walk in walks),
        walks[-1].mismatch if walks else None,
    )
