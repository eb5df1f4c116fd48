"""Units where branches meet, and those that choose channels."""

from __future__ import annotations

import numpy as np

from bnnc.hls.activations import activation_text
from bnnc.hls.cpp import amount, struct, word_type
from bnnc.hls.lanes import Wire, lane_for, signed_bits
from bnnc.hls.layers import AddLayer, ConcatLayer
from bnnc.hls.model.functions import function_of
from bnnc.hls.model.moving import add_cost, concat_cost, gather_cost
from bnnc.hls.model.trace import READ, READ_SECOND, WRITE, Trace, steps
from bnnc.hls.roms import Reader, rom
from bnnc.hls.units import Unit
from bnnc.ir.op import Array
from bnnc.ir.value_ops import GatherChannels

PLACE = Reader("int", "place", ("word",), "0", "word")


def add_unit(layer: AddLayer, a: Wire, b: Wire, name: str) -> Unit:
    """Sums of two streams with as many lanes each, a number that divides the channels."""
    out = activation_text(layer.act, name, a.lanes, layer.lo, layer.hi)
    fields = [
        f"typedef {a.lane.cpp} A;",
        f"typedef {b.lane.cpp} B;",
        f"typedef {word_type(a.bits)} a_t;",
        f"typedef {word_type(b.bits)} b_t;",
        f"typedef ap_int<{signed_bits(layer.lo, layer.hi)}> sum_t;",
        f"static const int WORDS = {a.words}, FOLDS = {layer.channels // a.lanes}, LANES = {a.lanes};",
    ]
    return Unit(
        name=name,
        comment=f"sums of {a.size} elements to {amount(layer.act.lane.bits, 'bit')}, "
        f"{amount(a.lanes, 'lane')}",
        engines=("add", out.engine),
        call=f"bnnc::add<{name}_in, {out.type}>",
        wire=Wire(layer.act.lane, a.lanes, a.size, layer.act.lo, layer.act.hi),
        in_bits=(a.bits, b.bits),
        words=a.words,
        cycles=a.words,
        trace=Trace(steps(READ | READ_SECOND | WRITE), a.words, latency=4),
        resources=add_cost(
            lanes=a.lanes,
            folds=layer.channels // a.lanes,
            a_bits=a.lane.bits,
            b_bits=b.lane.bits,
            function=function_of(layer.act, layer.lo, layer.hi),
        ),
        parameters=f"{struct(f'{name}_in', chr(10).join(fields))}\n{out.struct}",
        rom=out.arrays,
        head=out.head,
    )


def joined_wire(a: Wire, b: Wire) -> Wire:
    """The stream of the channels of both."""
    lo, hi = min(a.lo, b.lo), max(a.hi, b.hi)
    lane = a.lane if a.lane == b.lane else lane_for(lo, hi)
    return Wire(lane, a.lanes, a.size + b.size, lo, hi)


def concat_unit(layer: ConcatLayer, a: Wire, b: Wire, name: str) -> Unit:
    """A pixel of a, then one of b; both have as many lanes, a number that divides both channels."""
    y, channels, pixels = joined_wire(a, b), layer.channels, layer.pixels
    fields = [
        f"typedef {a.lane.cpp} A;",
        f"typedef {b.lane.cpp} B;",
        f"typedef {y.lane.cpp} Y;",
        f"typedef {word_type(a.bits)} a_t;",
        f"typedef {word_type(b.bits)} b_t;",
        f"typedef {word_type(y.bits)} out_t;",
        f"static const int PIXELS = {pixels}, LANES = {a.lanes};",
        f"static const int A_WORDS = {channels[0] // a.lanes}, B_WORDS = {channels[1] // a.lanes};",
    ]
    return Unit(
        name=name,
        comment=f"{channels[0]} + {channels[1]} channels of {amount(pixels, 'pixel')}, "
        f"{amount(a.lanes, 'lane')}",
        engines=("concat",),
        call=f"bnnc::concat<{name}_shape>",
        wire=y,
        in_bits=(a.bits, b.bits),
        words=y.words,
        cycles=y.words,
        trace=concat_trace(pixels, channels[0] // a.lanes, channels[1] // a.lanes),
        resources=concat_cost(lanes=a.lanes, words=sum(channels) // a.lanes, y_bits=y.lane.bits),
        parameters=struct(f"{name}_shape", "\n".join(fields)),
    )


def concat_trace(pixels: int, a_words: int, b_words: int) -> Trace:
    """For every pixel the words of a, then those of b."""
    pixel = np.concatenate([steps(READ | WRITE, a_words), steps(READ_SECOND | WRITE, b_words)])
    return Trace(pixel, pixels, latency=2)


def gather_unit(op: GatherChannels, x: Wire, name: str) -> Unit:
    """Pixels with other channels; the lanes of a word stay together."""
    in_words, places = op.x.type.shape[-1] // x.lanes, op.index[:: x.lanes] // x.lanes
    pixels, length = x.words // in_words, max(in_words, len(places))
    wire = Wire(x.lane, x.lanes, pixels * len(op.index), x.lo, x.hi)
    place = rom(name, PLACE, [places])
    fields = [
        f"typedef {word_type(x.bits)} word_t;",
        f"static const int PIXELS = {pixels}, STEPS = {length};",
        f"static const int IN_WORDS = {in_words}, OUT_WORDS = {len(places)};",
    ]
    return Unit(
        name=name,
        comment=f"{len(op.index)} of {op.x.type.shape[-1]} channels of {amount(pixels, 'pixel')}, "
        f"{amount(x.lanes, 'lane')}",
        engines=("gather",),
        call=f"bnnc::gather<{name}_shape>",
        wire=wire,
        in_bits=(x.bits,),
        words=wire.words,
        cycles=(pixels + 1) * length,
        trace=gather_trace(pixels, in_words, len(places)),
        resources=gather_cost(bits=x.bits, in_words=in_words, out_words=len(places)),
        parameters=struct(f"{name}_shape", "\n".join(fields), place.function),
        rom=place.arrays,
    )


def gather_trace(pixels: int, in_words: int, out_words: int) -> Trace:
    """A pixel leaves while the next one arrives."""
    flags = steps(0, (pixels + 1) * max(in_words, out_words)).reshape(pixels + 1, -1)
    flags[:-1, :in_words] |= READ
    flags[1:, :out_words] |= WRITE
    return Trace(flags.ravel(), 1, latency=3)


def moves_together(index: Array, lanes: int) -> bool:
    """Whether so many channels, from a multiple of that number on, stay together."""
    if len(index) % lanes:
        return False
    words = index.reshape(-1, lanes)
    return bool((words[:, 0] % lanes == 0).all() and (np.diff(words, axis=1) == 1).all())
