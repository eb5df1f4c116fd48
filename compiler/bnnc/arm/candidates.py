"""The ways to compute a stage, the best by the cost models first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from bnnc.arm.kernels.binary_conv import bit_tilings, write_binary_conv
from bnnc.arm.kernels.builder import Kernel
from bnnc.arm.kernels.integer_conv import integer_tilings, write_integer_conv
from bnnc.arm.kernels.isa import Isa
from bnnc.arm.kernels.lookup_dense import lookup_plan, write_lookup_dense
from bnnc.arm.kernels.product_conv import write_product_conv
from bnnc.arm.kernels.product_plan import instructions, product_plans
from bnnc.arm.kernels.sparse_dense import write_sparse_dense
from bnnc.arm.kernels.wb_conv import plan_of, plans_of, write_wb_conv
from bnnc.arm.kernels.winograd_conv import write_winograd_conv
from bnnc.arm.kernels.winograd_plan import winograd_plan
from bnnc.arm.sparse import as_computed, by_lookup, densely
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.packed_ops import BitConv2d, PackedConv, XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.types import Packed
from bnnc.schedule.stages import Stage


@dataclass(frozen=True)
class Candidate:
    """A way to compute a stage, which `write` emits. `name` begins with that of its kernel."""

    name: str
    write: Callable[[Kernel], None]

    @property
    def family(self) -> str:
        """The kernel's name."""
        return self.name.split()[0]


def candidates(stage: Stage, isa: Isa) -> list[Candidate]:
    """All ways, the best first; none for operations that are computed in one way only."""
    match stage.head:
        case XnorConv2d() as conv:
            pairs, words = _by_pairs(stage, isa, conv), _by_words(stage, isa, conv)
            return [*pairs, *words] if plan_of(isa, conv, stage.ops[1:]) else [*words, *pairs]
        case BitConv2d() as conv:
            return _by_words(stage, isa, conv)
        case Conv2d(groups=1) as conv:
            return _dense(stage, isa, conv)
        case SparseDense() as op:
            return _sparse(stage, isa, op)
        case _:
            return []


def _by_pairs(stage: Stage, isa: Isa, conv: XnorConv2d) -> list[Candidate]:
    rest = stage.ops[1:]
    return [
        Candidate(plan.name, partial(write_wb_conv, isa=isa, conv=conv, rest=rest, plan=plan))
        for plan in plans_of(isa, conv, rest)
    ]


def _by_words(stage: Stage, isa: Isa, conv: PackedConv) -> list[Candidate]:
    write = partial(write_binary_conv, isa=isa, conv=conv, rest=stage.ops[1:])
    tilings = bit_tilings(isa, conv, stage.ops[1:])
    by_panels = [Candidate(f"words {tiles.name}", partial(write, tiles=tiles)) for tiles in tilings]
    by_tiles = [
        Candidate(f"words {tiles.name} order=tiles", partial(write, tiles=tiles, tiles_first=True))
        for tiles in tilings
        if tiles.panels > 1
    ]
    return [*by_panels[:1], *by_tiles[:1], *by_panels[1:], *by_tiles[1:]]


def _dense(stage: Stage, isa: Isa, conv: Conv2d) -> list[Candidate]:
    """Products of bytes in assembly, then those of any integers."""
    rest, packed = stage.ops[1:], isinstance(stage.result.type, Packed)
    plans, winograd = product_plans(isa, conv, packed), winograd_plan(isa, conv, packed)
    products = [
        Candidate(plan.name, partial(write_product_conv, conv=conv, rest=rest, plan=plan)) for plan in plans
    ]
    integers = [
        Candidate(f"integers {tiles.name}", partial(write_integer_conv, conv=conv, rest=rest, tiles=tiles))
        for tiles in integer_tilings(isa, conv, rest)
    ]
    if winograd is None:
        return [*products, *integers]
    write = partial(write_winograd_conv, conv=conv, rest=rest, plan=winograd)
    tiles = [Candidate(winograd.name, write)]
    pays = not plans or winograd.instructions < instructions(conv, plans[0])
    return [*tiles, *products, *integers] if pays else [*products, *tiles, *integers]


def _sparse(stage: Stage, isa: Isa, op: SparseDense) -> list[Candidate]:
    """By lookups, entry by entry, or all weights as bytes."""
    rest, lookup = stage.ops[1:], lookup_plan(isa, op)
    entries = [Candidate("entries", partial(write_sparse_dense, op=op, rest=rest))]
    lookups = []
    if lookup:
        write = partial(write_lookup_dense, isa=isa, op=op, rest=rest, plan=lookup)
        lookups.append(Candidate("lookups", write))
    full = densely(stage, op)
    dense = _dense(full, isa, full.head) if full and isinstance(full.head, Conv2d) else []
    dense = [replace(one, name=f"dense-{one.name}") for one in dense]
    if by_lookup(isa, op):
        return [*lookups, *entries, *dense]
    is_dense = as_computed(stage, isa) is not stage
    return [*dense, *entries, *lookups] if is_dense else [*entries, *lookups, *dense]
