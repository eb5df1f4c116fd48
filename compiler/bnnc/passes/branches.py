"""Where branches meet and part: adds, concatenations and choices of channels on integers of one unit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.elem import I32, Elem
from bnnc.ir.op import Array, Op
from bnnc.ir.source_ops import Elementwise
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.passes.chain import Chain, DomainValue
from bnnc.passes.grid import last_discretizer
from bnnc.passes.materialize import Materializer, first_pool, plain_scale, scaling
from bnnc.passes.quantizer import Quantized
from bnnc.passes.ranges import reachable
from bnnc.passes.rescale import stored_elem
from bnnc.passes.value import Value, last_discrete, map_constants, settle

REAL_BITS = 14  # of a real branch that meets integers: at least so many between 0 and its largest number
MAX_FACTOR = 2**16  # between units: multipliers of a `Rescale` have 17 bits and a sign
GRID_BITS = 24  # of what is brought to another branch's unit: float32 holds so many


@dataclass(frozen=True)
class Branches:
    """Makes integer operations of two values; `made` remembers the integers of each and notes roundings."""

    made: Materializer

    def add(self, op: src.AddTensors, a: Value, b: Value) -> Value:
        """The sum of both in one unit, exact where both are multiples of one that is not too fine."""
        a, b = self.settled(a, op.name), self.settled(b, op.name)
        _same_layout(op, a, b)
        x, y = self._in_one_unit(op, a, b)
        total = AddMaps(op.name, x.op, y.op, I32)
        low, high = (int(end) for end in np.add(reachable(x.op).hull(), reachable(y.op).hull()))
        if not I32.holds(low, high):
            raise op.refusal(f"sums reach {low}..{high}, more than 32 bits", "quantize the branches")
        total = replace(total, elem=stored_elem(low, high), scale=x.scale)
        return replace(a, root=total, chain=scaling(x.scale, op.name))

    def concat(self, op: src.Concat, a: Value, b: Value) -> Value:
        """The channels of both: roots of one kind keep their chains, others become integers."""
        a, b = self.settled(a, op.name), self.settled(b, op.name)
        if a.is_flat or b.is_flat:
            raise op.refusal("joins flattened maps", "join them in front of the flattening")
        chain = _joined(op.name, a, b)
        if chain is None:
            x, y = self._exact(a, op.name), self._exact(b, op.name)
            if not x or not y:
                x, y = self._in_one_unit(op, a, b)
            x, y = _aligned(op.name, x, y) or (x, y)
            a, b = replace(a, root=x.op), replace(b, root=y.op)
            chain = scaling(_rows_of(x, y), op.name)
        left, right = _same_elem(op.name, a.root, b.root)
        return Value(ConcatChannels(op.name, left, right), chain, op.type.shape, order=a.order)

    def gather(self, op: src.Gather, value: Value) -> Value:
        """Some channels, or the same in another order."""
        value = settle(self.made.encoded(value))
        if value.is_flat or value.order != "chw":
            raise op.refusal("chooses among the elements of a flattened or channels-last map")
        value = self.made.upto(value, last_discrete(value.chain), op.name)
        chain = map_constants(value.chain, lambda constant: constant[op.index])
        root = GatherChannels(op.name, value.root, op.index.astype(np.int32))
        return replace(value, root=root, chain=chain, shape=op.type.shape)

    def settled(self, value: Value, name: str) -> Value:
        """Without waiting pools: they are done on the integers in front of them."""
        value = settle(self.made.encoded(value))
        while (pool := first_pool(value.chain)) is not None:
            value = self.made.upto(value, last_discrete(value.chain[:pool]), name)
            value = self.made.pool_root(value)
        return value

    def _in_one_unit(self, op: Op, a: Value, b: Value) -> tuple[Quantized, Quantized]:
        """Integers of both in a unit that both are multiples of; else rounded, and noted, to a fine one."""
        x, y = self._exact(a, op.name), self._exact(b, op.name)
        if x and y and (aligned := _aligned(op.name, x, y)) is not None:
            return aligned
        known = min((float(side.scale.min()) for side in (x, y) if side), default=None)
        unit = min(_fine_unit(self._largest(*side, op.name), known) for side in ((a, x), (b, y)))
        return self._on_unit(a, x, unit, op.name), self._on_unit(b, y, unit, op.name)

    def _exact(self, value: Value, name: str) -> Quantized | None:
        """The integers of a value that is on a grid, negative multiples included; None for real numbers."""
        if last_discretizer(value.functions) >= 0:
            settled = self.made.upto(value, last_discrete(value.chain), name)
            return _multiples(settled) or self._raised(settled) or self.made.integers(value, name)[1]
        return _multiples(value) or self._raised(value)

    def _raised(self, value: Value) -> Quantized | None:
        """The integers of a chain of scalings and ReLUs."""
        scalings = tuple(op for op in value.functions if not isinstance(op, src.Relu))
        scale = plain_scale(scalings)
        return None if scale is None or scale.ndim else self.made.on_its_grid(value, np.float32(scale))

    def _largest(self, value: Value, side: Quantized | None, name: str) -> float:
        """The largest absolute number of a value."""
        if side is None:
            return max(map(abs, self.made.span(value, name)))
        reach = reachable(side.op)
        return float((np.maximum(abs(reach.lo), abs(reach.hi)) * side.scale).max())

    def _on_unit(self, value: Value, side: Quantized | None, unit: float, name: str) -> Quantized:
        if side is not None:
            ratio = side.scale.astype(np.float64) / unit
            if _is_whole(ratio) and ratio.max() < MAX_FACTOR:
                return Quantized(_times(name, side.op, ratio), np.asarray(unit, np.float32))
            value = replace(value, root=side.op, chain=scaling(side.scale, side.op.name))
        bits = 16 if self._largest(value, side, name) < unit * 2**15 else GRID_BITS
        return self.made.on_grid(value, np.float32(unit), bits, name)


def _fine_unit(largest: float, known: float | None) -> float:
    """A power of two, or an integer's unit halved often enough, that real numbers are rounded to."""
    wanted = (largest or 1.0) / 2**REAL_BITS
    if known is None:
        return float(2.0 ** np.floor(np.log2(wanted)))
    return float(known / 2 ** max(0, int(np.ceil(np.log2(known / wanted)))))


