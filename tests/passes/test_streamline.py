"""The lowered graph computes the source graph: bit for bit, wherever sums are whole numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.passes.builders import (
    ONE,
    answer,
    binary_input,
    bipolar,
    dense,
    f32,
    flatten,
    graph,
    hostile_batch_norm,
    lowered,
    quant,
    signs,
)  # fmt: skip
from tests.passes.float_reference import evaluate_source

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import EncodeInput, Input, Reshape
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Narrow, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import BitConv2d, PackedMaxPool2d, XnorConv2d
from bnnc.ir.text import print_graph
from bnnc.passes.pipeline import PASS_NAMES, LowerOptions, run_passes


def ops_of(packed: Graph, kind: type[Op]) -> list[Op]:
    return [op for op in packed.ops if isinstance(op, kind)]


def assert_same(result: Op, x: Array, domain: str = "") -> Graph:
    packed = lowered(result, domain)
    for sample in x:
        want, got = evaluate_source(graph(result), sample), answer(packed, sample)
        assert np.array_equal(want, got), (want, got)
    return packed


def reals(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_binary_convolutions_with_hostile_statistics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    conv = src.Conv("c1", binary_input((5, 9, 8)), signs(rng, 33, 5, 3, 3), ONE, pads=(1, 1, 1, 1))
    middle = bipolar(hostile_batch_norm(rng, conv), "q1")
    last = hostile_batch_norm(
        rng, src.Conv("c2", middle, signs(rng, 7, 33, 3, 2), ONE, strides=(2, 1)), "bn2"
    )
    packed = assert_same(last, reals(rng, 3, 5, 9, 8))
    assert len(ops_of(packed, XnorConv2d)) == 2


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("bits", "signed"), [(2, True), (2, False), (3, True), (4, False), (8, True)])
def test_quantizers_of_more_levels(seed: int, bits: int, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    first = hostile_batch_norm(rng, dense(binary_input((40,)), signs(rng, 30, 40)))
    levels = quant(first, bits, 0.25, signed)
    weights = rng.integers(-3, 4, (6, 30)).astype(np.int8)
    assert_same(dense(levels, weights, "d2", f32(0.5)), reals(rng, 4, 40))


@pytest.mark.parametrize("seed", range(6))
def test_max_pool_in_front_of_falling_batch_norm(seed: int) -> None:
    """The pool cannot move behind the threshold where the function behind it falls."""
    rng = np.random.default_rng(seed)
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 12, 3, 3, 3), ONE)
    pooled = src.MaxPool("pool", src.Tanh("tanh", conv), (2, 2), (2, 2), (0, 0, 0, 0))
    packed = assert_same(bipolar(hostile_batch_norm(rng, pooled)), reals(rng, 3, 3, 8, 8))
    assert len(ops_of(packed, MaxPool2d)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_max_pool_between_two_falling_batch_norms(seed: int) -> None:
    """Channels where the first falls are turned round: pooling the integers is pooling the numbers."""
    rng = np.random.default_rng(seed)
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 12, 3, 3, 3), ONE)
    pooled = src.MaxPool("pool", hostile_batch_norm(rng, conv), (3, 3), (2, 2), (1, 1, 1, 1))
    assert_same(bipolar(hostile_batch_norm(rng, pooled, "bn2")), reals(rng, 3, 3, 8, 8))


def test_max_pool_in_front_of_a_sign_works_on_bits() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 12, 3, 3, 3), ONE)
    pooled = src.MaxPool("pool", hostile_batch_norm(rng, conv), (2, 2), (2, 2), (0, 0, 0, 0))
    packed = assert_same(bipolar(pooled), reals(rng, 3, 3, 8, 8))
    assert ops_of(packed, PackedMaxPool2d) and not ops_of(packed, MaxPool2d)


def test_max_pool_behind_a_sign_works_on_bits() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 12, 3, 3, 3), ONE)
    pooled = src.MaxPool("pool", bipolar(hostile_batch_norm(rng, conv)), (2, 2), (2, 2), (0, 0, 0, 0))
    packed = assert_same(dense(flatten(pooled), signs(rng, 4, 108)), reals(rng, 3, 3, 8, 8))
    assert ops_of(packed, PackedMaxPool2d) and not ops_of(packed, MaxPool2d)


def test_flatten_becomes_a_kernel_over_the_map() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 6, 6)), signs(rng, 5, 3, 3, 3), ONE)
    packed = assert_same(dense(flatten(bipolar(conv)), signs(rng, 4, 80)), reals(rng, 3, 3, 6, 6))
    assert ops_of(packed, XnorConv2d)[-1].type.shape == (1, 1, 4)


def test_flatten_behind_a_waiting_pool() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 5, 3, 3, 3), ONE)
    pooled = src.MaxPool("pool", hostile_batch_norm(rng, conv), (2, 2), (2, 2), (0, 0, 0, 0))
    assert_same(dense(bipolar(flatten(pooled)), signs(rng, 4, 45)), reals(rng, 3, 3, 8, 8))


def test_per_element_arithmetic_behind_a_flatten() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 6, 6)), signs(rng, 5, 3, 3, 3), ONE)
    norm = hostile_batch_norm(rng, flatten(conv))
    assert_same(dense(bipolar(norm), signs(rng, 4, 80)), reals(rng, 3, 3, 6, 6))


def test_channels_last_flatten() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 6, 6)), signs(rng, 5, 3, 3, 3), ONE)
    last = flatten(src.Transpose("t", bipolar(conv), (1, 2, 0)))
    assert_same(dense(last, signs(rng, 4, 80)), reals(rng, 3, 3, 6, 6))


def test_channels_last_input() -> None:
    rng = np.random.default_rng(0)
    x = src.Transpose("t", bipolar(Input("x", (6, 7, 3))), (2, 0, 1))
    assert_same(src.Conv("c", x, signs(rng, 5, 3, 3, 3), ONE), reals(rng, 3, 6, 7, 3))


def test_average_pool_of_quantized_values() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((3, 9, 9)), signs(rng, 8, 3, 3, 3), ONE)
    levels = quant(src.Relu("relu", conv), 3, 2.0, signed=False)
    pooled = src.AveragePool("avg", levels, (7, 7), (1, 1), (0, 0, 0, 0))
    assert_same(pooled, reals(rng, 3, 3, 9, 9))
    assert_same(quant(pooled, 4, 0.3, signed=False, name="q2"), reals(rng, 3, 3, 9, 9))


def test_negative_prelu_slopes_make_intervals() -> None:
    rng = np.random.default_rng(0)
    first = dense(binary_input((40,)), signs(rng, 30, 40))
    prelu = src.PRelu("prelu", first, rng.normal(size=30).astype(np.float32))
    packed = assert_same(dense(bipolar(src.Sub("sub", prelu, f32(3))), signs(rng, 5, 30)), reals(rng, 6, 40))
    jumps = ops_of(packed, Threshold)[0].constants["jumps"]
    assert any({-2, 2} <= set(row) for row in jumps.tolist())


def test_sign_written_as_select_and_zero_one_activations() -> None:
    rng = np.random.default_rng(0)
    first = dense(binary_input((40,)), signs(rng, 30, 40))
    step = src.Select("step", first, ">", f32(0), f32(1), f32(0))
    packed = assert_same(dense(step, signs(rng, 5, 30), "d2"), reals(rng, 6, 40))
    assert ops_of(packed, BitConv2d)[0].operands[0].type.elem.name == "b1_01"


def test_round_and_clip_are_a_ternary_quantizer() -> None:
    rng = np.random.default_rng(0)
    first = src.Div("div", dense(binary_input((40,)), signs(rng, 30, 40)), f32(8))
    ternary = src.Clip("clip", src.Round("round", first), -1.0, 1.0)
    packed = assert_same(dense(ternary, signs(rng, 5, 30), "d2"), reals(rng, 6, 40))
    assert ops_of(packed, BitConv2d)[0].operands[0].type.elem.name == "ter"


def test_bits_of_zero_and_one_by_arithmetic_on_signs() -> None:
    rng = np.random.default_rng(0)
    sign = bipolar(dense(binary_input((40,)), signs(rng, 30, 40)))
    halves = src.Mul("half", src.Add("plus", sign, f32(1)), f32(0.5))
    packed = assert_same(dense(halves, signs(rng, 5, 30), "d2"), reals(rng, 6, 40))
    assert ops_of(packed, BitConv2d)[0].operands[0].type.elem.name == "b1_01"


@pytest.mark.parametrize("compare", [">=", ">", "<=", "<"])
def test_comparisons_at_the_exact_cut(compare: str) -> None:
    rng = np.random.default_rng(0)
    first = dense(binary_input((10,)), signs(rng, 6, 10))
    cut = f32(0, 2, -2, float(np.nextafter(np.float32(2), 9)), float(np.nextafter(np.float32(2), -9)), 100)
    step = src.Select("step", first, compare, cut, f32(1), f32(-1))
    assert_same(dense(step, signs(rng, 5, 6), "d2"), reals(rng, 40, 10))


def test_reachable_zero_in_front_of_sign_is_refused() -> None:
    rng = np.random.default_rng(0)
    sign = src.Sign("onnx sign", dense(binary_input((10,)), signs(rng, 6, 10)))
    with pytest.raises(BnncError, match=r"'onnx sign'.*exact 0 is reachable.*channel 0, accumulator 0"):
        lowered(dense(sign, signs(rng, 5, 6), "d2"))


def test_zero_at_the_smallest_accumulator_only_is_refused() -> None:
    """Bits of 0 and 1 by weights of +1: no bit at all gives the 0, which no cut leads to."""
    bits = src.Select("bits", Input("x", (10,)), ">=", f32(0), f32(1), f32(0))
    sign = src.Sign("onnx sign", dense(bits, np.ones((6, 10), np.float32)))
    with pytest.raises(BnncError, match=r"exact 0 is reachable.*channel 0, the smallest accumulator"):
        lowered(sign)


def test_parity_keeps_zero_out_of_reach() -> None:
    rng = np.random.default_rng(0)
    sign = src.Sign("onnx sign", dense(binary_input((11,)), signs(rng, 6, 11)))
    assert_same(dense(sign, signs(rng, 5, 6), "d2"), reals(rng, 20, 11))


def test_zero_padding_brings_zero_back_into_reach() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", binary_input((1, 4, 4)), signs(rng, 3, 1, 3, 3), ONE, pads=(1, 1, 1, 1))
    with pytest.raises(BnncError, match="exact 0 is reachable"):
        lowered(src.Sign("onnx sign", conv))


def test_exact_zero_at_a_float_input_is_refused_at_run_time() -> None:
    rng = np.random.default_rng(0)
    packed = lowered(dense(src.Sign("s", Input("x", (4,))), signs(rng, 3, 4)))
    answer(packed, np.array([1, -1, 1e-45, -1e-45], np.float32))
    for zero in (0.0, -0.0):
        with pytest.raises(BnncError):
            answer(packed, np.array([1, -1, zero, 2], np.float32))


def test_declared_domain_makes_thresholds_over_its_codes() -> None:
    rng = np.random.default_rng(0)
    shifted = src.Sub("sub", src.Mul("mul", Input("x", (2, 4, 4)), f32(2)), f32(1))
    conv = src.Conv("c", bipolar(shifted), signs(rng, 5, 2, 3, 3), ONE)
    x = (rng.integers(0, 256, (4, 2, 4, 4)) / np.float32(255)).astype(np.float32)
    packed = assert_same(conv, x, "u8:scale=1/255")
    assert ops_of(packed, EncodeInput)[0].type.elem.name == "u8"
    assert ops_of(packed, Threshold)


def test_domain_folds_exactly_into_a_first_layer_with_padding() -> None:
    """x = q - 128 in front of a zero-padded layer: the padded code is 128."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-9, 10, (4, 2, 3, 3)).astype(np.float32)
    conv = src.Conv("c", Input("x", (2, 5, 5)), weights, ONE, pads=(1, 1, 1, 1))
    x = rng.integers(-128, 128, (3, 2, 5, 5)).astype(np.float32)
    packed = assert_same(bipolar(src.Add("half", conv, f32(0.5))), x, "u8:offset=-128")
    assert not packed.notes and not ops_of(packed, Table)


