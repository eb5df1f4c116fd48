"""Sizes of windows that slide over a map."""

from __future__ import annotations

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]  # top, left, bottom, right: the order of ONNX


def output_size(size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Positions of a window of `kernel` taps over `size + pad` elements (floor: ONNX without ceil_mode)."""
    return (size + pad - dilation * (kernel - 1) - 1) // stride + 1


def output_map(shape: Pair, kernel: Pair, strides: Pair, dilations: Pair, pads: Pads) -> Pair:
    """(OH, OW) of a window over a map of (H, W)."""
    top, left, bottom, right = pads
    return (
        output_size(shape[0], kernel[0], strides[0], dilations[0], top + bottom),
        output_size(shape[1], kernel[1], strides[1], dilations[1], left + right),
    )
