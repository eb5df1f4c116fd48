"""The self-test of a program: codes that a formula makes, and digests of what the simulator answers to them.

So a program holds eight bytes a sample. templates/arm/self_test.c.j2 computes the same.
"""

from __future__ import annotations

from math import prod

import numpy as np

from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parts import core_input
from bnnc.sim.simulator import run

SAMPLES = 2


def digests(graph: Graph) -> tuple[int, ...]:
    """Of the raw integers of every sample."""
    return tuple(map(digest, run(graph, sample_codes(graph, SAMPLES))))


def sample_codes(graph: Graph, count: int) -> Array:
    """Legal codes (count, *device input), about as often each."""
    source = core_input(graph)
    shape = (count, *source.type.shape)
    steps = _mixed(np.arange(prod(shape))) * np.uint64(n_codes(graph)) >> np.uint64(32)
    return (source.first + source.unit * steps.astype(np.int64)).astype(source.elem.dtype).reshape(shape)


def n_codes(graph: Graph) -> int:
    """How many codes there are."""
    source = core_input(graph)
    return (source.last - source.first) // source.unit + 1


def digest(raw: Array) -> int:
    """The sum of all integers modulo 2^64, each times an odd number of its own: no single one can change
    without changing the sum.
    """
    place = np.arange(raw.size, dtype=np.uint64)
    weights = _mixed(2 * place) << np.uint64(32) | _mixed(2 * place + 1) | np.uint64(1)
    return int((raw.reshape(-1).astype(np.int64).astype(np.uint64) * weights).sum(dtype=np.uint64))


def _mixed(numbers: Array) -> Array:
    """32 bits that look random, in uint64: the finalizer of MurmurHash3."""
    x = numbers.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ x >> np.uint32(shift)) * np.uint32(factor)
    return (x ^ x >> np.uint32(16)).astype(np.uint64)
