"""How much is lost when a layer's input I becomes sign(I)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnnc.ir.op import Array

PerSample = Callable[[Array], Array]


def squared(values: Array) -> Array:
    """(N, ..) -> float64 (N,): mean((sign(I) - I)^2) of each sample; 0 costs 1 with either sign."""
    x = values.astype(np.float64)
    return _mean((np.where(x >= 0, 1.0, -1.0) - x) ** 2)


def clipped(values: Array) -> Array:
    """(N, ..) -> float64 (N,): mean(|1 - clip(I, -1, 1)^2|) of each sample."""
    return _mean(1 - np.clip(values.astype(np.float64), -1, 1) ** 2)


def energy(values: Array) -> Array:
    """(N, ..) -> float64 (N,): mean(I^2) of each sample."""
    return _mean(values.astype(np.float64) ** 2)


def one(values: Array) -> Array:
    """(N, ..) -> float64 (N,): 1 for each sample."""
    return np.ones(len(values))


@dataclass(frozen=True)
class Metric:
    """The mean of `loss` over the samples, divided by that of `unit`. `formula` is what it computes."""

    loss: PerSample
    unit: PerSample
    formula: str


METRICS = {
    "squared": Metric(squared, one, "mean((sign(I) - I)^2)"),
    "normalized": Metric(squared, energy, "mean((sign(I) - I)^2) / mean(I^2)"),
    "clipped": Metric(clipped, one, "mean(|1 - clip(I, -1, 1)^2|)"),
}


def _mean(values: Array) -> Array:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))
