"""Pooling, top-k, reordering and elementwise layers as units."""

from __future__ import annotations

import math

import numpy as np

from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.cpp import amount, counts, struct, word_type
from bnnc.hls.lanes import MAX_WORD_BITS, Wire, divisors, lane_for, signed_bits
from bnnc.hls.model.functions import function_of
from bnnc.hls.model.moving import columns_cost, map_cost, pool_cost, top_k_cost, transpose_cost
from bnnc.hls.model.trace import READ, WRITE, Trace, steps
from bnnc.hls.units import Unit
from bnnc.hls.window import Window, needs_window
from bnnc.ir.elem import I32
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d, TopK
from bnnc.ir.op import map_shape
from bnnc.ir.packed_ops import PackedMaxPool2d

Pool = MaxPool2d | PackedMaxPool2d | SumPool2d


def pooled_wire(op: Pool, wire: Wire) -> Wire:
    """The stream behind pooling, in as many lanes as before it."""
    if not isinstance(op, SumPool2d):
        return Wire(wire.lane, wire.lanes, math.prod(op.type.shape), wire.lo, wire.hi)
    taps = op.kernel[0] * op.kernel[1]
    lo, hi = max(I32.lo, min(0, wire.lo * taps)), min(I32.hi, max(0, wire.hi * taps))
    return Wire(lane_for(lo, hi), wire.lanes, math.prod(op.type.shape), lo, hi)


