"""Matrix-vector-threshold units: a matrix with its folding as C++."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bnnc.hls import cpp
from bnnc.hls.accumulators import Accumulator, accumulator_of
from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.folding import Fold
from bnnc.hls.lanes import Wire, signed_bits
from bnnc.hls.legends import MOVED_LEGEND, matrix_legend
from bnnc.hls.matrix import Matrix
from bnnc.hls.model.compute import mvtu_cost
from bnnc.hls.model.functions import Function, function_of
from bnnc.hls.model.memory import BEAT_BITS
from bnnc.hls.model.products import Form, cheapest
from bnnc.hls.model.resources import Resources
from bnnc.hls.model.trace import READ, WRITE, Trace, steps
from bnnc.hls.storage import Storage, Weights, default_storage, stored_weights
from bnnc.hls.units import Unit
from bnnc.ir.elem import I32
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Array

FILES: Mapping[Storage, tuple[str, ...]] = {
    Storage.LUT: (),
    Storage.BRAM: (),
    Storage.URAM: ("fill",),
    Storage.DDR: ("mvtu",),
}
"""Engines that a unit needs beside its own."""


def matrix_unit(
    m: Matrix,
    act: Activation,
    name: str,
    fold: Fold,
    storage: Storage | None = None,
    weights: Weights | None = None,
) -> Unit:
    """The unit behind a stream of words of `fold.simd` lanes; its weights lie in `storage` unless given."""
    words = m.shape[1] // weight_lanes(m, fold)
    depth = folds_of(m, fold) * words
    storage = storage or default_storage(depth)
    if weights is None:
        assert storage in storages(m, fold), f"the weights of {name} do not fit into a word of {storage}"
        weights = stored_weights(name, _weight_words(m, fold), weight_bits(m, fold), storage)
        legend = matrix_legend(m, fold.pe, weight_lanes(m, fold), storage) if weights.arrays else ""
        weights = replace(weights, arrays=legend + weights.arrays)
    engine = "streamed_mvtu" if storage is Storage.DDR else "mvtu"
    acc = accumulator_of(m, act, form_of(m, act, fold), weight_lanes(m, fold))
    out = activation_text(acc.act, name, fold.pe, acc.lo, acc.hi)
    moved = MOVED_LEGEND if out.arrays and acc.act is not act else ""
    wire = Wire(act.lane, fold.pe, m.vectors * m.shape[0], act.lo, act.hi, m.vectors)
    return Unit(
        name=name,
        comment=_description(m, act, fold),
        engines=(engine, *FILES[storage], out.engine),
        call=f"bnnc::{engine}<{name}_matrix, {out.type}>",
        wire=wire,
        in_bits=(m.in_bits(fold.simd),),
        words=wire.words,
        cycles=m.vectors * depth,
        trace=mvtu_trace(m.vectors, folds_of(m, fold), words, m.groups // _at_once(m, fold)),
        resources=mvtu_resources(m, act, fold, storage),
        parameters=f"{_struct(m, acc, fold, f'{name}_matrix', weights.function)}\n{out.struct}",
        rom=weights.arrays + moved + out.arrays,
        head=(*weights.head, *out.head),
        streams_weights=storage is Storage.DDR,
        memory=weights.memory,
    )


def storages(m: Matrix, fold: Fold) -> tuple[Storage, ...]:
    """Where the weights may lie, the default first: in memory outside if a word of it has those of a step."""
    words = folds_of(m, fold) * m.shape[1] // weight_lanes(m, fold)
    fits = fold.pe * weight_bits(m, fold) <= BEAT_BITS
    others = (storage for storage in Storage if fits or storage is not Storage.DDR)
    return tuple(dict.fromkeys([default_storage(words), *others]))


def mvtu_resources(m: Matrix, act: Activation, fold: Fold, storage: Storage | None = None) -> Resources:
    """Of the unit, with the weights in `storage`; None for the default."""
    folds, lanes = folds_of(m, fold), weight_lanes(m, fold)
    words = m.shape[1] // lanes
    return mvtu_cost(
        pe=fold.pe,
        simd=lanes,
        x_bits=m.x.bits,
        w_bits=m.w.bits,
        sum_bits=signed_bits(m.lo, m.hi),
        words=words,
        folds=folds,
        uses=folds * _at_once(m, fold) // m.groups,
        function=_function(m, act, fold),
        storage=storage or default_storage(folds * words),
        extra_bits=m.in_bits(fold.simd) - lanes * m.x.bits,
        form=form_of(m, act, fold),
        at_once=_at_once(m, fold),
    )


def _function(m: Matrix, act: Activation, fold: Fold) -> Function:
    """Of sums; cuts that all rows have in common are those of numbers that rows of weights move apart."""
    function = function_of(act, m.lo, m.hi)
    if "cut" not in function.common:
        return function
    acc = accumulator_of(m, act, form_of(m, act, fold), weight_lanes(m, fold))
    return replace(function, common=function_of(acc.act, acc.lo, acc.hi).common)


def form_of(m: Matrix, act: Activation, fold: Fold) -> Form:
    """How products are summed: as takes the fewest tables."""
    lanes, sharing = weight_lanes(m, fold), fold.pe // _at_once(m, fold)
    marks = m.marks(fold.simd) if m.has_valid else 0
    wraps = (m.lo, m.hi) == (I32.lo, I32.hi)
    is_stepped = isinstance(act.op, Threshold) and not wraps
    return cheapest(m.x, m.w, lanes, sharing, marks, is_stepped)


def mvtu_trace(vectors: int, folds: int, words: int, groups: int) -> Trace:
    """Each vector has `groups` parts of `words` words, which are read for the first of their folds.

    A word is read, multiplied, added in a tree, accumulated, compared and written.
    """
    part = steps(0, folds // groups * words).reshape(-1, words)
    part[0] |= READ
    part[:, -1] |= WRITE
    return Trace(part.ravel(), vectors * groups, latency=8)


def folds_of(m: Matrix, fold: Fold) -> int:
    """How often the outputs of a vector take turns on the processing elements."""
    return -(-m.shape[0] // fold.pe)


def _at_once(m: Matrix, fold: Fold) -> int:
    """Groups whose channels share a word."""
    return max(1, fold.simd // m.depth) if m.groups > 1 else 1


def weight_lanes(m: Matrix, fold: Fold) -> int:
    """Products of an output in one step."""
    return fold.simd // _at_once(m, fold)


def weight_bits(m: Matrix, fold: Fold) -> int:
    """Of a processing element in one step."""
    return weight_lanes(m, fold) * m.w.bits


def _struct(m: Matrix, acc: Accumulator, fold: Fold, name: str, weights: str) -> str:
    folds, lanes = folds_of(m, fold), weight_lanes(m, fold)
    marks = m.marks(fold.simd) if m.has_valid else 0
    outside = lanes // marks // 2 if marks and acc.form is Form.EQUAL else 0
    fields = [
        f"typedef {m.x.cpp} X;",
        f"typedef {m.w.cpp} W;",
        f"typedef {cpp.word_type(m.in_bits(fold.simd))} in_t;",
        f"typedef ap_uint<{weight_bits(m, fold)}> weights_t;",
        f"typedef {_products(m, acc.form, lanes // (marks or 1))} Products;",
        f"typedef ap_int<{acc.bits}> acc_t;",
        f"typedef ap_int<{signed_bits(acc.lo, acc.hi)}> sum_t;",
        f"static const int VECTORS = {m.vectors}, PE = {fold.pe}, SIMD = {lanes};",
        f"static const int FOLDS = {folds}, WORDS = {m.shape[1] // lanes};",
        f"static const int USES = {folds * _at_once(m, fold) // m.groups}, AT_ONCE = {_at_once(m, fold)};",
        f"static const int PARTS = {marks or 1}, MARKS = {marks};",
        f"static const int START = {acc.start}, OUTSIDE = {outside};",
    ]
    value = cpp.function("sum_t sum(acc_t acc)", f"return {acc.value};")
    return cpp.struct(name, "\n".join(fields), _counts(m), value, weights)


def _products(m: Matrix, form: Form, lanes: int) -> str:
    """The struct of templates/hls/dot.h.j2."""
    operands = f"{m.x.cpp}, {m.w.cpp}" if form is Form.DOT else m.x.cpp
    return f"bnnc::{form}<{operands}, {lanes}>"


def _counts(m: Matrix) -> str:
    """The member `counts`: whether part number `part` of a word is inside the map."""
    if not m.has_valid:
        return cpp.function("bool counts(in_t, int)", "return true;")
    return cpp.function("bool counts(in_t x, int part)", "return (bool)x[part];")


def _description(m: Matrix, act: Activation, fold: Fold) -> str:
    outputs, inputs = m.shape
    groups = f" in {m.groups} groups" if m.groups > 1 else ""
    size = f"{outputs} x {inputs} matrix{groups}, {cpp.amount(m.vectors, 'vector')}"
    elements = f"{m.conv.x.type.elem} by {m.weight_name} to {cpp.amount(act.lane.bits, 'bit')}"
    return f"{size}, {elements}, PE {fold.pe}, SIMD {fold.simd}"


def _weight_words(m: Matrix, fold: Fold) -> Array:
    """uint64 (pe, folds * words): row p has the words of outputs p, pe + p, 2 * pe + p, .., lane 0 lowest.

    Where PE does not divide the outputs, elements without one in the last fold repeat the last output.
    """
    (outputs, inputs), lanes, folds = m.shape, weight_lanes(m, fold), folds_of(m, fold)
    codes = np.pad(m.w.codes(m.weights), ((0, folds * fold.pe - outputs), (0, 0)), mode="edge")
    codes = codes.reshape(folds, fold.pe, inputs // lanes, lanes)
    shifts = np.arange(lanes, dtype=np.uint64) * np.uint64(m.w.bits)
    words: Array = np.bitwise_or.reduce(codes << shifts, axis=-1)
    return words.transpose(1, 0, 2).reshape(fold.pe, folds * (inputs // lanes))
