"""Values as integers that a layer can read, with their max pools on the cheap side of the threshold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.elem import I16, I32, range_elem, smallest_elem
from bnnc.ir.graph import Note
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow
from bnnc.ir.op import Array, Op
from bnnc.passes.chain import Chain, DomainValue
from bnnc.passes.direction import direction
from bnnc.passes.encode import encode_chain
from bnnc.passes.grid import last_discretizer
from bnnc.passes.quantizer import Quantized, quantize
from bnnc.passes.ranges import reachable
from bnnc.passes.rescale import Fit, fit
from bnnc.passes.spans import Calibration, Span, span
from bnnc.passes.value import Links, Value, settle
from bnnc.passes.weights import MAX_WEIGHT

ONE = np.ones((), np.float32)
MOST_BITS = 31
MAX_LOOKED_UP_BITS = 4  # of more levels thresholds cost more than a multiplication
POOL_FIRST = "put the pool in front of the function"


@dataclass
class Materializer:
    """Turns values into integers; remembers what it made and notes what rounding it had to do."""

    calibration: Calibration = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    _made: dict[tuple[Op, Links], Quantized] = field(default_factory=dict)
    _pooled_roots: dict[tuple[Op, Links], Value] = field(default_factory=dict)

    def integers(self, value: Value, wanted_by: str) -> tuple[Value, Quantized]:
        """The value settled, and its integers; `wanted_by` names the layer that reads them."""
        value = settle(self.encoded(value))
        key = (value.root, value.chain)
        if key not in self._made:
            self._made[key] = self._integers(value, wanted_by)
        return value, self._made[key]

    def encoded(self, value: Value) -> Value:
        """The value with a float input replaced by its codes."""
        if not isinstance(value.root, Input):
            return value
        key = (value.root, value.chain)
        if key not in self._made:
            self._made[key] = encode_chain(value.root, self._calibrated(value.root, value.functions))
        made = self._made[key]
        return replace(value, root=made.op, chain=scaling(made.scale, value.root.name))

    def _calibrated(self, x: Input, chain: Chain) -> Chain:
        """The chain on a float input, rounded to 8 bits where calibration data tell how far it reaches."""
        name = chain[-1].name if chain else x.name
        if last_discretizer(chain) >= 0 or name not in self.calibration:
            return chain
        rounding, text = _over_range(x.name, *self.calibration[name], bits=8)
        self.notes.append(Note(x.name, text))
        return (*chain, rounding)

    def _integers(self, value: Value, wanted_by: str) -> Quantized:
        pool = first_pool(value.chain)
        if pool is not None:
            return self._pooled(value, pool, wanted_by)
        chain = value.functions
        scale = plain_scale(chain)
        if scale is not None and (narrow := narrowed(value.root)) is not None:
            return Quantized(narrow, scale)
        if (computed := self._computed(value, wanted_by)) is not None:
            return computed
        if not direction(chain, value.root.type.shape[-1]).all():
            value = self.upto(value, _last_wide(chain[: last_discretizer(chain)]), wanted_by)
        return quantize(value.root, value.functions) or self._rounded(value, wanted_by)

    def _computed(self, value: Value, wanted_by: str) -> Quantized | None:
        """A `Rescale` in place of a chain to many levels; None where there is none, or one that is not exact
        for a chain whose levels could be looked up.
        """
        chain = value.functions
        last = last_discretizer(chain)
        if last < 0 or _bits(chain[last]) <= MAX_LOOKED_UP_BITS:
            return None
        earlier = _last_wide(chain[:last])
        value = self.upto(
            value, earlier if not is_wide(chain[last]) else last_discretizer(chain[:last]), wanted_by
        )
        fitted = fit(value.root, value.functions)
        if fitted is None or not (fitted.is_exact or is_wide(chain[last])):
            return None
        return self._fitted(fitted)

    def _fitted(self, fitted: Fit) -> Quantized:
        """A `Rescale` in place of a chain to many levels."""
        if not fitted.is_exact:
            off = f"at most {fitted.error} of its steps off" if fitted.error else "equal wherever compared"
            self.notes.append(Note(fitted.op.name, f"computed as multiply, add and shift, {off}"))
        op = fitted.op
        low, high = reachable(op.x).hull()
        same = op.only_clips and op.lo <= low and high <= op.hi and op.x.type.elem.bits <= op.elem.bits
        return Quantized(op.x if same else op, op.scale)

    def upto(self, value: Value, last: int, wanted_by: str) -> Value:
        """The value with its chain done on integers up to index `last`; itself where that is -1."""
        if last < 0:
            return value
        behind = value.chain[last + 1 :]
        settled, made = self.integers(replace(value, chain=value.chain[: last + 1]), wanted_by)
        return replace(settled, root=made.op, chain=(*scaling(made.scale, wanted_by), *behind))

    def summands(self, value: Value, wanted_by: str, count: int) -> Quantized:
        """Integers of which `count` are summed: an accumulator's as they are, else what a layer reads."""
        settled = settle(self.encoded(value))
        scale = plain_scale(settled.functions) if first_pool(settled.chain) is None else None
        if scale is None:
            return self.integers(value, wanted_by)[1]
        low, high = reachable(settled.root).hull()
        if not I32.holds(low * count, high * count):
            raise BnncError.at(f"node {wanted_by!r}", f"sums reach {high * count}, more than 32 bits")
        return Quantized(settled.root, scale)

    def pool_root(self, value: Value) -> Value:
        """The value with its first max pool done on the integers of its root, once for all that read it."""
        key = (value.root, value.chain)
        if key not in self._pooled_roots:
            self._pooled_roots[key] = _pooled_root(value)
        pooled = self._pooled_roots[key]
        return replace(value, root=pooled.root, chain=pooled.chain)

    def _pooled(self, value: Value, pool: int, wanted_by: str) -> Quantized:
        """f(max(g(x))): max(f(g(x))) where f never decreases, and then codes are pooled; else x is."""
        before, after = value.chain[:pool], value.chain[pool + 1 :]
        link = value.chain[pool]
        assert isinstance(link, src.MaxPool)
        functions = Value(value.root, after, value.shape).functions
        rises = bool((direction(functions, value.root.type.shape[-1]) == 1).all())
        if first_pool(after) is None and rises and last_discretizer(value.functions) >= 0:
            _, made = self.integers(replace(value, chain=before + after), wanted_by)
            if (made.scale > 0).all():
                return Quantized(_max_pool(link, made.op), made.scale)
        return self.integers(self.pool_root(value), wanted_by)[1]

    def span(self, value: Value, wanted_by: str) -> Span:
        """Between which real numbers a value lies."""
        return span(value, self.calibration, wanted_by)

    def on_its_grid(self, value: Value, unit: np.float32) -> Quantized | None:
        """The integers of numbers that are multiples of `unit`; None where computing them takes rounding."""
        fitted = fit(value.root, (*value.functions, _rounding("", unit, MOST_BITS, signed=True)))
        return Quantized(fitted.op, np.asarray(unit)) if fitted and fitted.is_exact else None

    def on_grid(self, value: Value, unit: np.float32, bits: int, wanted_by: str) -> Quantized:
        """Real numbers rounded to whole multiples of `unit`, signed integers of at most so many bits."""
        chain = value.functions
        name = chain[-1].name if chain else value.root.name
        rounded = (*chain, _rounding(wanted_by, unit, bits, signed=True))
        fitted = fit(value.root, rounded)
        made = Quantized(fitted.op, fitted.op.scale) if fitted else quantize(value.root, rounded)
        if made is None:
            what = f"reads real numbers of {name!r}, which take too many values"
            raise BnncError.at(f"node {wanted_by!r}", what, "put a quantizer in front of it")
        self.notes.append(Note(wanted_by, f"numbers of {name!r} rounded to steps of {unit:.6g}"))
        return Quantized(made.op, np.asarray(unit, np.float32))

    def _rounded(self, value: Value, wanted_by: str) -> Quantized:
        """Real numbers as integers: 16 bits behind an input domain, else 8, over the range of the value."""
        chain = value.functions
        lo, hi = self.span(value, wanted_by)
        rounding, text = _over_range(wanted_by, lo, hi, 16 if isinstance(chain[0], DomainValue) else 8)
        made = quantize(value.root, (*chain, rounding))
        assert made is not None
        if isinstance(chain[0], DomainValue):
            text += "; a domain of one scale, with the padding among its codes, would be exact"
        self.notes.append(Note(wanted_by, text))
        return made