def pool_window(op: Pool, lanes: int) -> Window | None:
    """What lies in front of pooling; None where taps arrive in the order that it reads them."""
    (height, width, channels), (out_height, out_width, _) = map_shape(op.x), map_shape(op)
    if not needs_window((height, width), op.kernel, op.strides, op.pads):
        return None
    shapes = (height, width), (out_height, out_width)
    return Window(*shapes, op.kernel, op.strides, (1, 1), op.pads, channels // lanes)


def pool_cycles(op: Pool, lanes: int) -> int:
    """Of the slower of both units."""
    height, width, channels = map_shape(op)
    taps, window = op.kernel[0] * op.kernel[1], pool_window(op, lanes)
    return max(height * width * taps * (channels // lanes), window.steps if window else 0)


def pool_unit(op: Pool, x: Wire, name: str, in_bits: int) -> Unit:
    """Joins the taps that the sliding window unit in front of it writes."""
    y = pooled_wire(op, x)
    height, width, channels = map_shape(op)
    taps, words = op.kernel[0] * op.kernel[1], channels // x.lanes
    join = (
        f"bnnc::Sum<{signed_bits(y.lo, y.hi)}>"
        if isinstance(op, SumPool2d)
        else f"bnnc::Largest<{x.lane.cpp}>"
    )
    has_mark = in_bits > x.bits
    fields = [
        f"typedef {x.lane.cpp} X;",
        f"typedef {y.lane.cpp} Y;",
        f"typedef {join} Join;",
        f"typedef {word_type(in_bits)} in_t;",
        f"typedef {word_type(y.bits)} out_t;",
        f"static const int PIXELS = {height * width}, TAPS = {taps}, WORDS = {words}, LANES = {x.lanes};",
        f"static const int MARKS = {int(has_mark)};",
    ]
    return Unit(
        name=name,
        comment=f"{'sum' if isinstance(op, SumPool2d) else 'maximum'} of {op.kernel[0]} x {op.kernel[1]}, "
        f"{height} x {width} x {channels}, {amount(x.lanes, 'lane')}",
        engines=("pool",),
        call=f"bnnc::pool<{name}_shape>",
        wire=y,
        in_bits=(in_bits,),
        words=y.words,
        cycles=height * width * taps * words,
        trace=pool_trace(height * width, taps, words),
        resources=pool_cost(
            lanes=x.lanes,
            words=words,
            taps=taps,
            x_bits=x.lane.bits,
            y_bits=y.lane.bits,
            sums=isinstance(op, SumPool2d),
        ),
        parameters=struct(f"{name}_shape", "\n".join(fields), counts(has_mark)),
    )


def pool_trace(pixels: int, taps: int, words: int) -> Trace:
    """The last tap of a window completes it."""
    window = steps(READ, taps * words)
    window[-words:] |= WRITE
    return Trace(window, pixels, latency=4)


def map_unit(act: Activation, wire: Wire, name: str, channels: int, what: str) -> Unit:
    """An activation of every element of a stream whose words divide `channels`."""
    text = activation_text(act, name, wire.lanes, wire.lo, wire.hi)
    fields = [
        f"typedef {wire.lane.cpp} X;",
        f"typedef {word_type(wire.bits)} in_t;",
        f"static const int WORDS = {wire.words}, FOLDS = {channels // wire.lanes}, LANES = {wire.lanes};",
    ]
    return Unit(
        name=name,
        comment=f"{what} of {wire.size} elements, {amount(wire.lanes, 'lane')}",
        engines=("map", text.engine),
        call=f"bnnc::map<{name}_in, {text.type}>",
        wire=Wire(act.lane, wire.lanes, wire.size, act.lo, act.hi),
        in_bits=(wire.bits,),
        words=wire.words,
        cycles=wire.words,
        trace=Trace(steps(READ | WRITE), wire.words, latency=4),
        resources=map_cost(
            lanes=wire.lanes, folds=channels // wire.lanes, function=function_of(act, wire.lo, wire.hi)
        ),
        parameters=f"{struct(f'{name}_in', chr(10).join(fields))}\n{text.struct}",
        rom=text.arrays,
        head=text.head,
    )


def transpose_unit(wire: Wire, name: str, rows: int, columns: int) -> Unit:
    """A matrix that arrives row by row leaves column by column: each a word if that is narrow enough.

    Otherwise both streams have one lane.
    """
    if rows * wire.lane.bits <= MAX_WORD_BITS:
        return _columns_unit(wire, name, rows, columns)
    return Unit(
        name=name,
        comment=f"{rows} x {columns} elements, column by column",
        engines=("transpose",),
        call=f"bnnc::transpose<{wire.bits}, {rows}, {columns}>",
        wire=wire,
        in_bits=(wire.bits,),
        words=wire.words,
        cycles=2 * wire.size,
        trace=first_all(wire.words, wire.words),
        resources=transpose_cost(bits=wire.bits, size=wire.size),
    )


def _columns_unit(x: Wire, name: str, rows: int, columns: int) -> Unit:
    wire = Wire(x.lane, rows, x.size, x.lo, x.hi)
    return Unit(
        name=name,
        comment=f"{rows} x {columns} elements, column by column, {amount(x.lanes, 'lane')}",
        engines=("columns",),
        call=f"bnnc::columns<{x.lane.bits}, {rows}, {columns}, {x.lanes}>",
        wire=wire,
        in_bits=(x.bits,),
        words=wire.words,
        cycles=x.words + wire.words,
        trace=first_all(x.words, wire.words),
        resources=columns_cost(bits=x.lane.bits, lanes=x.lanes, rows=rows, columns=columns),
    )


def transpose_cycles(wire: Wire, rows: int, columns: int) -> dict[int, int]:
    """By the lanes of the stream in front of the unit."""
    bits = wire.lane.bits
    if rows * bits > MAX_WORD_BITS:
        return {1: 2 * wire.size}
    lanes = [n for n in divisors(columns) if n == 1 or n * bits <= MAX_WORD_BITS]
    return {n: wire.size // n + columns for n in lanes}


def top_k_unit(op: TopK, wire: Wire, name: str) -> Unit:
    indices = lane_for(0, wire.size - 1)
    return Unit(
        name=name,
        comment=f"the {op.k} largest of {wire.size}",
        engines=("top_k",),
        call=f"bnnc::top_k<{wire.lane.cpp}, {indices.cpp}, {wire.size}, {op.k}>",
        wire=Wire(indices, 1, op.k, 0, wire.size - 1),
        in_bits=(wire.bits,),
        words=op.k,
        cycles=wire.size + op.k,
        trace=first_all(wire.words, op.k),
        resources=top_k_cost(k=op.k, x_bits=wire.lane.bits, size=wire.size),
    )


def first_all(reads: int, writes: int) -> Trace:
    """All words are read before the first one is written."""
    return Trace(np.concatenate([steps(READ, reads), steps(WRITE, writes)]), 1, latency=3, second=reads)