def test_per_channel_normalization_is_quantized_and_noted() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("stem", Input("x", (3, 5, 5)), signs(rng, 4, 3, 3, 3), ONE, pads=(1, 1, 1, 1))
    packed = lowered(bipolar(conv), "u8:mean=123.68:116.78:103.94,std=58.4:57.1:57.4")
    assert [note.node for note in packed.notes] == ["stem"] and "i16" in packed.notes[0].text


def test_real_layers_are_quantized_and_noted() -> None:
    rng = np.random.default_rng(0)
    hidden = src.Tanh("tanh", dense(binary_input((20,)), signs(rng, 16, 20), scale=f32(0.1)))
    packed = lowered(dense(hidden, reals(rng, 3, 16), "head"))
    assert [note.node for note in packed.notes] == ["head", "head"]


def test_float_weights_on_a_grid_are_exact() -> None:
    rng = np.random.default_rng(0)
    step = np.float32(0.37)
    weights = rng.integers(-7, 8, (6, 20)).astype(np.float32) * step
    weights[:, 0] = step
    packed = lowered(dense(binary_input((20,)), weights))
    assert not packed.notes


def test_float_layer_on_a_float_input_needs_a_domain() -> None:
    with pytest.raises(BnncError, match="--input-domain u8:scale=1/255"):
        lowered(dense(Input("x", (4,)), np.ones((2, 4), np.float32)))


