"""Matrix-vector-threshold units: a matrix with its folding as C++."""

from __future__ import annotations

import math

import numpy as np

from bnnc.hls import cpp
from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.folding import Fold
from bnnc.hls.lanes import Wire, signed_bits
from bnnc.hls.matrix import Matrix
from bnnc.hls.model.trace import READ, WRITE, Trace, steps
from bnnc.hls.pace import Pace
from bnnc.hls.roms import Reader, Rom, rom
from bnnc.hls.units import Unit
from bnnc.ir.op import Array

WEIGHTS = Reader("weights_t", "weights", ("pe", "word"), "pe", "word")


def matrix_unit(m: Matrix, act: Activation, name: str, fold: Fold, weights: Rom | None = None) -> Unit:
    """The unit behind a stream of words of `fold.simd` lanes; `weights` are constants unless given."""
    outputs, inputs = m.shape
    words = inputs // weight_lanes(m, fold)
    out = activation_text(act, name, fold.pe, m.lo, m.hi)
    if weights is None:
        weights = rom(name, WEIGHTS, list(_weight_words(m, fold)), hexadecimal=True)
    wire = Wire(act.lane, fold.pe, m.vectors * outputs, act.lo, act.hi)
    return Unit(
        name=name,
        comment=_description(m, act, fold),
        engines=("mvtu", out.engine),
        call=f"bnnc::mvtu<{name}_matrix, {out.type}>",
        wire=wire,
        in_bits=(m.in_bits(fold.simd),),
        words=wire.words,
        cycles=m.vectors * (outputs // fold.pe) * words,
        pace=Pace.blocks(m.vectors * m.groups // _at_once(m, fold)),
        trace=mvtu_trace(m.vectors, outputs // fold.pe, words, m.groups // _at_once(m, fold)),
        parameters=f"{_struct(m, fold, f'{name}_matrix', weights)}\n{out.struct}",
        rom=weights.arrays + out.arrays,
        fifo=2 if m.needs_window else max(2, words),
    )


def mvtu_trace(vectors: int, folds: int, words: int, groups: int) -> Trace:
    """Each vector has `groups` parts of `words` words, which are read for the first of their folds.

    A word is read, multiplied, added in a tree, accumulated, compared and written.
    """
    part = steps(0, folds // groups * words).reshape(-1, words)
    part[0] |= READ
    part[:, -1] |= WRITE
    return Trace(part.ravel(), vectors * groups, latency=8)


def _at_once(m: Matrix, fold: Fold) -> int:
    """Groups whose channels share a word."""
    return max(1, fold.simd // m.depth)


def weight_lanes(m: Matrix, fold: Fold) -> int:
    """Products of an output in one step."""
    return min(fold.simd, m.depth)


def _struct(m: Matrix, fold: Fold, name: str, weights: Rom) -> str:
    outputs, inputs = m.shape
    folds, lanes = outputs // fold.pe, weight_lanes(m, fold)
    fields = [
        f"typedef {m.x.cpp} X;",
        f"typedef {m.w.cpp} W;",
        f"typedef ap_uint<{m.in_bits(fold.simd)}> in_t;",
        f"typedef ap_uint<{lanes * m.w.bits}> weights_t;",
        f"typedef ap_int<{signed_bits(m.lo, m.hi)}> sum_t;",
        f"static const int VECTORS = {m.vectors}, PE = {fold.pe}, SIMD = {lanes};",
        f"static const int FOLDS = {folds}, WORDS = {inputs // lanes};",
        f"static const int USES = {folds * _at_once(m, fold) // m.groups}, AT_ONCE = {_at_once(m, fold)};",
    ]
    counts = cpp.counts(fold.simd * m.x.bits if m.has_valid else None)
    return cpp.struct(name, "\n".join(fields), counts, weights.function)


def _description(m: Matrix, act: Activation, fold: Fold) -> str:
    outputs, inputs = m.shape
    groups = f" in {m.groups} groups" if m.groups > 1 else ""
    size = f"{outputs} x {inputs} matrix{groups}, {cpp.amount(m.vectors, 'vector')}"
    elements = f"{m.conv.x.type.elem} by {m.weight_name} to {cpp.amount(act.lane.bits, 'bit')}"
    return f"{size}, {elements}, PE {fold.pe}, SIMD {fold.simd}"


def _weight_words(m: Matrix, fold: Fold) -> Array:
    """uint64 (pe, folds * words): row p has the words of outputs p, pe + p, 2 * pe + p, .., lane 0 lowest."""
    (outputs, inputs), lanes = m.shape, weight_lanes(m, fold)
    codes = m.w.codes(m.weights).reshape(outputs // fold.pe, fold.pe, inputs // lanes, lanes)
    shifts = np.arange(lanes, dtype=np.uint64) * np.uint64(m.w.bits)
    words: Array = np.bitwise_or.reduce(codes << shifts, axis=-1)
    return words.transpose(1, 0, 2).reshape(fold.pe, math.prod(words.shape) // fold.pe)
