"""Cases for single operations: a graph of one operation on a random map, and both ways to evaluate it."""

from __future__ import annotations

import numpy as np

from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack
from bnnc.sim import simulator, slow
from bnnc.sim.bits import pack

NONE = np.zeros((0, 0), np.float32)
ONE = np.array(1, np.float32)


def integers(kind: Elem, shape: tuple[int, ...]) -> EncodeInput:
    """An operation whose values are integers of `kind`."""
    n_cuts = 1 if kind == B1_PM else min(kind.hi - kind.lo, 3)
    cuts = np.arange(n_cuts, dtype=np.float32)[None]
    return EncodeInput("x", Input("input", shape), cuts, NONE, NONE, ONE, kind.lo, kind)


def packed(kind: Elem, shape: tuple[int, ...]) -> Pack:
    """An operation whose values are bit planes of `kind`."""
    return Pack("x", integers(kind, shape))


def assert_as_slow(op: Op, *operands: Array) -> Array:
    """The simulator's answer on integers (n, H, W, C), which has to be the slow definition's."""
    stored = [
        pack(x, source.type.elem) if isinstance(source, Pack) else x
        for source, x in zip(op.operands, operands, strict=True)
    ]
    actual = simulator.evaluate(op, *stored)
    expected = np.stack([slow.evaluate(op, *samples) for samples in zip(*stored, strict=True)])
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    return actual