def test_argmax_ranks_by_the_float_results() -> None:
    """Scales that differ per class change the order of the accumulators."""
    rng = np.random.default_rng(0)
    logits = hostile_batch_norm(rng, dense(binary_input((12,)), signs(rng, 9, 12)))
    assert_same(src.ArgTopK("top", logits, 3), reals(rng, 40, 12))


def test_argmax_of_the_accumulators_needs_no_table() -> None:
    rng = np.random.default_rng(0)
    logits = src.Mul("mul", dense(binary_input((12,)), signs(rng, 9, 12)), f32(0.37))
    packed = assert_same(src.ArgTopK("top", logits, 1), reals(rng, 40, 12))
    assert not ops_of(packed, Table)


@pytest.mark.parametrize("softmax", [src.Softmax, src.LogSoftmax])
def test_argmax_behind_a_softmax_ranks_the_logits(softmax: type[src.Softmax | src.LogSoftmax]) -> None:
    rng = np.random.default_rng(0)
    scores = dense(binary_input((12,)), signs(rng, 9, 12))
    logits = src.Add("bias", src.Mul("scale", scores, f32(0.37)), reals(rng, 9))
    packed = lowered(src.ArgTopK("top", softmax("softmax", logits), 1))
    for x in reals(rng, 40, 12):
        want = evaluate_source(graph(src.ArgTopK("top", logits, 1)), x)
        assert np.array_equal(answer(packed, x), want)
    close = src.Mul("tiny", scores, f32(1e-9))
    with pytest.raises(BnncError, match="'top'.*too close to tell"):
        lowered(src.ArgTopK("top", softmax("softmax", close), 1))
    with pytest.raises(BnncError, match="'top'.*behind a Softmax"):
        lowered(src.ArgTopK("top", softmax("softmax", logits), 2))


