"""Convolutions and dense layers as matrices that multiply the vectors of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnnc.hls.folding import MatrixSize
from bnnc.hls.lanes import BIPOLAR, Lane, Wire, lane_for, lane_of
from bnnc.hls.matrix_codes import CodedMatrix, coded_matrix
from bnnc.hls.window import needs_window
from bnnc.ir.elem import I32
from bnnc.ir.geometry import Pair
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, map_shape
from bnnc.ir.packed_ops import BitConv2d, XnorConv2d
from bnnc.sim.bits import weight_values

MIN_COLUMNS = 8
"""With these a wide window unit's pipeline has written a pixel to its lines before it reads it again."""

Conv = Conv2d | XnorConv2d | BitConv2d


@dataclass(frozen=True)
class Matrix:
    """A convolution as a matrix: weights (O, taps * C/groups) in lanes of `w`, for each of `vectors` windows.

    x is the lane of the map, wide enough for the padding; with `has_valid` each word has a bit more that is
    0 in the padding (zeros around a b1_pm map). `channels` are those of the map. Sums of any part of the
    taps lie in lo..hi.
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
    def groups(self) -> int:
        return self.conv.groups

    @property
    def needs_window(self) -> bool:
        conv = self.conv
        return needs_window(map_shape(conv.x)[:2], conv.kernel, conv.strides, conv.pads, conv.groups)

    @property
    def depth(self) -> int:
        """What SIMD has to divide: a group's channels of a tap, or its whole vector without a window."""
        return self.channels // self.groups if self.needs_window else self.shape[1]

    @property
    def taps(self) -> int:
        """Taps of a window that words may hold several of."""
        conv = self.conv
        columns = conv.pads[1] + map_shape(conv.x)[1] + conv.pads[3]
        joins = self.needs_window and (self.groups, conv.dilations) == (1, (1, 1)) and columns >= MIN_COLUMNS
        return conv.kernel[0] * conv.kernel[1] if joins else 1

    @property
    def weight_name(self) -> str:
        return "b1_pm" if isinstance(self.conv, XnorConv2d) else str(self.conv.weight_elem)

    @cached_property
    def coded(self) -> CodedMatrix | None:
        """The weights as Huffman codes, where these are smaller."""
        return coded_matrix(self)

    def size(self, y_bits: int) -> MatrixSize:
        """What folding has to know, with results of `y_bits`."""
        return MatrixSize(
            self.vectors,
            *self.shape,
            depth=self.depth,
            groups=self.groups,
            x_bits=self.x.bits,
            extra_bits=int(self.has_valid),
            w_bits=self.w.bits,
            y_bits=y_bits,
            taps=self.taps,
        )

    def in_lanes(self, simd: int) -> int:
        """Of the stream in front of the layer: words of a map hold one tap."""
        return min(simd, self.channels) if self.needs_window else simd

    def marks(self, simd: int) -> int:
        """Parts of a word that may lie in the padding while others do not: its taps."""
        return max(1, simd // self.depth) if self.groups == 1 else 1

    def in_bits(self, simd: int) -> int:
        return simd * self.x.bits + self.has_valid * self.marks(simd)


def matrix_of(conv: Conv, wire: Wire) -> Matrix:
    """The matrix of a convolution over the map on `wire`."""
    values, w = _weights(conv)
    flat = values.reshape(len(values), -1)
    padding = {conv.pad_value} if any(conv.pads) else set()
    has_valid = wire.lane == BIPOLAR and 0 in padding
    lo, hi = sums_between(flat, min(wire.lo, *padding, wire.hi), max(wire.lo, *padding, wire.hi))
    return Matrix(
        conv=conv,
        weights=flat,
        w=w,
        x=wire.lane if has_valid else _lane_with(wire, padding),
        has_valid=has_valid,
        channels=map_shape(conv.x)[2],
        vectors=map_shape(conv)[0] * map_shape(conv)[1],
        lo=lo,
        hi=hi,
    )


def sums_between(weights: Array, lo: int, hi: int) -> Pair:
    """Bounds of the sum of any part of a row of `weights` (O, N) times integers lo..hi."""
    ends = np.stack([weights * lo, weights * hi, 0 * weights])
    smallest = int(ends.min(axis=0).sum(axis=1).min())
    largest = int(ends.max(axis=0).sum(axis=1).max())
    return in_32_bits(smallest, largest)


def in_32_bits(lo: int, hi: int) -> Pair:
    """Bounds of sums as int32: where they could leave it they wrap around, and so may their parts."""
    return (lo, hi) if I32.holds(lo, hi) else (I32.lo, I32.hi)


def _lane_with(wire: Wire, padding: set[int]) -> Lane:
    """The lane of a map that holds the padding as well."""
    lo, hi = min(wire.lo, *padding, wire.hi), max(wire.lo, *padding, wire.hi)
    held = padding <= {-1, 1} if wire.lane == BIPOLAR else (lo, hi) == (wire.lo, wire.hi)
    return wire.lane if held else lane_for(lo, hi)


def _weights(conv: Conv) -> tuple[Array, Lane]:
    """int64 (O, kh, kw, C) and the lane of their codes."""
    match conv:
        case Conv2d():
            return conv.weights.astype(np.int64), lane_of(conv.weight_elem)
        case XnorConv2d():
            return weight_values(conv).astype(np.int64), BIPOLAR
        case BitConv2d():
            return weight_values(conv).astype(np.int64), lane_of(conv.weight_elem)
