"""Numbers as C text that means exactly them."""

from __future__ import annotations

import math

import numpy as np

from bnnc.ir.op import Array

_LINE = 100  # characters, about


def float_literal(value: float) -> str:
    """A float32 as the shortest decimal that is read back as the same bits."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = str(np.float32(value))
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def initializer(array: Array) -> str:
    """A braced C initializer of one or two dimensions."""
    if array.ndim == 1:
        return f"{{\n    {_lines(array)}}}"
    rows = (f"{{{_lines(row)}}}" for row in array)
    return "{\n    " + ",\n    ".join(rows) + "}"


def _lines(numbers: Array) -> str:
    literal = float_literal if numbers.dtype == np.float32 else repr
    texts = [literal(number) for number in numbers.tolist()]
    per_line = _LINE // (2 + max(map(len, texts)))
    lines = (", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line))
    return ",\n     ".join(lines)
