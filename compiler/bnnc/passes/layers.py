"""Layers on integers: what the streamlining pass makes of convolutions, dense layers, pools and rankings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.elem import I32, Elem, smallest_elem
from bnnc.ir.graph import Note
from bnnc.ir.integer_ops import Conv2d, SumPool2d, Table, TopK
from bnnc.ir.op import Array, Op
from bnnc.passes.chain import Chain, evaluate_pairs
from bnnc.passes.grid import domain_affine
from bnnc.passes.materialize import Materializer, first_pool, scaling
from bnnc.passes.ranges import Range, reachable
from bnnc.passes.value import Value, settle
from bnnc.passes.weights import IntegerWeights, integer_weights

SOFTMAX_RESOLUTION = 2.0**-20
MAX_RANKED_VALUES = 1 << 24


@dataclass(frozen=True)
class Lowering:
    """Makes integer layers; `made` remembers the integers that layers share and the notes."""

    made: Materializer

    def conv(self, op: src.Conv, value: Value) -> Value:
        """Accumulators of a convolution; their scale begins the next chain."""
        if value.order != "chw" and not value.in_source_layout:
            raise op.refusal("reads a channels-last map", "transpose it first")
        return self._layer(op, value, op.weights.transpose(0, 2, 3, 1))

    def dense(self, op: src.Dense, value: Value) -> Value:
        """A dense layer as a convolution whose kernel covers the whole map."""
        return self._layer(op, value, _dense_kernel(op.weights, value))

    def average_pool(self, op: src.AveragePool, value: Value) -> Value:
        """Sums over the window; the division by its size stays in the chain, as the source divides."""
        pooled = self.sum_pool(op, value)
        size = np.array(op.kernel[0] * op.kernel[1], np.float32)
        return replace(pooled, chain=(*pooled.chain, src.Div(op.name, Input("", (1,)), size)))

    def sum_pool(self, op: src.SumPool | src.AveragePool, value: Value) -> Value:
        """Sums over the window."""
        read = self.made.summands(value, op.name, op.kernel[0] * op.kernel[1])
        pooled = SumPool2d(op.name, read.op, op.kernel, op.strides, op.pads)
        return Value(pooled, scaling(read.scale, op.name), op.type.shape)

    def top_k(self, op: src.ArgTopK, value: Value) -> Op:
        """Ranks integers in place of the real numbers they stand for."""
        value = settle(self.made.encoded(value))
        while first_pool(value.chain) is not None:
            value = self.made.pool_root(value)
        if value.is_flat:
            raise op.refusal("ranks a map", "flatten it behind a dense layer")
        return TopK(op.name, _ranked(op, value.root, value.functions), op.k)

    def _layer(self, op: src.Conv | src.Dense, value: Value, weights: Array) -> Value:
        """weights (O, kh, kw, C/groups)."""
        affine = domain_affine(value.functions) if first_pool(value.chain) is None else None
        if affine is not None and _folds(op, affine, value.root.type.elem):
            return self._accumulators(op, settle(value).root, weights, op.scale, affine)
        _, read = self.made.integers(value, op.name)
        step = read.scale.ravel()
        if (step == step[0]).all():
            return self._accumulators(op, read.op, weights, op.scale, (float(step[0]), np.zeros(1)))
        met = _met_scales(op, step)
        if (met == met[:, :1]).all():
            unit = np.asarray(op.scale * met[:, 0], np.float32)
            return self._accumulators(op, read.op, weights, unit, (1.0, np.zeros(1)))
        scaled = (weights * met[:, None, None, :]).astype(np.float32)
        return self._accumulators(op, read.op, scaled, op.scale, (1.0, np.zeros(1)))

    def _accumulators(
        self, op: src.Conv | src.Dense, x: Op, weights: Array, scale: Array, affine: tuple[float, Array]
    ) -> Value:
        """The layer on integers x that stand for (x + shift) * step."""
        step, shift = affine
        whole = integer_weights(weights, scale)
        if whole.note:
            self.made.notes.append(Note(op.name, whole.note))
        geometry = _geometry(op, step, shift)
        unit = np.asarray(whole.scale.astype(np.float64) * step, np.float32)
        conv = Conv2d(op.name, x, whole.codes, smallest_elem(whole.codes), **geometry, scale=unit)
        reach = reachable(conv)
        if not I32.holds(*reach.hull()):
            raise op.refusal(f"sums reach {reach.hull()}, more than 32 bits", "use fewer bits")
        return Value(conv, _rescaling(op, whole, shift, unit), op.type.shape)


def _geometry(op: src.Conv | src.Dense, step: float, shift: Array) -> dict[str, Any]:
    if isinstance(op, src.Dense):
        return {}
    pad = op.pad_value / step - float(shift[0])
    if any(op.pads) and pad != round(pad):
        what = f"padding with {op.pad_value} is no integer multiple of step {step:g}"
        raise op.refusal(what, "pad behind the quantizer, with 0 or another multiple of its scale")
    shape = {"strides": op.strides, "pads": op.pads, "dilations": op.dilations, "groups": op.groups}
    return {**shape, "pad_value": round(pad) if any(op.pads) else 0}


def _folds(op: src.Conv | src.Dense, affine: tuple[float, Array], codes: Elem) -> bool:
    """Whether (q + shift) * step goes through the layer as a constant: no padding, or with a code."""
    step, shift = affine
    if isinstance(op, src.Dense) or not (any(op.pads) or op.groups > 1):
        return True
    pad = op.pad_value / step - shift
    return bool(
        (pad == pad[0]).all() and pad[0] == round(pad[0]) and codes.holds(round(pad[0]), round(pad[0]))
    )


def _met_scales(op: src.Conv | src.Dense, step: Array) -> Array:
    """Activation scales (C,) as each output of the layer meets them: (O, C/groups)."""
    groups = op.groups if isinstance(op, src.Conv) else 1
    return np.repeat(step.reshape(groups, -1), len(op.weights) // groups, axis=0)


def _rescaling(op: src.Conv | src.Dense, weights: IntegerWeights, shift: Array, unit: Array) -> Chain:
    """What makes real numbers of accumulators: + sum of weights * shift, * unit."""
    shifted = (weights.codes.astype(np.float64) * shift).sum(axis=(1, 2, 3)).astype(np.float32)
    add = (src.Add(op.name, Input("", shifted.shape), shifted),) if shifted.any() else ()
    return (*add, *scaling(unit, op.name))


def _dense_kernel(weights: Array, value: Value) -> Array:
    """(O, F) to (O, H, W, C) over a flattened map, (O, 1, 1, F) over a vector."""
    if not value.is_flat:
        return weights.reshape(len(weights), 1, 1, -1)
    height, width, channels = value.map_shape
    if value.order == "hwc":
        return weights.reshape(-1, height, width, channels)
    return weights.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)


def _ranked(op: src.ArgTopK, root: Op, chain: Chain) -> Op:
    """Integers in the order of the chain's float32 results, ties included.

    Those of the root themselves where one chain serves all channels and never gives two of them the same
    result, else the rank among all results.
    """
    reach = reachable(root)
    if reach.n_values * len(reach.lo) > MAX_RANKED_VALUES:
        what = f"ranks {reach.n_values} values in {len(reach.lo)} channels, which is too many"
        raise op.refusal(what, "end the network in front of it")
    x = [np.arange(lo, hi + 1, reach.step) for lo, hi in zip(reach.lo, reach.hi, strict=True)]
    results = [evaluate_pairs(chain, values, np.full(len(values), c)) for c, values in enumerate(x)]
    levels, rank = np.unique(np.concatenate(results), return_inverse=True)
    _refuse_softmax_ties(op, levels)
    if _is_order(np.concatenate(x), rank):
        return root
    return _rank_table(op.name, root, reach, np.split(rank, np.cumsum([len(v) for v in x])[:-1]))


def _refuse_softmax_ties(op: src.ArgTopK, logits: Array) -> None:
    """exp(x - max) is 1 for the largest logit, and in float32 for another one that is hardly smaller too."""
    behind_softmax = isinstance(op.x, src.Softmax | src.LogSoftmax)
    if behind_softmax and len(logits) > 1 and np.diff(logits.astype(np.float64)).min() < SOFTMAX_RESOLUTION:
        raise op.refusal(
            "ranks results of a softmax whose logits may be too close to tell", "rank the logits"
        )


def _is_order(x: Array, rank: Array) -> bool:
    """Whether x and rank sort alike, with the same ties."""
    order = np.lexsort((rank, x))
    x_steps, rank_steps = np.diff(x[order]), np.diff(rank[order])
    return bool(((x_steps > 0) == (rank_steps > 0)).all() and (rank_steps >= 0).all())


def _rank_table(name: str, root: Op, reach: Range, ranks: list[Array]) -> Table:
    table = np.zeros((len(ranks), reach.n_values), np.int32)
    for row, rank in zip(table, ranks, strict=True):
        row[: len(rank)] = rank
        row[len(rank) :] = rank[-1]
    shift = reach.step.bit_length() - 1
    return Table(name, root, reach.lo.astype(np.int32), table, np.ones((), np.float32), shift, I32)
