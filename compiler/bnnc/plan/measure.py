"""The error of every layer on calibration data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.op import Array, Op
from bnnc.ir.source_ops import Elementwise, Gather, Transpose
from bnnc.plan.layers import Layer, RealInput
from bnnc.plan.metric import Metric
from bnnc.sim import elementwise

CHUNK = 32  # samples of which all layers' inputs are in memory at once
Values = Callable[[Array, Iterable[str]], Mapping[str, Array]]


def measure(
    layers: Sequence[Layer],
    x: Array,
    values: Values,
    metric: Metric,
    progress: Callable[[int], None] | None = None,
) -> tuple[float, ...]:
    """The error of each layer over samples x (N, ..).

    `values` gives results (n, ..) of operations by name.
    """
    names = {layer.input.op.name for layer in layers}
    parts: list[list[tuple[Array, Array]]] = [[] for _ in layers]
    for at in range(0, len(x), CHUNK):
        samples = x[at : at + CHUNK]
        found = values(samples, sorted(names))
        for part, layer in zip(parts, layers, strict=True):
            value = real_values(layer.input, samples, found)
            part.append((metric.loss(value), metric.unit(value)))
        if progress is not None:
            progress(len(samples))
    return tuple(_error(layer, part) for layer, part in zip(layers, parts, strict=True))


def real_values(source: RealInput, samples: Array, found: Mapping[str, Array]) -> Array:
    """float32 (n, ..): what a layer reads before it is binarized, relative to where that is decided."""
    value = samples if isinstance(source.op, Input) else found[source.op.name]
    for op in source.steps:
        value = _step(op, value)
    return value - source.centre.reshape(-1, *(1 for _ in value.shape[2:]))


def _step(op: Op, value: Array) -> Array:
    match op:
        case Reshape():
            return value.reshape(len(value), *op.shape)
        case Transpose():
            return value.transpose(0, *(axis + 1 for axis in op.perm))
        case Gather():
            return value[:, op.index]
        case Elementwise():
            return np.moveaxis(elementwise.apply(op, np.moveaxis(value, 1, -1)), -1, 1)
    raise AssertionError(f"{op.where} is no step")


def _error(layer: Layer, part: Sequence[tuple[Array, Array]]) -> float:
    losses, units = (np.concatenate(arrays).mean() for arrays in zip(*part, strict=True))
    error = float(losses / units) if units else math.inf
    if not math.isfinite(error):
        what = "its input is not finite, or always 0" if units == 0 else "its input is not finite"
        raise BnncError.at(f"node {layer.name!r} ({layer.kind})", what, "give other samples")
    return error