def _multiples(value: Value) -> Quantized | None:
    """The integers of a chain that only multiplies by numbers other than 0; None for others."""
    turn = np.ones((), np.float32)
    chain = list[Elementwise]()
    for op in value.functions:
        if isinstance(op, src.Neg):
            turn = -turn
        elif isinstance(op, src.Mul | src.Div) and op.c.all():
            turn = turn * np.sign(op.c)
            chain.append(replace(op, c=abs(op.c)))
        else:
            return None
    scale = plain_scale(tuple(chain))
    assert scale is not None
    return Quantized(_times(f"{value.root.name} turned", value.root, turn), scale)


def _aligned(name: str, x: Quantized, y: Quantized) -> tuple[Quantized, Quantized] | None:
    """Both in the coarsest unit, channel by channel, that both are whole multiples of."""
    if (x.scale == y.scale).all():
        return x, y
    unit = _common_unit(x.scale, y.scale)
    sides = []
    for side in (x, y):
        ratio = side.scale / unit
        if ratio.max() >= MAX_FACTOR or not _stays_in_32_bits(side.op, ratio):
            return None
        sides.append(Quantized(_times(name, side.op, ratio), unit.astype(np.float32)))
    return sides[0], sides[1]


def _common_unit(a: Array, b: Array) -> Array:
    """float64: the largest number of which both are whole multiples (floats are fractions)."""
    pairs = np.broadcast(a.astype(np.float64), b.astype(np.float64))
    units = [_divisor(Fraction(float(p)), Fraction(float(q))) for p, q in pairs]
    return np.array(units, np.float64).reshape(pairs.shape)


