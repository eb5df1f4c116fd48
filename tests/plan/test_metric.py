"""The errors of a one-bit input, against their formulas element by element."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.ir.op import Array
from bnnc.plan.metric import clipped, energy, one, squared


def samples() -> Array:
    values = np.random.default_rng(3).normal(0, 1.2, (5, 2, 3, 4)).astype(np.float32)
    values[0, 0, 0] = [0.0, -0.0, 1.0, -1.0]
    return values


def _mean(terms: list[float]) -> float:
    return float(sum(terms) / len(terms))


@pytest.mark.parametrize(
    ("function", "term"),
    [
        (squared, lambda i: ((1 if i >= 0 else -1) - i) ** 2),
        (clipped, lambda i: abs(1 - min(max(i, -1), 1) ** 2)),
        (energy, lambda i: i * i),
        (one, lambda i: 1.0),
    ],
)
def test_the_formula(function: object, term: object) -> None:
    values = samples()
    found = function(values)  # type: ignore[operator]
    assert found.dtype == np.float64 and found.shape == (5,)
    expected = [_mean([term(float(i)) for i in sample.flat]) for sample in values]  # type: ignore[operator]
    assert np.allclose(found, expected, rtol=1e-13), "the order of the sum"


def test_known_values() -> None:
    x = np.array([[1, -1], [0, 0], [3, -0.5]], np.float32)
    assert squared(x).tolist() == [0, 1, (4 + 0.25) / 2]
    assert clipped(x).tolist() == [0, 1, 0.75 / 2]
    assert energy(x).tolist() == [1, 0, (9 + 0.25) / 2]
