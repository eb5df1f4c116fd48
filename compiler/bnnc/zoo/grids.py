"""The grids that values of the networks lie on."""

from __future__ import annotations

from bnnc.nn import Quantizer, Requantizer

PIXEL_STEP = 1 / 256


def pixels() -> Quantizer:
    """Images in 0..1 as 8 bits in steps of 1/256."""
    return Quantizer(8, signed=False, step=PIXEL_STEP)


def bytes_grid() -> Quantizer:
    """Values behind a ReLU as 8 bits."""
    return Quantizer(8, signed=False)


def bytes_of_stream() -> Requantizer:
    """Values of a residual stream behind a ReLU as 8 bits."""
    return Requantizer(8, signed=False)
