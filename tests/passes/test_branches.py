"""Residual networks and their like: what is on a power-of-two grid in the source is exact on the device."""

from __future__ import annotations

import numpy as np
import pytest
from tests.passes.builders import (
    ONE,
    answer,
    bipolar,
    f32,
    flatten,
    graph,
    hostile_batch_norm,
    lowered,
    signs,
)
from tests.passes.float_reference import evaluate_source

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input
from bnnc.ir.value_ops import AddMaps, ConcatChannels, GatherChannels, Rescale
from bnnc.passes.pipeline import LowerOptions, lower

STEP = 2.0**-6
I16 = (-(2.0**15) + 1, 2.0**15 - 1)


def assert_exact(result: Op, x: Array) -> Graph:
    """Lowered without a note, and equal to the source on every sample."""
    packed = lowered(result)
    assert packed.notes == ()
    for sample in x:
        assert np.array_equal(evaluate_source(graph(result), sample), answer(packed, sample))
    return packed


def ops_of(packed: Graph, kind: type[Op]) -> list[Op]:
    return [op for op in packed.ops if isinstance(op, kind)]


def reals(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


def image(shape: tuple[int, ...]) -> Op:
    """Eight bits of an image on a grid."""
    return src.Quant("input", Input("x", shape), f32(2.0**-5), f32(0), 8, True, True, "ROUND")


def wide(x: Op, name: str) -> Op:
    """Saturation of a sum to 16 bits."""
    return src.Quant(name, x, f32(STEP), f32(0), 16, True, True, "ROUND")


def fixed_point(rng: np.random.Generator, x: Op, name: str, unit: float = 1.0, slope: float = 1.0) -> Op:
    """A hostile batch normalization as multiply, add and shift; `unit` is that of x."""
    channels = x.type.shape[0]
    multiplier = np.ldexp(rng.integers(-(2**17) + 1, 2**17, channels).astype(float), -14)
    multiplier[rng.random(channels) < 0.1] = 0
    tiny = rng.random(channels) < 0.1
    multiplier = np.where(tiny, np.ldexp(np.rint(multiplier), -28), multiplier) / unit
    offset = np.ldexp(rng.integers(-(2**20), 2**20, channels).astype(float), -10)
    zero, slopes = np.zeros(()), np.full((), slope)
    codes = src.FixedPoint(name, x, multiplier, zero, slopes, offset + 0.5, *I16)
    return src.Mul(f"{name} step", codes, f32(STEP))


def leaky(rng: np.random.Generator, x: Op, name: str) -> Op:
    """PReLU of a stream, slopes of both signs."""
    slope = np.ldexp(rng.integers(-(2**17) + 1, 2**17, x.type.shape[0]).astype(float), -16)
    half, zero = np.full((), 0.5), np.zeros(())
    codes = src.FixedPoint(name, x, np.full((), 1 / STEP), zero, slope, half, *I16)
    return src.Mul(f"{name} step", codes, f32(STEP))


def binary_conv(
    rng: np.random.Generator, x: Op, name: str, n_out: int, stride: int = 1, groups: int = 1
) -> Op:
    weights = signs(rng, n_out, x.type.shape[0] // groups, 3, 3)
    return src.Conv(name, x, weights, ONE, (stride, stride), (1, 1, 1, 1), groups=groups)


def stem(rng: np.random.Generator, channels: int) -> Op:
    weights = rng.integers(-128, 128, (channels, 3, 3, 3)).astype(np.int8)
    conv = src.Conv("stem", image((3, 9, 8)), weights, f32(2.0**-7), pads=(1, 1, 1, 1))
    return fixed_point(rng, conv, "stem bn", unit=2.0**-12 * 32)


def block(rng: np.random.Generator, x: Op, name: str, groups: int = 1) -> Op:
    """sign -> 3x3 -> batch normalization -> + shortcut -> PReLU"""
    conv = binary_conv(rng, bipolar(x, f"{name} sign"), f"{name} conv", x.type.shape[0], groups=groups)
    total = wide(src.AddTensors(f"{name} add", fixed_point(rng, conv, f"{name} bn"), x), f"{name} sum")
    return leaky(rng, total, f"{name} prelu")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("channels", [4, 33])
def test_residual_blocks_are_exact(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    x = stem(rng, channels)
    for i in range(3):
        x = block(rng, x, f"block {i}")
    packed = assert_exact(x, reals(rng, 3, 3, 9, 8))
    assert len(ops_of(packed, AddMaps)) == len(ops_of(packed, Threshold)) == 3


def test_groups_and_a_pooled_shortcut() -> None:
    rng = np.random.default_rng(0)
    x = block(rng, stem(rng, 6), "first", groups=3)
    pooled = src.AveragePool("pool", x, (2, 2), (2, 2), (0, 0, 0, 0))
    weights = rng.integers(-128, 128, (10, 6, 1, 1)).astype(np.int8)
    coarse = src.Quant("coarse", pooled, f32(STEP * 2**8), f32(0), 8, True, True, "ROUND")
    shortcut = fixed_point(rng, src.Conv("1x1", coarse, weights, f32(2.0**-7)), "shortcut bn", STEP * 2)
    half = src.Gather("crop", bipolar(x, "sign"), np.arange(6)[::-1].copy())
    conv = src.Conv("conv", half, signs(rng, 10, 6, 3, 3), ONE, (2, 2), (1, 1, 0, 0))
    total = src.AddTensors("add", fixed_point(rng, conv, "bn"), shortcut)
    assert_exact(wide(total, "sum"), reals(rng, 3, 3, 9, 8))


def test_a_sum_over_the_map_and_a_division_in_fixed_point() -> None:
    rng = np.random.default_rng(1)
    x = block(rng, stem(rng, 5), "block")
    total = src.SumPool("sum", x, (9, 8), (1, 1), (0, 0, 0, 0))
    ninth = np.full((), np.rint(2.0**18 / 72) / 2.0**18 / STEP)
    mean = src.FixedPoint(
        "mean", flatten(total), ninth, np.zeros(()), np.ones(()), np.full((), 0.5), -128, 127
    )
    assert_exact(mean, reals(rng, 4, 3, 9, 8))


def test_branches_in_units_that_are_powers_of_two_apart() -> None:
    rng = np.random.default_rng(2)
    x = bipolar(stem(rng, 8), "sign")
    sides = [
        src.Mul(
            f"scale {i}",
            binary_conv(rng, x, f"conv {i}", 8),
            np.ldexp(f32(*np.ones(8)), rng.integers(-3, 3, 8)),
        )
        for i in range(2)
    ]
    packed = assert_exact(src.AddTensors("add", *sides), reals(rng, 3, 3, 9, 8))
    assert ops_of(packed, AddMaps)


@pytest.mark.parametrize("seed", range(4))
def test_concatenated_chains_stay_thresholds(seed: int) -> None:
    """Branches of one kind meet as accumulators; what is behind them is evaluated once for all channels."""
    rng = np.random.default_rng(seed)
    x = bipolar(stem(rng, 6), "sign")
    sides = [
        src.Relu(f"relu {i}", hostile_batch_norm(rng, binary_conv(rng, x, f"conv {i}", 5 + i), f"bn {i}"))
        for i in range(2)
    ]
    joined = src.Concat("concat", *sides)
    shuffled = src.Gather("shuffle", joined, rng.permutation(11))
    signed = bipolar(hostile_batch_norm(rng, shuffled), "out sign")
    packed = assert_exact(binary_conv(rng, signed, "last", 4), reals(rng, 3, 3, 9, 8))
    assert len(ops_of(packed, ConcatChannels)) == len(ops_of(packed, GatherChannels)) == 1
    assert len(ops_of(packed, Threshold)) == 2


def test_concatenated_bits_of_different_kinds_and_a_split() -> None:
    rng = np.random.default_rng(3)
    x = stem(rng, 6)
    left = bipolar(x, "left")
    right = bipolar(hostile_batch_norm(rng, binary_conv(rng, left, "conv", 7)), "right")
    joined = src.Concat("concat", left, right)
    split = src.Gather("split", joined, np.arange(4, 11))
    doubled = src.Concat("double", split, split)
    assert_exact(binary_conv(rng, doubled, "last", 3), reals(rng, 3, 3, 9, 8))


def test_channels_of_a_shared_stream_saturate_at_both_ends() -> None:
    rng = np.random.default_rng(4)
    x = stem(rng, 8)
    total = wide(src.AddTensors("double", x, x), "sum")
    again = wide(src.AddTensors("again", total, total), "sum again")
    packed = assert_exact(again, 8 * reals(rng, 4, 3, 9, 8))
    y = answer(packed, 8 * reals(rng, 3, 9, 8))
    assert abs(y).max() == I16[1] * STEP


@pytest.mark.parametrize("seed", range(4))
def test_real_branches_are_rounded_and_noted(seed: int) -> None:
    """Batch normalizations in float32 on both branches: 14 bits of each remain."""
    rng = np.random.default_rng(seed)
    x = bipolar(stem(rng, 8), "sign")
    sides = [hostile_batch_norm(rng, binary_conv(rng, x, f"conv {i}", 8), f"bn {i}") for i in range(2)]
    result = src.PRelu("prelu", src.AddTensors("add", *sides), rng.normal(size=8).astype(np.float32))
    packed = lowered(result)
    assert {note.node for note in packed.notes} == {"add"}
    sample = reals(rng, 3, 9, 8)
    theirs, ours = evaluate_source(graph(result), sample), answer(packed, sample)
    assert np.abs(theirs - ours).max() < np.abs(theirs).max() * 2.0**-10


def test_calibration_narrows_the_steps() -> None:
    rng = np.random.default_rng(5)
    x = bipolar(stem(rng, 8), "sign")
    sides = [src.Mul(f"scale {i}", binary_conv(rng, x, f"conv {i}", 8), f32(0.3 + i)) for i in range(2)]
    relu = src.Relu("relu", hostile_batch_norm(rng, src.AddTensors("add", *sides)))
    result = src.Conv("last", relu, rng.integers(-9, 9, (4, 8, 1, 1)).astype(np.int8), ONE)
    sample = reals(rng, 3, 9, 8)
    theirs = evaluate_source(graph(result), sample)
    seen = {"relu": (0.0, float(evaluate_source(graph(relu), sample).max()))}
    errors = [
        np.abs(answer(lower(graph(result), LowerOptions(calibration=known)), sample) - theirs).mean()
        for known in (seen, {})
    ]
    assert errors[0] < errors[1] / 2


def test_maps_of_different_order_are_refused() -> None:
    rng = np.random.default_rng(6)
    conv = src.Conv("square", image((3, 9, 9)), signs(rng, 9, 3, 3, 3), ONE, pads=(1, 1, 1, 1))
    turned = src.Transpose("turned", conv, (1, 2, 0))
    with pytest.raises(BnncError, match="'bad' .* in different orders"):
        lowered(src.AddTensors("bad", conv, turned))


def test_a_grid_that_a_value_lies_on_already_costs_nothing() -> None:
    rng = np.random.default_rng(7)
    small = src.FixedPoint(
        "coarse", stem(rng, 6), f32(8), np.zeros(()), np.ones(()), np.full((), 0.5), -127, 127
    )
    again = src.Quant("again", src.Mul("step", small, f32(0.5)), f32(0.5), f32(0), 8, True, True, "ROUND")
    weights = rng.integers(-128, 128, (4, 6, 1, 1)).astype(np.int8)
    packed = assert_exact(src.Conv("1x1", again, weights, ONE), reals(rng, 3, 3, 9, 8))
    assert [op.name for op in ops_of(packed, Rescale)] == ["stem bn", "coarse"]
    assert not ops_of(packed, Threshold)


def test_channels_are_chosen_behind_their_quantizer() -> None:
    """What a quantizer of the source gives stands in the source's order, where `verify` compares it."""
    rng = np.random.default_rng(8)
    codes = fixed_point(rng, binary_conv(rng, bipolar(stem(rng, 6), "sign"), "conv", 6), "bn")
    shuffled = src.Gather("shuffle", codes, rng.permutation(6))
    packed = assert_exact(wide(src.AddTensors("add", shuffled, codes), "sum"), reals(rng, 2, 3, 9, 8))
    (gather,) = ops_of(packed, GatherChannels)
    assert isinstance(gather, GatherChannels) and isinstance(gather.x, Rescale)


def on_steps(x: Op, name: str, scale: float, bits: int = 8) -> Op:
    return src.Quant(name, x, f32(scale), f32(0), bits, True, True, "ROUND")


def test_sums_of_steps_without_a_common_one_are_noted() -> None:
    rng = np.random.default_rng(9)
    x = stem(rng, 6)
    result = src.AddTensors("add", on_steps(x, "halves", 0.5), on_steps(x, "thirds", 0.3))
    packed = lowered(result)
    assert [note.node for note in packed.notes] == ["add"]
    sample = 0.1 * reals(rng, 3, 9, 8)
    theirs = evaluate_source(graph(result), sample)
    assert 0 < np.abs(theirs - answer(packed, sample)).max() < 0.3 / 2**8


def test_sums_of_steps_with_a_common_one_are_exact() -> None:
    """Halves and fifth powers of a half, of which only every third is reached."""
    rng = np.random.default_rng(10)
    x = stem(rng, 6)
    third = src.Mul("three", bipolar(x, "sign"), f32(3 * 2.0**-5))
    assert_exact(src.AddTensors("add", on_steps(x, "halves", 0.5), third), reals(rng, 2, 3, 9, 8))


def test_concatenated_steps_stay_what_they_are() -> None:
    rng = np.random.default_rng(11)
    x = stem(rng, 6)
    joined = src.Concat("concat", on_steps(x, "halves", 0.5, 4), on_steps(x, "thirds", 0.3, 4))
    assert_exact(bipolar(hostile_batch_norm(rng, joined), "out"), reals(rng, 2, 3, 9, 8))
    assert_exact(joined, reals(rng, 2, 3, 9, 8))


def test_a_branch_of_whole_numbers_meets_one_that_is_scaled() -> None:
    """The sign's own integers need no scaling, and a note can name them all the same."""
    rng = np.random.default_rng(12)
    x = bipolar(stem(rng, 6), "sign")
    scaled = src.Mul("scale", binary_conv(rng, x, "conv", 6), f32(0.37))
    packed = lowered(src.AddTensors("add", scaled, x))
    assert {note.node for note in packed.notes} == {"add"}


def test_negated_branches_are_exact() -> None:
    rng = np.random.default_rng(13)
    x = stem(rng, 6)
    other = fixed_point(rng, binary_conv(rng, bipolar(x, "sign"), "conv", 6), "bn")
    assert_exact(wide(src.AddTensors("add", other, src.Neg("neg", x)), "sum"), reals(rng, 2, 3, 9, 8))


def test_rectified_branches_on_one_grid_are_exact() -> None:
    rng = np.random.default_rng(14)
    x = stem(rng, 6)
    relu = src.Relu("relu", fixed_point(rng, binary_conv(rng, bipolar(x, "sign"), "conv", 6), "bn"))
    assert_exact(wide(src.AddTensors("add", relu, x), "sum"), reals(rng, 2, 3, 9, 8))
    assert_exact(src.Concat("concat", relu, x), reals(rng, 2, 3, 9, 8))


def test_pools_in_front_of_arithmetic_that_differs_by_pixel() -> None:
    rng = np.random.default_rng(15)
    pooled = src.MaxPool("pool", stem(rng, 4), (3, 2), (3, 2), (0, 0, 0, 0))
    assert_exact(bipolar(hostile_batch_norm(rng, flatten(pooled)), "sign"), reals(rng, 2, 3, 9, 8))


def test_two_quantizers_of_a_quantized_input() -> None:
    """The device receives what the first quantizer gives."""
    rng = np.random.default_rng(16)
    x = image((6, 9, 8))
    sides = [bipolar(src.Sub(f"minus {c}", x, f32(c)), f"sign {c}") for c in (0.25, -0.5)]
    packed = assert_exact(src.AddTensors("add", *sides), reals(rng, 2, 6, 9, 8))
    assert core_input(packed).type.elem.bits == 8


def test_bends_stop_at_the_stream_in_front_of_them() -> None:
    """A stem's accumulators take millions of values, its stream 2^16 of them."""
    rng = np.random.default_rng(17)
    weights = rng.integers(-(2**15), 2**15, (40, 3, 3, 3)).astype(np.int16)
    conv = src.Conv("stem", image((3, 9, 8)), weights, ONE, pads=(1, 1, 1, 1))
    stream = fixed_point(rng, conv, "stem bn", unit=2.0**5)
    bent = src.PRelu("prelu", stream, -np.abs(rng.normal(size=40)).astype(np.float32))
    assert_exact(bipolar(src.Sub("minus", bent, f32(3.3)), "sign"), reals(rng, 2, 3, 9, 8))
