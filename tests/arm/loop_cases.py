"""Every kind of kernel once, at sizes that layers have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tests.arm.kernel_cases import Conv, table_case
from tests.arm.kernel_runner import Case, planes_of, values_of
from tests.graphs import random_threshold, random_values
from tests.value_cases import only_clipping, random_rescale, random_sparse

from bnnc.ir.edge_ops import ChannelsFirst, ChannelsLast
from bnnc.ir.elem import B1_01, B1_PM, I8, I16, TER, U8, elem
from bnnc.ir.integer_ops import MaxPool2d, SumPool2d, TopK
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import Pack, PackedMaxPool2d, Unpack
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels
from bnnc.sim.bits import pack

WINDOW = ((3, 3), (1, 1), (1, 1, 1, 1))
SHAPE = (8, 8, 64)


def kernels() -> Iterator[tuple[str, Case]]:
    """Name and stage."""
    yield from _binary()
    yield from _integer()
    yield from _values()
    yield from _moves()


def _binary() -> Iterator[tuple[str, Case]]:
    for name, x, w in (
        ("xnor", B1_PM, B1_PM),
        ("and", B1_01, B1_PM),
        ("ternary", TER, B1_PM),
        ("u2 planes", elem("u2"), B1_PM),
        ("i2 planes", elem("i2"), elem("i2")),
    ):
        yield f"{name} to bits", Conv(x, w, (8, 8, 32), 64, *WINDOW, behind=B1_PM).binary(0)
        yield f"{name} to sums", Conv(x, w, (8, 8, 32), 64, *WINDOW).binary(0)
        yield f"{name}, dense", Conv(x, w, (1, 1, 512), 256).binary(0)
    yield "xnor to u2", Conv(B1_PM, B1_PM, (8, 8, 32), 64, *WINDOW, behind=elem("u2")).binary(0)
    yield "wb to bits", Conv(B1_PM, B1_PM, (8, 8, 128), 128, *WINDOW, behind=B1_PM).binary(0)
    yield "wb to sums", Conv(B1_PM, B1_PM, (8, 8, 128), 128, *WINDOW).binary(0)
    yield "wb, groups", Conv(B1_PM, B1_PM, (8, 8, 128), 64, *WINDOW, groups=2, behind=B1_PM).binary(0)
    yield "table", table_case(0, False)


def _integer() -> Iterator[tuple[str, Case]]:
    for x in (I8, I16):
        yield f"one bit by {x}", Conv(x, B1_PM, SHAPE, 64, *WINDOW, behind=B1_PM).integer(0)
        yield f"ternary by {x}", Conv(x, TER, SHAPE, 64, *WINDOW, behind=I8, packed=False).integer(0)
    for x in (I8, U8):
        yield f"i8 by {x}", Conv(x, I8, SHAPE, 64, *WINDOW, behind=B1_PM).integer(0)
        yield f"i8 by {x}, 1x1", Conv(x, I8, SHAPE, 64).integer(0)
        yield f"i8 by {x}, dense", Conv(x, I8, (1, 1, 512), 256).integer(0)
    yield "depthwise i8", Conv(I8, I8, SHAPE, 64, *WINDOW, groups=64, behind=I8, packed=False).integer(0)
    yield "groups of i8", Conv(I8, I8, SHAPE, 64, *WINDOW, groups=4).integer(0)


def _values() -> Iterator[tuple[str, Case]]:
    rng = np.random.default_rng(0)
    conv = Conv(B1_PM, B1_PM, SHAPE, 64, *WINDOW).binary(1)
    branch = random_rescale(rng, conv.ops[-1], "b", elem("i12"), np.zeros(64), 1 << 9)
    stream, codes = values_of(I16, SHAPE), rng.integers(-(2**14), 2**14, SHAPE).astype(np.int16)
    total = AddMaps("a", stream, branch, elem("i17"))
    clip = only_clipping(rng, total, "c", I16.lo, I16.hi, I16)
    relu = random_rescale(rng, clip, "p", I16, np.zeros(64), 1 << 12)
    yield "residual", Case((*conv.ops, branch, total, clip, relu), conv.x, (codes,))
    yield "rescale", Case((random_rescale(rng, stream, "r", I8, np.zeros(64), 1 << 12),), codes)
    alone = AddMaps("a", stream, values_of(I8, SHAPE), elem("i18"))
    yield "sum", Case((alone,), codes, (random_values(rng, I8, SHAPE),))
    for kind in (B1_PM, elem("u3"), U8):
        step = random_threshold(rng, stream, "t", kind)
        ops: tuple[Op, ...] = (step, Pack("p", step)) if kind.bits < 8 else (step,)
        yield f"threshold to {kind}", Case(ops, codes)
    small = random_values(rng, I8, SHAPE)
    for pool in (MaxPool2d, SumPool2d):
        head = pool("m", values_of(I8, SHAPE), (2, 2), (2, 2))
        yield pool.__name__, Case((head,), small)
        yield (
            f"{pool.__name__} rescaled",
            Case((head, random_rescale(rng, head, "r", I8, np.zeros(64), 500)), small),
        )
    bits = planes_of(B1_PM, SHAPE)
    words = pack(random_values(rng, B1_PM, SHAPE), B1_PM)
    yield "max of bits", Case((PackedMaxPool2d("m", bits, (2, 2), (2, 2)),), words)
    layer = random_sparse(rng, values_of(I8, (1, 1, 512)), "s", 256, 8)
    yield "sparse", Case((layer,), random_values(rng, I8, (1, 1, 512)))


def _moves() -> Iterator[tuple[str, Case]]:
    rng = np.random.default_rng(0)
    x, codes = values_of(I8, SHAPE), random_values(rng, I8, SHAPE)
    yield "pack", Case((Pack("p", x),), codes)
    planes = pack(random_values(rng, elem("u3"), SHAPE), elem("u3"))
    yield "unpack", Case((Unpack("u", planes_of(elem("u3"), SHAPE)),), planes)
    yield "channels first", Case((ChannelsFirst("f", x),), codes)
    yield "channels last", Case((ChannelsLast("l", x),), codes)
    yield "concat", Case((ConcatChannels("j", x, values_of(I8, SHAPE)),), codes, (codes,))
    yield "gather", Case((GatherChannels("g", x, rng.permutation(64).astype(np.int32)),), codes)
    vector = values_of(I16, (1, 1, 1000))
    yield "top k", Case((TopK("k", vector, 5),), random_values(rng, I16, (1, 1, 1000)))
