"""Random integer graphs of all operations, with branches that part and join. The same seed, the same graph.

While a graph is built, the simulator evaluates it on a few samples, so that steps and rescales lie where its
values are and the graph stays lively to its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from tests.graphs import (
    VALUE_ELEMS,
    Allowed,
    encoder,
    random_codes,
    random_conv,
    random_elem,
    random_pool_window,
    random_tail,
    random_values,
    table_around,
    threshold_around,
)
from tests.value_cases import only_clipping, pruned_dense, random_rescale, random_sparse

from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_01, B1_PM, I16, I32, TER, Elem, elem, range_elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, SumPool2d
from bnnc.ir.op import Array, Op, map_shape
from bnnc.ir.types import WORD_BITS
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels
from bnnc.passes.ranges import reachable
from bnnc.sim import simulator

STREAMS = (I16, *(elem(name) for name in ("i12", "u11", "i7", "u5", "u16")))
CHANNELS = (1, 2, 3, 7, 16, 31, 32, 33, 63, 64, 65, 96, 127, 129)
EVERYTHING = Allowed(
    max_channels=129, streams=STREAMS, value_path=True, branches=True, packed_groups=True, sparse=True
)
SAMPLES = 4
T = TypeVar("T", bound=Op)


def random_dag(seed: int, blocks: int = 3, allowed: Allowed = EVERYTHING) -> Graph:
    """An integer-level graph: head, `blocks` layers, residual blocks, concatenations and splits, tail."""
    builder = _Builder(np.random.default_rng(seed), allowed)
    x = builder.head(seed)
    for _ in range(blocks):
        x = builder.block(x)
    return Graph(f"dag {seed}", Level.INTEGER, builder.tail(x))


@dataclass
class _Builder:
    """Makes operations and knows the values (SAMPLES, H, W, C) of each."""

    rng: np.random.Generator
    allowed: Allowed
    values: dict[Op, Array] = field(default_factory=dict)

    def add(self, op: T) -> T:
        """The operation, evaluated."""
        self.values[op] = simulator.evaluate(op, *(self.values[operand] for operand in op.operands))
        return op

    def name(self, what: str) -> str:
        return f"{what} {len(self.values)}"

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def around(self, x: Op) -> tuple[Array, int]:
        """Mean (C,) and standard deviation of the values of x."""
        seen = self.values[x].astype(np.float64)
        return seen.mean(axis=(0, 1, 2)), max(1, int(seen.std()))

    def head(self, seed: int) -> Op:
        kind = self.allowed.heads[self.rng.integers(len(self.allowed.heads))]
        shape = self._shape()
        codes = encoder(self.rng, Input("x", shape), kind)
        self.values[codes] = random_codes(Graph("head", Level.INTEGER, codes), SAMPLES, seed)
        if len(shape) == 1:
            return self.add(Reshape("flat", codes, (1, 1, *shape)))
        return self.add(ChannelsLast("layout", codes))

    def _shape(self) -> tuple[int, ...]:
        if self.chance(0.15):
            return (int(self.rng.choice([1, 31, 33, 64, 100])),)
        height = int(self.rng.integers(2, 9))
        return int(self.rng.integers(1, 6)), height, height + int(self.rng.integers(0, 3))

    def block(self, x: Op) -> Op:
        """One step on the way: mostly a layer or two branches."""
        ways = [self.layer, self.layer]
        if self.allowed.branches:
            ways += [self.residual, self.residual, self.joined, self.split]
        if self.allowed.value_path:
            ways += [self.average]
        if self.allowed.packed_groups:
            ways += [self.grouped]
        if self.allowed.sparse:
            ways += [self.sparse]
        return ways[self.rng.integers(len(ways))](x)

    def layer(self, x: Op) -> Op:
        """A convolution of any window, then what the next one reads, then perhaps a pool."""
        x = self.value(self.fitting_conv(self.value(x)))
        return self.pool(x) if self.allowed.pools and self.chance(0.4) else x

    def fitting_conv(self, x: Op) -> Conv2d:
        """A random convolution whose sums fit 32 bits: over wide values with fewer bits if need be."""
        conv = random_conv(self.rng, x, self.name("conv"), self.allowed)
        if not I32.holds(*reachable(conv).hull()):
            conv = conv.with_operands(self.step(x, random_elem(self.rng, self.allowed.values)))
        return self.add(conv)

    def same_conv(self, x: Op, stride: int, n_out: int, groups: int = 1) -> Op:
        """A convolution of 3x3 or 1x1 taps that keeps ceil(size / stride)."""
        taps = int(self.rng.choice([1, 3]))
        dilation = 2 if self.allowed.dilations and self.chance(0.2) else 1
        around = dilation * (taps // 2)
        is_binary = x.type.elem == B1_PM in self.allowed.weights and self.chance(0.6)
        kind = B1_PM if is_binary else random_elem(self.rng, self.allowed.weights)
        weights = random_values(self.rng, kind, (n_out, taps, taps, x.type.shape[2] // groups))
        pad_value = int(self.rng.choice(self.allowed.pad_values)) if around else 0
        window = ((stride, stride), (around,) * 4, (dilation, dilation))
        conv = Conv2d(self.name("conv"), x, weights, kind, *window, groups, pad_value)
        if not I32.holds(*reachable(conv).hull()):
            conv = conv.with_operands(self.step(x, random_elem(self.rng, self.allowed.values)))
        return self.add(conv)

    def value(self, x: Op) -> Op:
        """x itself where a layer can read it, or a function of it."""
        if x.type.elem.bits <= 16 and self.chance(0.5):
            return x
        if B1_PM in self.allowed.values and self.chance(0.2):
            return self.step(x, B1_PM)
        fitting = range_elem(*reachable(x).hull())
        if x.type.elem.bits > fitting.bits and fitting.bits <= 11 and self.chance(0.3):
            return self.add(Narrow(self.name("narrow"), x, fitting))
        return self.step(x, random_elem(self.rng, self.allowed.values + self.allowed.streams))

    def step(self, x: Op, kind: Elem) -> Op:
        """A threshold, a table or a rescale to `kind`; rarely one that makes everything the same."""
        for _ in range(3):
            y = self.any_step(x, kind)
            if np.ptp(self.values[y]):
                break
        return y

    def any_step(self, x: Op, kind: Elem) -> Op:
        """A threshold, a table or a rescale to `kind`."""
        around, name = self.around(x), self.name("step")
        if self.allowed.value_path and kind != B1_PM and (kind.bits > 8 or self.chance(0.5)):
            return self.add(random_rescale(self.rng, x, name, kind, *around))
        if self.allowed.tables and kind.bits >= 4 and self.chance(0.5):
            return self.add(table_around(self.rng, x, name, kind, *around))
        return self.add(threshold_around(self.rng, x, name, kind, *around))

    def pool(self, x: Op) -> Op:
        """A maximum, or a sum where it cannot leave 32 bits."""
        window = random_pool_window(self.rng, x)
        total = SumPool2d(self.name("sum"), x, *window)
        if self.chance(0.3) and I32.holds(*reachable(total).hull()):
            return self.add(total)
        return self.add(MaxPool2d(self.name("pool"), x, *window))

    def average(self, x: Op) -> Op:
        """The mean of a window or of the whole map: a sum and a rescale."""
        x = self.step(x, random_elem(self.rng, self.allowed.values + self.allowed.streams))
        window = (map_shape(x)[:2],) if self.chance(0.3) else random_pool_window(self.rng, x)
        total = self.add(SumPool2d(self.name("sum"), x, *window))
        return self.step(total, random_elem(self.rng, self.allowed.streams or VALUE_ELEMS))

    def path(self, x: Op, stride: int) -> Op:
        """One or two layers that keep ceil(size / stride)."""
        if stride == 2 and self.allowed.pools and self.chance(0.3):
            kind, pads = self.rng.choice([3, 1]), (1, 1, 1, 1)
            return self.add(
                MaxPool2d(self.name("pool"), x, *(((3, 3), (2, 2), pads) if kind == 3 else ((1, 1), (2, 2))))
            )
        n_out = x.type.shape[2] if self.chance(0.7) else self.channels()
        y = self.same_conv(self.value(x), stride, n_out)
        if self.chance(0.4):
            y = self.same_conv(self.value(y), 1, n_out)
        return y

    def channels(self) -> int:
        return min(int(self.rng.choice(CHANNELS)), self.allowed.max_channels)

    def residual(self, x: Op) -> Op:
        """A branch that comes back, beside nothing or beside a shortcut."""
        stride = int(self.rng.choice([1, 1, 2]))
        branch = self.path(x, stride)
        shortcut = x if stride == 1 and self.chance(0.7) else self.path(x, stride)
        return self.sum(shortcut, branch)

    def sum(self, a: Op, b: Op) -> Op:
        """a + b on a common grid, then perhaps a clip."""
        a, b = self.summand(a), self.summand(self.with_channels(b, a.type.shape[2]))
        wide = self.add(
            AddMaps(self.name("add"), *((a, b) if self.chance(0.5) else (b, a)), self.sum_elem(a, b))
        )
        if self.allowed.value_path and self.chance(0.4):
            return self.add(only_clipping(self.rng, wide, self.name("clip"), I16.lo, I16.hi, I16))
        return wide

    def summand(self, x: Op) -> Op:
        """x rescaled, or as it is if it is far from the ends of 32 bits."""
        low, high = reachable(x).hull()
        if self.chance(0.4) and max(-low, high) < 2**29:
            return x
        kinds = self.allowed.streams if self.allowed.value_path else self.allowed.values
        return self.step(x, random_elem(self.rng, kinds or self.allowed.values))

    def sum_elem(self, a: Op, b: Op) -> Elem:
        """The narrowest type of the sum, or a common one."""
        (low, high), (lower, higher) = reachable(a).hull(), reachable(b).hull()
        fitting = range_elem(low + lower, high + higher)
        wider = [kind for kind in (I16, I32) if kind.holds(fitting.lo, fitting.hi)]
        return fitting if self.chance(0.4) else wider[0]

    def with_channels(self, x: Op, channels: int) -> Op:
        """x, or as many channels of it, some of them twice or not at all."""
        if x.type.shape[2] == channels:
            return x
        return self.gather(x, self.rng.integers(0, x.type.shape[2], channels))

    def gather(self, x: Op, index: Array) -> Op:
        return self.add(GatherChannels(self.name("gather"), x, index.astype(np.int32)))

    def joined(self, x: Op) -> Op:
        """Two branches side by side, perhaps shuffled."""
        a, b = self.path(x, 1), x if self.chance(0.5) else self.path(x, 1)
        return self.concat(a, b)

    def concat(self, a: Op, b: Op) -> Op:
        if a.type.elem != b.type.elem:
            kind = random_elem(self.rng, self.allowed.values)
            a, b = self.step(a, kind), self.step(b, kind)
        y = self.add(ConcatChannels(self.name("concat"), *((a, b) if self.chance(0.5) else (b, a))))
        channels = y.type.shape[2]
        if channels > self.allowed.max_channels:
            return self.gather(y, self.rng.permutation(channels)[: self.allowed.max_channels])
        return self.gather(y, self.rng.permutation(channels)) if self.chance(0.5) else y

    def split(self, x: Op) -> Op:
        """Two parts of the channels, one of them changed, joined again."""
        channels = x.type.shape[2]
        cut = int(self.rng.integers(0, channels))
        left, right = self.gather(x, np.arange(cut + 1)), self.gather(x, np.arange(cut, channels))
        return self.concat(left, self.path(right, 1))

    def grouped(self, x: Op) -> Op:
        """Groups that fill whole words, so that they may be packed."""
        groups = int(self.rng.choice([2, 3, 4])) if self.allowed.max_channels >= 4 * WORD_BITS else 2
        depth = groups * WORD_BITS * (2 if groups == 2 and self.allowed.max_channels >= 4 * WORD_BITS else 1)
        kinds = (
            tuple(kind for kind in self.allowed.values if kind in (B1_PM, B1_01, TER)) or self.allowed.values
        )
        wide = self.step(self.with_channels(x, depth), random_elem(self.rng, kinds))
        return self.same_conv(
            wide, int(self.rng.choice([1, 2])), groups * int(self.rng.choice([1, 5, 16, 33])), groups
        )

    def sparse(self, x: Op) -> Op:
        """A sparse layer over the whole map."""
        x = self.value(x) if x.type.elem.bits > 16 else x
        low, high = reachable(x).hull()
        n_out = int(self.rng.choice([1, 3, 20, 33]))
        if self.chance(0.3):
            return self.add(pruned_dense(self.rng, x, self.name("pruned"), n_out, max(-low, high)))
        return self.add(random_sparse(self.rng, x, self.name("sparse"), n_out, max(-low, high)))

    def tail(self, x: Op) -> Op:
        """The end of a chain, or the last map itself."""
        if self.chance(0.25) and x.type.elem != B1_PM:
            return ToFloat("float", ChannelsFirst("layout", x))
        if x.type.elem.bits > 8:
            x = self.step(x, random_elem(self.rng, self.allowed.values))
        if self.allowed.sparse and self.chance(0.3):
            y = self.sparse(x)
            return ToFloat("float", Reshape("vector", y, y.type.shape[2:]))
        return random_tail(self.rng, x, self.allowed)
