"""The sliding window unit in front of a convolution."""

from __future__ import annotations

from bnnc.hls.lanes import Wire
from bnnc.hls.matrix import Matrix
from bnnc.hls.units import Unit
from bnnc.hls.wide_window import WideWindow, wide_window_unit
from bnnc.hls.window import Window, window_unit
from bnnc.ir.op import map_shape


def matrix_window(m: Matrix, x: Wire, name: str, simd: int) -> Unit:
    """Behind the stream x of `m.in_lanes(simd)` lanes, in front of a matrix that reads `simd` lanes."""
    conv = m.conv
    shapes = map_shape(conv.x)[:2], map_shape(conv)[:2]
    outside = None if m.has_valid else _repeated(m.x.code(conv.pad_value), m.x.bits, x.lanes)
    if simd > x.lanes:
        wide = WideWindow(*shapes, conv.kernel, conv.strides, conv.pads, simd // x.lanes)
        return wide_window_unit(wide, x, name, outside)
    groups = m.groups // max(1, simd // m.depth)
    words = m.channels // simd
    window = Window(*shapes, conv.kernel, conv.strides, conv.dilations, conv.pads, words, groups)
    return window_unit(window, x, name, outside)


def _repeated(code: int, bits: int, lanes: int) -> int:
    return sum(code << lane * bits for lane in range(lanes))
