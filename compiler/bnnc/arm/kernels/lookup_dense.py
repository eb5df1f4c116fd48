"""Sparse dense layers whose inputs are looked up, many entries at once; see `lookup_slots`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnnc.arm.kernels.builder import Kernel, View, loop, splat
from bnnc.arm.kernels.epilogue import Epilogue, strip_width
from bnnc.arm.kernels.gather import Gather
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.levels import Spot
from bnnc.arm.kernels.lookup_slots import Filled, filled
from bnnc.arm.kernels.permute_loop import PERMUTE_SLOTS, PermuteLoop
from bnnc.arm.kernels.take_loop import AT_ONCE, take
from bnnc.arm.kernels.tbl_loop import TblLoop, longest_step_chain, tbl_slots
from bnnc.arm.kernels.window import window
from bnnc.ir.op import Array, Op, tensor_of
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparse_costs import from_memory
from bnnc.storage.sparse import SparseWeights, decode

_SIGN = 128
_LANES = 8
_ROW = 4.5  # instructions of a row besides its slots
_SLOTS = {"sdot": tbl_slots(True), "smlal": tbl_slots(False), "vnni": PERMUTE_SLOTS}


@dataclass(frozen=True)
class LookupPlan:
    """The loop over the slots, and the inputs as bytes, which have `shift` less than the codes."""

    loop: TblLoop | PermuteLoop
    gather: Gather
    bias: Array

    @property
    def is_direct(self) -> bool:
        """Whether inputs are read where they lie."""
        return not self.gather.flip and self.gather.channels == self.loop.rows.inputs

    @property
    def cost(self) -> float:
        """About as many instructions, with what surrounds the loop."""
        rows = self.loop.rows
        products = "vnni" if isinstance(self.loop, PermuteLoop) else ""
        return self.loop.cost + _ROW * rows.order.size + from_memory(rows.octets.nbytes, products)


@lru_cache(maxsize=16)
def lookup_plan(isa: Isa, op: SparseDense) -> LookupPlan | None:
    """How entries are looked up; None where bytes do not hold the operands, or rows have too many entries."""
    gather, slots = _bytes(op, isa.products == "vnni"), _SLOTS.get(isa.products)
    weights = sparse_weights(op)
    if slots is None or gather is None or weights.min() < -_SIGN or weights.max() >= _SIGN:
        return None
    rows = filled(weights.astype(np.int8), slots)
    if rows is None or not rows.counts:
        return None
    shift = 0 if not gather.flip else -_SIGN if isa.products == "vnni" else _SIGN
    elem = tensor_of(op.x).elem
    loop = _loop(isa, rows, max(abs(elem.lo - shift), abs(elem.hi - shift)))
    sums = np.append(weights.sum(axis=1, dtype=np.int64), 0)[rows.order]
    return LookupPlan(loop, gather, (shift * sums).astype(np.int32)) if loop else None


def _loop(isa: Isa, rows: Filled, magnitude: int) -> TblLoop | PermuteLoop | None:
    match isa.products:
        case "vnni":
            return PermuteLoop(rows)
        case "sdot":
            return TblLoop(rows, 0)
        case _:
            chain = longest_step_chain(rows, magnitude)
            return TblLoop(rows, chain) if chain else None


def write_lookup_dense(
    kernel: Kernel, isa: Isa, op: SparseDense, rest: tuple[Op, ...], plan: LookupPlan
) -> None:
    """Emit the layer and the operations behind it."""
    rows = plan.loop.rows
    x = kernel.x(plan.gather.dtype)
    if not plan.is_direct:
        memory = kernel.scratch(plan.gather.dtype, rows.inputs)
        plan.gather.copy(x, memory, 0)
        x = memory
    sums = kernel.scratch("int32", rows.order.size + AT_ONCE)
    _start(kernel, sums, np.append(plan.bias, np.zeros(AT_ONCE, np.int32)))
    stream, groups = kernel.constant(rows.octets), kernel.constant(rows.groups)
    plan.loop.call(sums, x, stream, groups)
    _finish(kernel, isa, op, rest, sums, rows.order)


def _finish(
    kernel: Kernel, isa: Isa, op: SparseDense, rest: tuple[Op, ...], sums: View, order: Array
) -> None:
    """Sums in the order of the outputs, 0 behind the last one, and the operations behind the layer."""
    width = strip_width(rest[-1] if rest else op)
    places = np.full(-(-width // AT_ONCE) * AT_ONCE, order.size)
    rows = np.flatnonzero(order >= 0)
    places[order[rows]] = rows
    if not rest and places.size == width:
        take(kernel, isa.is_neon, kernel.y("int32"), sums, places)
        return
    strip = kernel.scratch("int32", places.size)
    take(kernel, isa.is_neon, strip, sums, places)
    Epilogue(kernel, op, rest, width, width).emit_row(strip, strip, Spot(0, 0))


def sparse_weights(op: SparseDense) -> Array:
    """int16 (O, inputs)."""
    sparse = SparseWeights(op.rows, op.gaps, op.codes, op.table, op.gap_bits, op.code_bits)
    return decode(sparse, tensor_of(op.x).size)


def _bytes(op: SparseDense, unsigned: bool) -> Gather | None:
    """All inputs in one row of unsigned or signed bytes."""
    x = tensor_of(op.x)
    if x.elem.dtype.name not in ("int8", "uint8"):
        return None
    flips = x.elem.lo < 0 if unsigned else x.elem.hi >= _SIGN
    flip = (_SIGN if x.elem.dtype.name == "uint8" else -_SIGN) if flips else 0
    one = window((1, 1), (1, 1), (1, 1), (1, 1), (0, 0, 0, 0))
    return Gather(one, x.size, x.elem.dtype.name, flip, 0)


def _start(kernel: Kernel, sums: View, bias: Array) -> None:
    """Sums begin with what the shift of the inputs takes from them."""
    lanes, start = _LANES, kernel.constant(bias) if bias.any() else None
    with loop(bias.size // lanes) as i:
        sums.put(i * lanes, start.vector(i * lanes, lanes) if start else splat(0, lanes), lanes)
