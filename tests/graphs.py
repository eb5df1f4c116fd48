"""Random integer graphs and inputs for the tests of every executor. The same seed gives the same graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM, I32, I64, Elem, elem
from bnnc.ir.geometry import Pads, Pair
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import NO_CUT, Conv2d, MaxPool2d, Narrow, SumPool2d, Table, Threshold, TopK
from bnnc.ir.op import Array, Op, map_shape
from bnnc.ir.parts import core_input
from bnnc.ir.source_ops import Add, Mul
from bnnc.passes.materialize import narrowed
from bnnc.passes.ranges import reachable

VALUE_ELEMS = tuple(elem(name) for name in ("b1_pm", "b1_01", "ter", "u2", "u3", "i2", "i4", "i8", "u8"))
WEIGHT_ELEMS = tuple(elem(name) for name in ("b1_pm", "b1_01", "ter", "i2", "i3", "i4", "i8"))
HEADS = ("i8", "u8", "u2", "b1_pm")
ONE = np.array(1, np.float32)
MAX_NARROWED = 2**10  # times 8-bit weights of 16 taps of 130 channels, that is less than 2^31


@dataclass(frozen=True)
class Allowed:
    """What a random graph may contain; an executor's tests narrow it to what the executor supports.

    The last five are for `tests.dags.random_dag` alone, whose graphs are no chains: `streams` are the types
    of values of more bits, `value_path` allows rescales, `branches` additions, concatenations and gathers,
    `packed_groups` groups of whole words, `sparse` sparse layers.
    """

    heads: tuple[str, ...] = HEADS
    values: tuple[Elem, ...] = VALUE_ELEMS
    weights: tuple[Elem, ...] = WEIGHT_ELEMS
    pad_values: tuple[int, ...] = (0, 0, -1, 1)
    max_kernel: int = 4
    max_channels: int = 70
    dilations: bool = True
    groups: bool = True
    tables: bool = True
    pools: bool = True
    streams: tuple[Elem, ...] = ()
    value_path: bool = False
    branches: bool = False
    packed_groups: bool = False
    sparse: bool = False


def random_graph(seed: int, layers: int = 3, allowed: Allowed = Allowed()) -> Graph:
    """An integer-level graph: head, `layers` convolutions with steps and pools between them, tail.

    The sizes are small: a sample of it takes any executor well under a millisecond.
    """
    rng = np.random.default_rng(seed)
    x = _flat_head(rng, allowed) if rng.random() < 0.25 else _map_head(rng, allowed)
    for i in range(layers):
        x = random_conv(rng, x, f"conv {i}", allowed)
        if allowed.pools and rng.random() < 0.2:
            x = random_sum_pool(rng, x, f"sum {i}")
        x = random_step(rng, x, f"step {i}", allowed)
        if allowed.pools and rng.random() < 0.5:
            x = random_pool(rng, x, f"pool {i}", allowed)
    return Graph(f"random {seed}", Level.INTEGER, random_tail(rng, x, allowed))


def random_codes(graph: Graph, n: int, seed: int) -> Array:
    """Codes (n, *core_input.type.shape) that the encoder may give; the first two hold only its extremes."""
    encoder, rng = core_input(graph), np.random.default_rng(seed)
    n_codes = encoder.cuts.shape[1] + 1
    codes = rng.integers(0, n_codes, (n, *encoder.type.shape))
    codes[:1], codes[1:2] = 0, n_codes - 1
    step = 2 if encoder.elem == B1_PM else 1
    return (encoder.first + step * codes).astype(encoder.elem.dtype)


def random_inputs(graph: Graph, n: int, seed: int) -> Array:
    """float32 (n, *input shape): values of the declared domain, or else numbers on and around the cuts."""
    encoder, rng = core_input(graph), np.random.default_rng(seed)
    shape = (n, *encoder.type.shape)
    table = encoder.values if encoder.values.size else encoder.cuts
    channel = np.arange(shape[1]).reshape(1, -1, *[1] * (len(shape) - 2)) % len(table)
    x = table[channel, rng.integers(0, table.shape[1], shape)].astype(np.float32)
    if encoder.values.size:
        return x
    return np.select(
        [rng.random(shape) < 0.3, rng.random(shape) < 0.5], [x, np.nextafter(x, -np.inf)], x * 1.25
    )


def random_elem(rng: np.random.Generator, elems: tuple[Elem, ...]) -> Elem:
    return elems[rng.integers(len(elems))]


def random_values(rng: np.random.Generator, kind: Elem, shape: tuple[int, ...]) -> Array:
    """Integers of `kind`, its extremes among them."""
    if kind == B1_PM:
        return (2 * rng.integers(0, 2, shape) - 1).astype(kind.dtype)
    values = rng.integers(kind.lo, kind.hi + 1, shape)
    extreme = np.where(rng.random(shape) < 0.5, kind.lo, kind.hi)
    return np.where(rng.random(shape) < 0.1, extreme, values).astype(kind.dtype)


def random_conv(rng: np.random.Generator, x: Op, name: str, allowed: Allowed = Allowed()) -> Conv2d:
    """A convolution over x whose kernel fits."""
    height, width, channels = map_shape(x)
    kernel = _window(rng, (height, width), allowed.max_kernel)
    spread = allowed.dilations and height > 2 * kernel[0] and width > 2 * kernel[1] and rng.random() < 0.3
    groups = _groups(rng, channels) if allowed.groups else 1
    n_out = _channels(rng, allowed.max_channels, groups)
    kind = random_elem(rng, allowed.weights)
    weights = random_values(rng, kind, (n_out, *kernel, channels // groups))
    strides = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    pads = _pads(rng, kernel)
    pad_value = int(rng.choice(allowed.pad_values))
    return Conv2d(name, x, weights, kind, strides, pads, (2, 2) if spread else (1, 1), groups, pad_value)


def random_dense(
    rng: np.random.Generator, x: Op, name: str, n_out: int, allowed: Allowed = Allowed()
) -> Conv2d:
    """A convolution whose kernel covers the whole map."""
    kind = random_elem(rng, allowed.weights)
    return Conv2d(name, x, random_values(rng, kind, (n_out, *map_shape(x))), kind)


def random_step(rng: np.random.Generator, x: Op, name: str, allowed: Allowed = Allowed()) -> Op:
    """What the next layer reads: accumulators themselves where they are small, or a function of them."""
    narrow = narrowed(x)
    low, high = reachable(x).hull()
    if rng.random() < 0.5 and isinstance(narrow, Narrow) and low >= -MAX_NARROWED and high < MAX_NARROWED:
        return replace(narrow, name=name)
    return random_activation(rng, x, name, allowed)


def random_activation(rng: np.random.Generator, x: Op, name: str, allowed: Allowed = Allowed()) -> Op:
    """A step function or a table on accumulators, with channels that are constant, falling or an interval."""
    kind = random_elem(rng, allowed.values)
    if allowed.tables and kind.bits >= 4 and rng.random() < 0.5:
        return table_around(rng, x, name, kind, *accumulators(x))
    return random_threshold(rng, x, name, kind)


def accumulators(x: Op) -> tuple[Array, int]:
    """Mean (C,) and about the standard deviation of what a step function gets to see on random codes."""
    match x:
        case Conv2d():
            middle, deviation = _spread(x.x)
            wide = x.weights.astype(np.int64)
            norm = np.sqrt((wide**2).sum() / len(wide))
            return middle * wide.sum(axis=(1, 2, 3)), max(1, int(deviation * norm))
        case SumPool2d():
            taps = x.kernel[0] * x.kernel[1]
            centre, width = accumulators(x.x)
            return centre * taps, max(1, int(width * np.sqrt(taps)))
        case _:
            middle, deviation = _spread(x)
            return np.full(x.type.shape[-1], middle), max(1, int(deviation))


def _spread(x: Op) -> tuple[float, float]:
    """Mean and about the standard deviation of values between two layers."""
    lo, hi = reachable(x).hull() if isinstance(x, Narrow) else (x.type.elem.lo, x.type.elem.hi)
    return (lo + hi) / 2, (hi - lo) / (12 if isinstance(x, Narrow) else 3)


def random_threshold(rng: np.random.Generator, x: Op, name: str, kind: Elem) -> Threshold:
    """A step function of every kind of channel."""
    return threshold_around(rng, x, name, kind, *accumulators(x))


def threshold_around(
    rng: np.random.Generator, x: Op, name: str, kind: Elem, centre: Array, spread: int
) -> Threshold:
    """A step function with its cuts about `spread` around centre (C,)."""
    channels, levels = x.type.shape[-1], _levels(rng, kind)
    cuts = np.sort(rng.normal(centre[:, None], spread, (channels, len(levels) - 1)), axis=1).astype(np.int32)
    rows = np.tile(levels, (channels, 1))
    for channel in range(channels):
        _adversarial(rng, cuts[channel], rows[channel])
    jumps = np.diff(rows, axis=1).astype(np.int32)
    jumps[cuts == NO_CUT] = 0
    scale = rng.uniform(0.1, 2, channels).astype(np.float32)
    return Threshold(name, x, rows[:, 0].astype(np.int32), cuts, jumps, scale, kind)


def _adversarial(rng: np.random.Generator, cuts: Array, levels: Array) -> None:
    """Turn some channels into a falling, constant, shuffled, short or never moving one, in place."""
    match rng.integers(20):
        case 0:
            levels[:] = levels[::-1].copy()
        case 1:
            levels[:], cuts[:] = levels[rng.integers(len(levels))], NO_CUT
        case 2:
            rng.shuffle(levels)
        case 3:
            cuts[-1:] = NO_CUT
        case 4:
            cuts[:] = rng.choice([-(2**31), 2**31 - 2, 0])
        case 5:
            cuts[:] = np.sort(rng.integers(-2, 3, len(cuts)))


def _levels(rng: np.random.Generator, kind: Elem) -> Array:
    """Ascending levels of a step function; for b1_pm sometimes a spare one, for intervals."""
    if kind == B1_PM:
        return np.array([-1, 1, 1] if rng.random() < 0.3 else [-1, 1])
    return np.arange(kind.lo, min(kind.hi, kind.lo + 40) + 1)


def table_around(rng: np.random.Generator, x: Op, name: str, kind: Elem, centre: Array, spread: int) -> Table:
    """A table a channel that begins within `spread` of centre (C,)."""
    channels, width, shift = x.type.shape[-1], int(rng.integers(1, 65)), int(rng.integers(0, 4))
    first = (centre - rng.integers(-spread, 2 * spread + 1, channels)).astype(np.int32)
    return Table(name, x, first, random_values(rng, kind, (channels, width)), ONE, shift, kind)


def random_pool(rng: np.random.Generator, x: Op, name: str, allowed: Allowed = Allowed()) -> Op:
    """A maximum, or a sum with what makes values of it."""
    if rng.random() < 0.7:
        return MaxPool2d(name, x, *random_pool_window(rng, x))
    return random_step(rng, random_sum_pool(rng, x, name), f"{name} step", allowed)


def random_sum_pool(rng: np.random.Generator, x: Op, name: str) -> Op:
    """A sum of values or of accumulators; these themselves where a sum may leave 32 bits."""
    pool = SumPool2d(name, x, *random_pool_window(rng, x))
    return pool if I32.holds(*reachable(pool).hull()) else x


def random_pool_window(rng: np.random.Generator, x: Op) -> tuple[Pair, Pair, Pads]:
    """Kernel, strides and pads."""
    kernel = _window(rng, map_shape(x)[:2], 3)
    strides = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    top, left, bottom, right = (min(p, kernel[i % 2] - 1) for i, p in enumerate(_pads(rng, kernel)))
    return kernel, strides, (top, left, bottom, right)


def _window(rng: np.random.Generator, size: Pair, largest: int) -> Pair:
    height, width = (int(rng.integers(1, min(n, largest) + 1)) for n in size)
    return height, width


def _pads(rng: np.random.Generator, kernel: Pair) -> Pads:
    """None, the same on all sides, or a different one on each, never a whole kernel."""
    if rng.random() < 0.4:
        return (0, 0, 0, 0)
    if rng.random() < 0.5:
        return (kernel[0] // 2, kernel[1] // 2, kernel[0] // 2, kernel[1] // 2)
    top, left, bottom, right = (int(rng.integers(0, kernel[i % 2])) for i in range(4))
    return top, left, bottom, right


def _channels(rng: np.random.Generator, largest: int, groups: int) -> int:
    """A multiple of `groups`: one, a few, or beside a multiple of a word's 32 lanes."""
    wanted = int(rng.choice([1, 5, 31, 32, 33, 64, 65, 96, int(rng.integers(2, 130))]))
    return groups * max(1, min(wanted, largest) // groups)


def _groups(rng: np.random.Generator, channels: int) -> int:
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    return int(rng.choice(divisors)) if rng.random() < 0.2 else 1


def _map_head(rng: np.random.Generator, allowed: Allowed) -> Op:
    size = int(rng.integers(3, 10))
    shape = (int(rng.integers(1, 6)), size, size + int(rng.integers(0, 3)))
    return ChannelsLast(
        "layout", encoder(rng, Input("x", shape), allowed.heads[rng.integers(len(allowed.heads))])
    )


def _flat_head(rng: np.random.Generator, allowed: Allowed) -> Op:
    features = int(rng.choice([1, 31, 32, 33, 64, 65, 100]))
    codes = encoder(rng, Input("x", (features,)), allowed.heads[rng.integers(len(allowed.heads))])
    return Reshape("flat", codes, (1, 1, features))


def encoder(rng: np.random.Generator, x: Input, kind_name: str) -> EncodeInput:
    """b1_pm: a cut a channel on any float; else the integers of the type, as x = code * scale + offset."""
    kind, none = elem(kind_name), np.zeros((0, 0), np.float32)
    if kind == B1_PM:
        cuts = rng.normal(0, 1, (x.shape[0], 1)).astype(np.float32)
        return EncodeInput("codes", x, cuts, none, none, ONE, -1, kind)
    scale, offset = np.array(rng.uniform(0.01, 1), np.float32), np.float32(rng.uniform(-1, 1))
    values = (np.arange(kind.lo, kind.hi + 1, dtype=np.float32) * scale + offset)[None]
    return EncodeInput("codes", x, values[:, 1:], values, none, scale, kind.lo, kind)


def random_tail(rng: np.random.Generator, x: Op, allowed: Allowed) -> Op:
    """Dense layer and vector, the indices of its largest elements, or a map of real numbers."""
    if rng.random() < 0.2:
        y: Op = ToFloat("float", ChannelsFirst("layout", random_conv(rng, x, "last conv", allowed)))
        return _affine(rng, y)
    n_out = int(rng.integers(1, 13))
    dense: Op = random_dense(rng, x, "dense", n_out, allowed)
    if rng.random() < 0.3:
        k = int(rng.integers(1, n_out + 1))
        return Cast("index", Reshape("vector", TopK("top", dense, k), (k,)), I64)
    return _affine(rng, ToFloat("float", Reshape("vector", dense, (n_out,))))


def _affine(rng: np.random.Generator, y: Op) -> Op:
    channels = y.type.shape[0]
    scaled = Mul("scale", y, rng.uniform(-1, 1, channels).astype(np.float32))
    return Add("bias", scaled, np.asarray(rng.normal(), np.float32))