def _over_range(wanted_by: str, lo: float, hi: float, bits: int) -> tuple[src.Quant, str]:
    """Rounding of real numbers from lo to hi to so many bits, and what a note says of it."""
    signed = lo < 0
    levels = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    unit = np.float32((max(abs(lo), abs(hi)) or 1) / levels)
    kind = f"{'i' if signed else 'u'}{bits}"
    text = f"real input in [{lo:.6g}, {hi:.6g}] quantized to {kind}, step {unit:.6g}"
    return _rounding(wanted_by, unit, bits, signed), text


def _rounding(wanted_by: str, unit: np.float32, bits: int, signed: bool) -> src.Quant:
    """Rounding to the nearest multiple of `unit`."""
    zero = np.zeros((), np.float32)
    return src.Quant(
        f"{wanted_by} input", Input("", (1,)), np.array(unit), zero, bits, signed, signed, "ROUND"
    )


def _bits(op: src.Elementwise) -> int:
    """Bits of the levels of a discretizer, as far as they say which form is cheaper."""
    match op:
        case src.FixedPoint():
            return 16
        case src.Quant():
            return op.bits
        case _:
            return 1


def is_wide(op: src.Elementwise) -> bool:
    """Whether results of a discretizer have so many levels that they are computed rather than looked up."""
    return isinstance(op, src.FixedPoint) or (isinstance(op, src.Quant) and op.bits > 8)