def test_pads_become_padding_of_the_layer() -> None:
    rng = np.random.default_rng(0)
    for value in (-1.0, 0.0, 1.0):
        padded = src.Pad("pad", binary_input((3, 5, 5)), (1, 2, 0, 1), value)
        conv = src.Conv("c", padded, signs(rng, 4, 3, 3, 3), ONE)
        x = reals(rng, 3, 5, 5)
        packed = lowered(conv)
        direct = replace(conv, x=binary_input((3, 5, 5)), pads=(1, 2, 0, 1), pad_value=value)
        inside = lowered(direct)
        assert np.array_equal(answer(packed, x), answer(inside, x))


def test_grouped_and_dilated_convolutions() -> None:
    rng = np.random.default_rng(0)
    grouped = src.Conv("g", binary_input((6, 8, 8)), signs(rng, 9, 2, 3, 3), ONE, groups=3, dilations=(2, 1))
    assert_same(hostile_batch_norm(rng, grouped), reals(rng, 2, 6, 8, 8))


def test_large_accumulators_are_bisected() -> None:
    """8-bit by 8-bit sums are too many to enumerate; the steps are still exact."""
    rng = np.random.default_rng(0)
    x = quant(Input("x", (300,)), 8, 1 / 128, signed=True)
    first = dense(x, rng.integers(-127, 128, (70, 300)).astype(np.int8), scale=f32(0.01))
    norm = src.BatchNorm(
        "bn", first, reals(rng, 70), reals(rng, 70), reals(rng, 70), np.ones(70, np.float32), 1e-5
    )
    packed = lowered(quant(norm, 3, 0.5, signed=False, name="q2"))
    threshold = ops_of(packed, Threshold)[-1]
    accumulators = ops_of(packed, Conv2d)[0]
    assert isinstance(threshold, Threshold) and threshold.operands[0] is accumulators


