"""Scaled widths, sizes of maps, stacks of named modules."""

from __future__ import annotations

from torch import nn


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """`channels` times `width`, to the nearest positive multiple of `multiple`."""
    return max(1, round(channels * width / multiple)) * multiple


def map_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Rows (or columns) of a map behind a convolution or a pool; ValueError where nothing is left."""
    behind = (size + 2 * padding - kernel) // stride + 1
    if behind < 1:
        raise ValueError(f"a window of {kernel} does not fit into a map of {size}; give a larger image_size")
    return behind


def stack(*parts: tuple[str, nn.Module]) -> nn.Sequential:
    """Modules one behind the other, each with its name."""
    net = nn.Sequential()
    for name, part in parts:
        net.add_module(name, part)
    return net