def _last_wide(chain: Chain) -> int:
    return max((i for i, op in enumerate(chain) if is_wide(op)), default=-1)


def first_pool(chain: Links) -> int | None:
    """Index of the first waiting max pool."""
    return next((i for i, link in enumerate(chain) if isinstance(link, src.MaxPool)), None)


def scaling(scale: Array, name: str) -> Chain:
    """Multiplication by `scale`, or nothing when it is 1."""
    if (scale == 1).all():
        return ()
    return (src.Mul(name, Input("", (scale.shape or (1,))), scale),)


def narrowed(root: Op) -> Op | None:
    """The integers of `root` in at most 16 bits, which is what layers read, or None where they need more."""
    if root.type.elem.bits <= 16:
        return root
    low, high = reachable(root).hull()
    fitting = range_elem(low, high)
    if fitting.bits > 8:
        fitting = I16
    return Narrow(root.name, root, fitting) if fitting.holds(low, high) else None


def plain_scale(chain: Chain) -> Array | None:
    """The factor of a chain that only multiplies and divides by positive numbers, else None."""
    factor = ONE
    for op in chain:
        if not isinstance(op, src.Mul | src.Div) or (op.c <= 0).any():
            return None
        factor = np.asarray(factor * op.c if isinstance(op, src.Mul) else factor / op.c, np.float32)
    return factor


def _pooled_root(value: Value) -> Value:
    """The value with its first max pool done on the integers of its root.

    That is right where the chain before it never decreases. Channels where it never increases are turned
    round first: their weights change sign, and so does the chain.
    """
    pool = first_pool(value.chain)
    assert pool is not None
    link, before = value.chain[pool], value.chain[:pool]
    assert isinstance(link, src.MaxPool)
    functions = replace(value, chain=before).functions
    sense = direction(functions, value.root.type.shape[-1])
    root, turn = value.root, tuple[src.Elementwise, ...]()
    if (sense == 0).any():
        raise link.refusal("pools a function that neither rises nor falls", POOL_FIRST)
    if (sense < 0).any():
        root, turn = _turned(root, sense, link)
    pooled = _max_pool(link, root)
    return replace(value, root=pooled, chain=(*turn, *before, *value.chain[pool + 1 :]))


def _turned(root: Op, sense: Array, link: src.MaxPool) -> tuple[Op, Chain]:
    if not isinstance(root, Conv2d):
        raise link.refusal("pools a falling function of something that is no convolution", POOL_FIRST)
    weights = root.weights.astype(np.int16) * sense[:, None, None, None]
    if weights.max() > MAX_WEIGHT:
        what = f"pools a falling function of sums whose weights reach {root.weights.min()}"
        raise link.refusal(what, f"quantize the weights of {root.name!r} with narrow = 1")
    scale = np.asarray(root.scale * sense, np.float32)
    turned = replace(root, weights=weights.astype(np.int8), weight_elem=smallest_elem(weights), scale=scale)
    return turned, (src.Mul(link.name, Input("", sense.shape), sense.astype(np.float32)),)


def _max_pool(link: src.MaxPool, x: Op) -> Op:
    return MaxPool2d(link.name, x, link.kernel, link.strides, link.pads)
