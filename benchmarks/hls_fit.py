"""Fits the constants of the resource model to published builds, and to all but one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from benchmarks.hls_builds import BUILDS, Build, seen

from bnnc.ir.op import Array

KINDS = ("lut", "ff", "bram36")


@dataclass(frozen=True)
class Constants:
    """Of a project, of each of its units, and how much its logic is scaled."""

    shell: float
    unit: float
    scale: float


@dataclass(frozen=True)
class Row:
    """A build: what was published, and what the model says with constants that the others decide."""

    build: Build
    published: float
    predicted: float

    @property
    def error(self) -> float:
        return self.predicted / self.published - 1


def fit(kind: str, builds: Sequence[Build] = BUILDS) -> Constants:
    """Not negative, with the least squares of relative errors. Block RAM has only the shell's."""
    published = np.array([getattr(build.published, kind) for build in builds])
    columns = np.array([_columns(kind, build) for build in builds])
    memory = np.array([_memory(kind, build) for build in builds])
    return Constants(*_non_negative(columns / published[:, None], (published - memory) / published).tolist())


def predict(kind: str, build: Build, constants: Constants) -> float:
    shell, unit, scale = constants.shell, constants.unit, constants.scale
    return float(_memory(kind, build) + np.array(_columns(kind, build)) @ np.array([shell, unit, scale]))


def left_out(kind: str) -> list[Row]:
    """Every build, with constants that all others decide."""
    return [
        Row(build, getattr(build.published, kind), predict(kind, build, fit(kind, _without(build))))
        for build in BUILDS
    ]


def _without(build: Build) -> list[Build]:
    return [other for other in BUILDS if other is not build]


def _columns(kind: str, build: Build) -> tuple[float, float, float]:
    """What the constants are multiplied with."""
    if kind == "bram36":
        return 1.0, 0.0, 0.0
    what = seen(build)
    return 1.0, what.units, getattr(what.circuit, kind)


def _memory(kind: str, build: Build) -> float:
    return float(getattr(seen(build).circuit.memory, kind))


def _non_negative(columns: Array, values: Array) -> Array:
    """The best x >= 0 of |columns @ x - values|: the least squares of some columns, the other x being 0."""
    best = np.zeros(columns.shape[1])
    for size in range(1, columns.shape[1] + 1):
        for chosen in combinations(range(columns.shape[1]), size):
            x = np.zeros(columns.shape[1])
            x[list(chosen)] = np.linalg.lstsq(columns[:, chosen], values)[0]
            if (x >= 0).all() and _error(columns, x, values) < _error(columns, best, values) - 1e-12:
                best = x
    return best


def _error(columns: Array, x: Array, values: Array) -> float:
    return float(((columns @ x - values) ** 2).sum())
