"""The input edge: `EncodeInput` from a declared domain, a quantizer at the input, or float comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.elem import B1_PM, smallest_elem
from bnnc.ir.op import Array
from bnnc.passes.chain import Chain, evaluate_pairs, per_channel
from bnnc.passes.direction import direction
from bnnc.passes.domain import InputDomain
from bnnc.passes.grid import last_discretizer, unit
from bnnc.passes.quantizer import Quantized, grid_codes
from bnnc.passes.ranges import Range
from bnnc.passes.steps import Steps, bisect_steps

NO_VALUES = np.zeros((0, 0), np.float32)
NO_REJECT = np.zeros((0, 2), np.float32)
REMEDY = (
    "declare the integers that the device receives, as in --input-domain u8:scale=1/255, "
    "or give samples with --calibrate"
)


def encode_domain(x: Input, domain: InputDomain) -> EncodeInput:
    """Codes of a declared domain: the nearest of its real numbers."""
    values = domain.values()
    if len(values) not in (1, x.shape[0]):
        raise BnncError.at(
            f"input {x.name!r}", f"the domain names {len(values)} channels, the input has {x.shape[0]}"
        )
    cuts = ((values[:, 1:].astype(np.float64) + values[:, :-1]) / 2).astype(np.float32)
    scale = np.array([float(s) for s in domain.scale], np.float32)
    kind = domain.elem
    return EncodeInput(
        x.name, x, cuts, values, NO_REJECT, scale if len(scale) > 1 else scale[0], kind.lo, kind
    )


def encode_chain(x: Input, chain: Chain) -> Quantized:
    """Codes of a chain that ends in a quantizer, by comparing x with the float32 numbers where it steps.

    A Quant or QuantizeLinear that reads the input itself declares the device's integers; behind arithmetic
    nothing does.
    """
    quantizer = chain[last_discretizer(chain)] if last_discretizer(chain) >= 0 else None
    grid = unit(chain)
    if quantizer is None or grid is None:
        raise BnncError.at(f"input {x.name!r}", "real numbers reach a layer without a quantizer", REMEDY)
    where = quantizer.where
    rows = x.shape[0] if any(per_channel(op, c) for op in chain for c in op.constants.values()) else 1
    if not (direction(chain, rows) == 1).all():
        raise BnncError.at(
            where, f"input {x.name!r} reaches it through a function that does not increase", REMEDY
        )
    steps, reject = _take_out_zero(_float_steps(chain, rows), quantizer)
    made = grid_codes(steps, grid)
    if made is None:
        raise quantizer.refusal("what follows it gives no multiples of its quantization step", REMEDY)
    codes, scale = made
    encoder = _encoder(x, codes, scale, reject, where)
    direct = len(chain) == 1 and isinstance(quantizer, src.Quant | src.QuantizeLinear)
    return Quantized(replace(encoder, name=quantizer.name, is_domain=direct), scale)


def _encoder(x: Input, steps: Steps, scale: Array, reject: Array, where: str) -> EncodeInput:
    """One cut per unit step; all channels have to start at the same code."""
    elem = smallest_elem(steps.values())
    first, last = int(steps.values().min()), int(steps.values().max())
    rows = len(steps.start)
    if elem == B1_PM:
        first, last = -1, 0
    cuts = np.full((rows, last - first), np.inf, np.float32)
    at = key_float(steps.cut)
    for row in range(rows):
        mine = steps.channel == row
        levels = [int(steps.start[row]), *steps.value[mine].tolist()]
        if levels[0] != first:
            raise BnncError.at(
                where, f"input channel {row} starts at code {levels[0]}, another at {first}", REMEDY
            )
        for before, after, cut in zip(levels, levels[1:], at[mine], strict=False):
            cuts[row, before - first : after - first] = cut
    return EncodeInput(x.name, x, cuts, NO_VALUES, reject, scale, first, elem)


def _take_out_zero(steps: Steps, quantizer: src.Elementwise) -> tuple[Steps, Array]:
    """ONNX Sign: the interval of x that it maps to 0 has no code and is rejected at run time."""
    if not isinstance(quantizer, src.Sign):
        return steps, NO_REJECT
    if (steps.start == 0).any():
        raise quantizer.refusal("its input is always 0, and Sign(0) is neither +1 nor -1", "leave it out")
    to_zero, to_one = steps.value == 0, steps.value > 0
    reject = np.full((len(steps.start), 2), np.inf, np.float32)
    reject[steps.channel[to_one]] = key_float(steps.cut[to_one])[:, None]
    reject[steps.channel[to_zero], 0] = key_float(steps.cut[to_zero])
    signs = Steps(steps.start, steps.channel[to_one], steps.cut[to_one], steps.value[to_one])
    return signs, reject if to_zero.any() else NO_REJECT


def _float_steps(chain: Chain, rows: int) -> Steps:
    """Steps of a never decreasing chain over all finite float32, by bisecting their ordered bit patterns."""
    largest = int(float_key(np.array([np.finfo(np.float32).max], np.float32))[0])
    reach = Range(np.full(rows, -largest, np.int64), np.full(rows, largest, np.int64))
    return bisect_steps(lambda key, channel: evaluate_pairs(chain, key_float(key), channel), reach)


def float_key(x: Array) -> Array:
    """int64 keys that order like the float32 numbers x; both zeros have key 0."""
    bits = x.astype(np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def key_float(key: Array) -> Array:
    """The float32 numbers of keys."""
    bits = np.where(key < 0, -key | 0x80000000, key).astype(np.uint32)
    return bits.view(np.float32)
