"""What the report says of layers: their work, their bytes, and how they are computed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.dags import random_dag
from tests.sim.cases import ONE, integers, packed

from bnnc.ir.elem import B1_PM, I8, I16, I32, TER, Elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import XnorConv2d
from bnnc.ir.sparse_ops import SparseDense
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.passes.pack import PackBits
from bnnc.report.layers import Layer, layers

MAP = integers(I16, (2, 2, 6))


def described(op: Op) -> Layer:
    return layers(Graph("g", Level.PACKED, op))[-1]


def conv(kind: Elem, groups: int = 1) -> Conv2d:
    return Conv2d("n", MAP, np.ones((4, 1, 1, 6 // groups), np.int8), kind, groups=groups)


@pytest.mark.parametrize(("kind", "n_bytes"), [(B1_PM, 3), (TER, 6), (I8, 24)])
def test_weights_count_in_their_own_bits(kind: Elem, n_bytes: int) -> None:
    layer = described(conv(kind))
    assert (layer.weight_bytes, layer.bits.weight, layer.bits.input) == (n_bytes, kind.bits, 16)


def test_groups_share_the_work() -> None:
    assert (described(conv(I8)).macs, described(conv(I8, groups=2)).macs) == (96, 48)
    assert described(conv(I8, groups=2)).lowered == "integer multiply-accumulate, i16 by i8 in 2 groups"
    grouped = XnorConv2d("n", packed(B1_PM, (2, 2, 64)), np.zeros((6, 1, 1, 1), np.uint32), groups=2)
    layer = described(grouped)
    assert (layer.macs, layer.weight_bytes) == (4 * 6 * 32, 24)
    assert layer.lowered == "xnor and popcount, 1 word of 32 channels a tap in 2 groups"


def test_sparse_layers_count_what_is_not_zero() -> None:
    table = np.array([0, 3, -3, 5], np.int16)
    rows, gaps, codes = (
        np.array([0, 2, 5], np.int32),
        np.zeros(5, np.uint8),
        np.array([1, 0, 2, 3, 3], np.uint8),
    )
    layer = described(SparseDense("n", integers(I8, (1, 1, 10)), rows, gaps, codes, table, 3, 2))
    assert (layer.macs, layer.weight_bytes, layer.table_bytes) == (4, 4 + 12, 8)
    words, reason = layer.lowered.split("; ")
    assert words == "codes of 2 bits behind gaps of 3 bits"
    assert reason.startswith("20.0% of 2 x 10 weights: ") and reason.endswith(
        " dense on arm without dot product"
    )


def rescale(multipliers: list[int], offset: int, shift: int) -> Rescale:
    def row(values: object, dtype: type) -> Array:
        return np.broadcast_to(np.array(values, dtype), (2, 6) if np.ndim(values) else 6)

    numbers = (row(0, np.int32), row([[m] for m in multipliers], np.int32), row([[offset]], np.int64))
    return Rescale("n", MAP, *numbers, row(shift, np.int32), ONE, -8, 7, I8)


def test_rescales_say_how_many_lines_they_have() -> None:
    one, two, none = (
        described(rescale(*numbers)) for numbers in ([[3, 3], 1, 2], [[3, 4], 1, 2], [[4, 4], 1, 2])
    )
    assert one.lowered == "one line a channel in fixed point, to i8 from -8 to 7"
    assert two.lowered == "two lines a channel in fixed point, to i8 from -8 to 7"
    assert none.lowered == "the same integers clipped to i8 from -8 to 7"
    assert (one.table_bytes, two.table_bytes, none.table_bytes) == (6 * 16, 6 * (8 + 16 + 4 + 4), 0)


def test_branches() -> None:
    total = AddMaps("n", MAP, MAP, I32)
    assert (described(total).bits.input, described(total).bits.output) == (16, 32)
    assert described(total).lowered == "sum of two maps as i32"
    assert described(ConcatChannels("n", MAP, MAP)).lowered == "6 and 6 channels side by side"
    chosen = described(GatherChannels("n", MAP, np.array([5, 0], np.int32)))
    assert (chosen.lowered, chosen.table_bytes) == ("2 of 6 channels", 8)


@pytest.mark.parametrize("seed", range(30))
def test_every_operation_has_words(seed: int) -> None:
    for layer in layers(PackBits().run(random_dag(seed))):
        assert layer.lowered != layer.op or layer.op == "input"