def test_lowering_twice_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    once = lowered(dense(bipolar(dense(binary_input((20,)), signs(rng, 16, 20))), signs(rng, 3, 16)))
    assert print_graph(run_passes(once, PASS_NAMES, LowerOptions())) == print_graph(once)


def test_unsupported_reshape_names_the_node() -> None:
    conv = src.Conv("c", binary_input((4, 4, 4)), signs(np.random.default_rng(0), 4, 4, 1, 1), ONE)
    odd = Reshape("odd reshape", bipolar(conv, "q"), (16, 2, 2))
    with pytest.raises(BnncError, match="'odd reshape'"):
        lowered(src.Conv("c2", odd, np.ones((1, 16, 1, 1), np.int8), ONE))


@pytest.mark.parametrize("functions", ["", "relu", "quant"])
def test_average_pools_of_accumulators_are_exact(functions: str) -> None:
    rng = np.random.default_rng(0)
    x = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 8, 3, 3, 3), f32(0.5))
    if functions == "relu":
        x = src.Relu("relu", x)
    if functions == "quant":
        x = quant(x, 3, 1.0, signed=True)
    pooled = src.AveragePool("avg", x, (2, 2), (2, 2), (0, 0, 0, 0))
    packed = assert_same(bipolar(hostile_batch_norm(rng, pooled)), reals(rng, 3, 3, 8, 8))
    assert not packed.notes
    packed = assert_same(dense(flatten(pooled), signs(rng, 5, 72)), reals(rng, 3, 3, 8, 8))
    assert not packed.notes and ops_of(packed, Narrow)


def test_layers_without_a_quantizer_between_them_pass_integers_on() -> None:
    rng = np.random.default_rng(0)
    first = src.Relu("relu", dense(binary_input((40,)), signs(rng, 30, 40), scale=f32(0.25)))
    packed = assert_same(dense(first, signs(rng, 5, 30), "d2"), reals(rng, 6, 40))
    assert not packed.notes


