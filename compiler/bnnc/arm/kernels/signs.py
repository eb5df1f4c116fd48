"""Bits of a map of 8 or 16-bit integers by one comparison each, in lanes of that width (NEON)."""

from __future__ import annotations

from math import prod

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from bnnc.arm.kernels.builder import Expr, Kernel, bits_as, loop, splat
from bnnc.arm.kernels.isa import Isa
from bnnc.ir.integer_ops import NO_CUT, Threshold
from bnnc.ir.op import Array, Op, tensor_of
from bnnc.ir.packed_ops import Pack
from bnnc.ir.types import WORD_BITS

_NARROW = ("int8", "uint8", "int16", "uint16")
_AT_ONCE = (128, 64, 32)  # channels
_LANES = 16  # of a register of bytes
_OCTET_STEPS = 3  # in which 8 bytes become one


def compares_narrow(isa: Isa, ops: tuple[Op, ...]) -> bool:
    """Whether the stage is such a comparison, of whole words."""
    match ops:
        case (Threshold() as step, Pack()) if step.elem.bits == 1 and step.cuts.shape[1] <= 1:
            narrow = tensor_of(step.x).elem.dtype.name in _NARROW
            return isa.is_neon and narrow and step.type.shape[-1] % WORD_BITS == 0
        case _:
            return False


def write_signs(kernel: Kernel, step: Threshold) -> None:
    """Emit bits [x >= cut], or their opposites."""
    dtype, channels = tensor_of(step.x).elem.dtype.name, step.type.shape[-1]
    cuts, inverted = _narrow_cuts(step, np.iinfo(dtype))
    cut_at = kernel.constant(cuts.astype(dtype))
    turned = kernel.constant(np.packbits(inverted, bitorder="little"), "uint32")
    x, y = kernel.x(dtype), kernel.y("uint32")
    group = next(n for n in _AT_ONCE if channels % n == 0)
    words = group // WORD_BITS
    with kernel.shared("rows", prod(step.type.shape[:-1])) as pixel, loop(channels // group) as g:
        masks = []
        for first in range(0, group, _LANES):
            at = g * group + first
            masks.append(x.vector(pixel * channels + at, _LANES) >= cut_at.vector(at, _LANES))
        bits = _word_bits(masks, words) ^ turned.vector(g * words, words)
        y.put(pixel * (channels // WORD_BITS) + g * words, bits, words)


def _narrow_cuts(step: Threshold, limits: np.iinfo[np.signedinteger]) -> tuple[Array, Array]:
    """Cuts that the type holds, and inverted bits: what is never reached is always reached, inverted."""
    channels = step.type.shape[-1]
    cuts = step.cuts[:, 0].astype(np.int64) if step.cuts.shape[1] else np.full(channels, NO_CUT, np.int64)
    never = cuts > limits.max
    return np.where(never, limits.min, cuts.clip(limits.min)), never ^ (step.base > 0)


def _word_bits(masks: list[Expr], words: int) -> Expr:
    """uint32 (words): bit i is mask i, of 16 lanes a mask."""
    weight = tirx.Shuffle([tirx.const(1 << (i % 8), "uint8") for i in range(_LANES)], list(range(_LANES)))
    none = splat(0, _LANES, "uint8")
    octets = [T.bind(tirx.Select(mask, weight, none)) for mask in masks]
    for _ in range(_OCTET_STEPS):
        octets = octets if len(octets) % 2 == 0 else [*octets, octets[-1]]
        octets = [_pairwise(octets[i], octets[i + 1]) for i in range(0, len(octets), 2)]
    found = bits_as("uint32x4", octets[0])
    return found if words == 4 else tirx.Shuffle([T.bind(found)], list(range(words)))


def _pairwise(a: Expr, b: Expr) -> Expr:
    """uint8x16: neighbours added."""
    return T.bind(T.call_llvm_pure_intrin("uint8x16", "llvm.aarch64.neon.addp", a, b))
