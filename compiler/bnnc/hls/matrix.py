"""Convolutions and dense layers as matrix-vector-threshold units."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

import numpy as np

from bnnc.hls.activations import Activation, activation_text
from bnnc.hls.lanes import BIPOLAR, Lane, Wire, lane_for, lane_of, signed_bits
from bnnc.hls.roms import Reader, rom
from bnnc.hls.small_units import counts_lines
from bnnc.hls.units import Unit
from bnnc.hls.window import needs_window
from bnnc.ir.geometry import Pair
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.sim.bits import weight_values

Conv = Conv2d | XnorConv2d | BitConv2d


@dataclass(frozen=True)
class Matrix:
    """A convolution as a matrix: weights (O, taps * C) in lanes of `w`, for every one of `vectors` windows.

    x is the lane of the map, wide enough for the padding; with `has_valid` each word has a bit more that is
    0 in the padding (zeros around a b1_pm map). Sums of any part of the taps lie in lo..hi.
    """

    conv: Conv
    weights: Array
    w: Lane
    x: Lane
    has_valid: bool
    channels: int
    vectors: int
    lo: int
    hi: int

    @property
    def shape(self) -> Pair:
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def needs_window(self) -> bool:
        conv = self.conv
        return needs_window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.pads)

    @property
    def simd_of(self) -> int:
        """What SIMD has to divide: the channels of a tap, or the whole vector where there is no window."""
        return self.channels if self.needs_window else self.shape[1]

    @property
    def weight_name(self) -> str:
        return "b1_pm" if isinstance(self.conv, XnorConv2d) else str(self.conv.weight_elem)

    def in_bits(self, simd: int) -> int:
        return simd * self.x.bits + self.has_valid


def matrix_of(conv: Conv, wire: Wire) -> Matrix:
    values, w = _weights(conv)
    height, width, channels = map_shape(conv.x)
    out_height, out_width, _ = map_shape(conv)
    padded = any(conv.pads)
    lo, hi = (min(wire.lo, conv.pad_value), max(wire.hi, conv.pad_value)) if padded else (wire.lo, wire.hi)
    has_valid = padded and wire.lane == BIPOLAR and conv.pad_value == 0
    fits = wire.lane == BIPOLAR and (has_valid or abs(conv.pad_value) == 1 or not padded)
    x = wire.lane if fits or (wire.lo, wire.hi) == (lo, hi) else lane_for(lo, hi)
    products = np.stack([values * lo, values * hi, 0 * values])
    flat = values.reshape(len(values), -1)
    return Matrix(
        conv,
        flat,
        w,
        x,
        has_valid,
        channels,
        out_height * out_width,
        int(products.min(axis=0).reshape(flat.shape).sum(axis=1).min()),
        int(products.max(axis=0).reshape(flat.shape).sum(axis=1).max()),
    )


def matrix_unit(m: Matrix, act: Activation, name: str, pe: int, simd: int) -> Unit:
    """The unit behind a stream of words of `simd` lanes."""
    outputs, inputs = m.shape
    folds, words = outputs // pe, inputs // simd
    act_text = activation_text(act, name, pe, m.lo, m.hi)
    weights = rom(
        name,
        Reader("weights_t", "weights", ("pe", "word"), "pe", "word"),
        _weight_words(m, pe, simd),
        hexadecimal=True,
    )
    counts = counts_lines(simd * m.x.bits if m.has_valid else None)
    fields = [
        f"typedef {m.x.cpp} X;",
        f"typedef {m.w.cpp} W;",
        f"typedef ap_uint<{m.in_bits(simd)}> in_t;",
        f"typedef ap_uint<{simd * m.w.bits}> weights_t;",
        f"typedef ap_int<{signed_bits(m.lo, m.hi)}> sum_t;",
        f"static const int VECTORS = {m.vectors}, FOLDS = {folds}, WORDS = {words};",
        f"static const int PE = {pe}, SIMD = {simd};",
    ]
    members = "\n\n".join(["\n".join(fields), "\n".join(counts), weights.function])
    cycles = m.vectors * folds * words
    return Unit(
        name=name,
        comment=_description(m, act, pe, simd, cycles),
        engines=("mvtu", act_text.engine),
        call=f"bnnc::mvtu<{name}_matrix, {act_text.type}>",
        wire=Wire(act.lane, pe, m.vectors * outputs, act.lo, act.hi),
        in_bits=m.in_bits(simd),
        out_bits=pe * act.lane.bits,
        words=m.vectors * folds,
        cycles=cycles,
        parameters=f"struct {name}_matrix {{\n{textwrap.indent(members, '    ')}\n}};\n\n{act_text.struct}",
        rom=weights.arrays + act_text.arrays,
    )


def _description(m: Matrix, act: Activation, pe: int, simd: int, cycles: int) -> str:
    outputs, inputs = m.shape
    size = f"{outputs} x {inputs} matrix, {m.vectors} vector{'s' if m.vectors > 1 else ''}"
    elements = f"{m.conv.x.type.elem} by {m.weight_name} to {act.lane.bits} bits"
    return f"{size}, {elements}, PE {pe}, SIMD {simd}, {cycles} cycles"


def _weights(conv: Conv) -> tuple[Array, Lane]:
    """int64 (O, kh, kw, C) and the lane of their codes."""
    match conv:
        case Conv2d():
            return conv.weights.astype(np.int64), lane_of(conv.weight_elem)
        case XnorConv2d():
            return weight_values(conv).astype(np.int64), BIPOLAR
        case BitConv2d():
            return weight_values(conv).astype(np.int64), lane_of(conv.weight_elem)


def _weight_words(m: Matrix, pe: int, simd: int) -> Array:
    """uint64 (pe, folds * words): row p has the words of outputs p, pe + p, 2 * pe + p, .., lane 0 lowest."""
    outputs, inputs = m.shape
    codes = m.w.codes(m.weights).reshape(outputs // pe, pe, inputs // simd, simd)
    shifts = np.arange(simd, dtype=np.uint64) * np.uint64(m.w.bits)
    words: Array = np.bitwise_or.reduce(codes << shifts, axis=-1)
    return words.transpose(1, 0, 2).reshape(pe, math.prod(words.shape) // pe)
