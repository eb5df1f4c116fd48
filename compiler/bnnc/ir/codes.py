"""The integers of uniform quantizers: their range, and how real numbers are rounded to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnnc.ir.op import Array


def code_range(bits: int, signed: bool, narrow: bool = False) -> tuple[int, int]:
    """The smallest and the largest integer; `narrow` drops one: the lowest if signed, else the highest."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _half_up(x: Array) -> Array:
    return np.sign(x) * np.floor(np.abs(x) + np.float32(0.5))


def _half_down(x: Array) -> Array:
    return np.sign(x) * np.ceil(np.abs(x) - np.float32(0.5))


ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "HALF_UP": _half_up,
    "HALF_DOWN": _half_down,
}
"""The rounding modes of QONNX, as the qonnx package computes them: float32 to whole float32."""
