"""Short names for building source graphs in tests."""

from __future__ import annotations

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array, Op
from bnnc.passes.domain import parse_domain
from bnnc.passes.pipeline import LowerOptions, lower
from bnnc.sim.edge import decode, encode
from bnnc.sim.simulator import run

ONE = np.ones((), np.float32)
ZERO = np.zeros((), np.float32)


def f32(*numbers: float) -> Array:
    """() for one number, (n,) for more."""
    return np.array(numbers[0] if len(numbers) == 1 else numbers, np.float32)


def bipolar(x: Op, name: str = "sign", scale: float = 1.0) -> Op:
    return src.BipolarQuant(name, x, f32(scale))


def quant(x: Op, bits: int, scale: float, signed: bool, name: str = "quant") -> Op:
    return src.Quant(name, x, f32(scale), ZERO, bits, signed, signed, "ROUND")


def signs(rng: np.random.Generator, *shape: int) -> Array:
    return rng.choice(np.array([-1, 1], np.int8), shape)


def binary_input(shape: tuple[int, ...]) -> Op:
    return bipolar(Input("x", shape), "input sign")


def dense(x: Op, weights: Array, name: str = "dense", scale: Array = ONE) -> Op:
    return src.Dense(name, x, weights, scale)


def flatten(x: Op) -> Op:
    return Reshape("flatten", x, (int(np.prod(x.type.shape)),))


def hostile_batch_norm(rng: np.random.Generator, x: Op, name: str = "bn") -> Op:
    """Scales that are negative, zero and tiny beside ordinary ones; means on and beside whole numbers."""
    channels = x.type.shape[0]
    gamma = rng.normal(size=channels).astype(np.float32)
    gamma[rng.random(channels) < 0.15] = 0
    gamma[rng.random(channels) < 0.1] *= np.float32(1e-30)
    mean = rng.integers(-4, 5, channels).astype(np.float32)
    mean = np.where(rng.random(channels) < 0.3, np.nextafter(mean, np.float32(9)), mean)
    beta = np.where(rng.random(channels) < 0.5, 0, rng.normal(size=channels)).astype(np.float32)
    var = rng.uniform(0.1, 9, channels).astype(np.float32)
    return src.BatchNorm(name, x, gamma, beta, mean, var, 1e-5)


def graph(result: Op) -> Graph:
    return Graph("test", Level.SOURCE, result)


def lowered(result: Op, domain: str = "") -> Graph:
    return lower(graph(result), LowerOptions(parse_domain(domain) if domain else None))


def answer(packed: Graph, x: Array) -> Array:
    """What the simulator answers for one sample."""
    y: Array = decode(packed, run(packed, encode(packed, x[None])))[0]
    return y