def test_depthwise_layers_take_a_scale_per_channel() -> None:
    rng = np.random.default_rng(0)
    scales = f32(*(2.0 ** rng.integers(-3, 3, 6)))
    conv = src.Conv("c", binary_input((3, 8, 8)), signs(rng, 6, 3, 3, 3), ONE)
    levels = src.Quant("q", conv, scales, np.zeros((), np.float32), 4, True, False, "ROUND")
    depthwise = src.Conv("dw", levels, signs(rng, 12, 1, 3, 3), ONE, groups=6)
    assert not assert_same(depthwise, reals(rng, 3, 3, 8, 8)).notes


def test_one_dimensional_maps() -> None:
    rng = np.random.default_rng(0)
    line = src.Conv("c", Reshape("in", binary_input((3, 12)), (3, 1, 12)), signs(rng, 6, 3, 1, 3), ONE)
    sign = bipolar(hostile_batch_norm(rng, Reshape("out", line, (6, 10))))
    assert_same(dense(flatten(sign), signs(rng, 5, 60)), reals(rng, 3, 3, 12))


def test_numbers_behind_the_last_quantizer_stay_with_the_edge() -> None:
    """An offset that is no multiple of the quantizer's step needs no rounding there."""
    rng = np.random.default_rng(0)
    levels = quant(dense(binary_input((40,)), signs(rng, 30, 40)), 4, 0.5, signed=True)
    assert not assert_same(src.Add("offset", levels, f32(0.3)), reals(rng, 6, 40)).notes


def test_equal_offsets_per_channel_fold_into_a_grouped_layer() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", Input("x", (3, 5, 5)), signs(rng, 6, 1, 3, 3), ONE, groups=3)
    x = ((rng.integers(0, 256, (3, 3, 5, 5)) - 128) / 64).astype(np.float32)
    assert not assert_same(conv, x, "u8:mean=128:128:128,std=64").notes


def test_offsets_that_are_codes_as_fractions_fold_exactly() -> None:
    rng = np.random.default_rng(0)
    conv = src.Conv("c", Input("x", (3, 5, 5)), signs(rng, 6, 3, 3, 3), ONE, pads=(1, 1, 1, 1))
    packed = lowered(bipolar(conv), "u8:scale=1/255,offset=-128/255")
    assert not packed.notes and ops_of(packed, Conv2d)[0].pad_value == 128


def test_weights_that_cannot_change_sign_are_refused() -> None:
    """A pool of a falling function turns its channels round; -128 has no opposite in 8 bits."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    weights[:, 0, 0, 0] = -128
    conv = src.Conv("c", binary_input((3, 8, 8)), weights, ONE)
    pooled = src.MaxPool("pool", src.Neg("neg", conv), (2, 2), (2, 2), (0, 0, 0, 0))
    with pytest.raises(BnncError, match="'pool'.*-128.*'c' with narrow"):
        lowered(bipolar(src.Neg("neg2", pooled)))


def test_sign_at_the_input_with_and_without_a_reachable_zero() -> None:
    """3.4375 * x - 1 is 0 for no float32 x: nothing is rejected there."""
    rng = np.random.default_rng(0)
    x = src.Sub("sub", src.Mul("mul", Input("x", (3,)), f32(3.4375, 2, 1)), f32(1, 1, 0))
    result = dense(src.Sign("s", x), signs(rng, 3, 3))
    low, high = ops_of(assert_same(result, reals(rng, 20, 3)), EncodeInput)[0].constants["reject"].T
    assert (low < high).tolist() == [False, True, True]
    alone = src.Sub("sub", src.Mul("mul", Input("x", (3,)), f32(3.4375)), f32(1))
    packed = assert_same(dense(src.Sign("s", alone), signs(rng, 3, 3)), reals(rng, 20, 3))
    assert not ops_of(packed, EncodeInput)[0].constants["reject"].size
