"""The sliding window unit in front of a convolution."""

from __future__ import annotations

from bnnc.hls.lanes import Wire
from bnnc.hls.matrix import Matrix
from bnnc.hls.units import Unit
from bnnc.hls.wide_window import WideWindow, wide_window_unit
from bnnc.hls.window import Window, window_unit
from bnnc.ir.op import map_shape


def window_of(m: Matrix, simd: int) -> Window | WideWindow:
    """Windows in words of `simd` lanes."""
    conv, lanes = m.conv, m.in_lanes(simd)
    shapes = map_shape(conv.x)[:2], map_shape(conv)[:2]
    if simd > lanes:
        return WideWindow(*shapes, conv.kernel, conv.strides, conv.pads, simd // lanes)
    groups = m.groups // max(1, simd // m.depth)
    words = m.channels // simd
    return Window(*shapes, conv.kernel, conv.strides, conv.dilations, conv.pads, words, groups)


def matrix_window(m: Matrix, x: Wire, name: str, simd: int) -> Unit:
    """Behind the stream x of `m.in_lanes(simd)` lanes, in front of a matrix that reads `simd` lanes."""
    window = window_of(m, simd)
    outside = None if m.has_valid else _repeated(m.x.code(m.conv.pad_value), m.x.bits, x.lanes)
    if isinstance(window, WideWindow):
        return wide_window_unit(window, x, name, outside)
    return window_unit(window, x, name, outside)


def _repeated(code: int, bits: int, lanes: int) -> int:
    return sum(code << lane * bits for lane in range(lanes))