def _divisor(a: Fraction, b: Fraction) -> float:
    numerator = math.gcd(a.numerator * b.denominator, b.numerator * a.denominator)
    return float(Fraction(numerator, a.denominator * b.denominator))


def _stays_in_32_bits(x: Op, ratio: Array) -> bool:
    reach = reachable(x)
    return bool((np.maximum(-reach.lo, reach.hi) * ratio < 2**30).all())


def _is_whole(ratio: Array) -> bool:
    return bool((ratio == np.rint(ratio)).all())


def _times(name: str, x: Op, factor: Array) -> Op:
    """x * factor in every channel, factors whole numbers between -2^16 and 2^16."""
    if (factor == 1).all():
        return x
    channels = x.type.shape[-1]
    gain = np.broadcast_to(factor, (2, channels)).astype(np.int32)
    return _widened(name, x, gain)


def _widened(name: str, x: Op, gain: Array) -> Op:
    """x * gain, exact, in the fewest bits."""
    channels = x.type.shape[-1]
    zero, reach = np.zeros(channels, np.int32), reachable(x)
    ends = np.stack([reach.lo * gain[0], reach.hi * gain[0]])
    low, high = int(ends.min()), int(ends.max())
    elem = stored_elem(low, high)
    one = np.ones((), np.float32)
    return Rescale(
        f"{name} input", x, zero, gain, np.zeros((2, channels), np.int64), zero, one, low, high, elem
    )


def _same_elem(name: str, a: Op, b: Op) -> tuple[Op, Op]:
    """Both in one element type that holds either."""
    if a.type.elem == b.type.elem:
        return a, b
    low, high = (
        int(end(x, y)) for end, x, y in zip((min, max), reachable(a).hull(), reachable(b).hull(), strict=True)
    )
    elem = stored_elem(low, high)
    return _as_elem(name, a, elem), _as_elem(name, b, elem)


def _as_elem(name: str, x: Op, elem: Elem) -> Op:
    if x.type.elem == elem:
        return x
    same = _widened(name, x, np.ones((2, x.type.shape[-1]), np.int32))
    assert isinstance(same, Rescale)
    return replace(same, elem=elem)


def _same_layout(op: Op, a: Value, b: Value) -> None:
    same = a.map_shape == b.map_shape and a.order == b.order and a.is_flat == b.is_flat
    op.require(same, "adds maps that lie in memory in different orders", "add them in front of a transpose")


def _joined(name: str, a: Value, b: Value) -> Chain | None:
    """One chain for the channels of both, where both have the same arithmetic and no quantizer; else None."""
    mine, theirs = a.functions, b.functions
    if [type(op) for op in mine] != [type(op) for op in theirs] or last_discretizer(mine) >= 0:
        return None
    sizes = (a.root.type.shape[-1], b.root.type.shape[-1])
    links = [_joined_link(name, x, y, sizes) for x, y in zip(mine, theirs, strict=True)]
    return tuple(link for link in links if link) if all(links) else None


def _joined_link(name: str, x: Elementwise, y: Elementwise, sizes: tuple[int, int]) -> Elementwise | None:
    plain = {"name", "x", *x.constants}
    same = all(getattr(x, key) == getattr(y, key) for key in vars(x) if key not in plain and key != "type")
    if not same or isinstance(x, src.MultiThreshold | DomainValue):
        return None
    joined: dict[str, Any] = {}
    for key, mine in x.constants.items():
        theirs = y.constants[key]
        if mine.ndim == theirs.ndim == 0 and mine == theirs:
            continue
        rows = [np.broadcast_to(c, (n,)) for c, n in zip((mine, theirs), sizes, strict=True)]
        joined[key] = np.concatenate(rows)
    return replace(x, name=name, x=Input("", (sum(sizes),)), **joined)


def _rows_of(x: Quantized, y: Quantized) -> Array:
    if x.scale.ndim == y.scale.ndim == 0 and x.scale == y.scale:
        return x.scale
    rows = [np.broadcast_to(side.scale, (side.op.type.shape[-1],)) for side in (x, y)]
    return np.concatenate(rows)
