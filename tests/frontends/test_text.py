"""Text in, text out: what the reader writes down for whole idioms."""

from __future__ import annotations

import numpy as np
from tests.frontends.cases import Arrays
from tests.frontends.reading import model, text


def test_quantized_weights_become_integers_and_a_scale() -> None:
    proto = model(
        "q = Quant<narrow=1>(w, s, z, b) t = Transpose(q) y = MatMul(x, t)",
        {
            "w": np.array([[0.4, -9, 0.6], [0.25, 0.75, 0]], np.float32),
            "s": np.array([[0.5], [0.25]], np.float32),
            "z": 0,
            "b": 3,
        },
        "float[N,3] x",
    )
    # 0.4/0.5 rounds to 1, -18 clamps to -3, 0.6/0.5 rounds to 1; 0.25/0.25 is 1, 3 is the largest code
    assert text(proto) == (
        '%1 = dense "MatMul_y" %0 {weights = dense<1, -3, 1, 1, 3, 0> int8[2, 3], '
        "scale = dense<0.5, 0.25> float32[2]} : f32<2>"
    )


def test_weight_scales_along_the_inputs_leave_real_weights() -> None:
    proto = model(
        "q = Quant(w, s, z, b) y = MatMul(x, q)",
        {
            "w": np.array([[1.0], [-1.0]], np.float32),
            "s": np.array([[0.5], [0.25]], np.float32),
            "z": 0,
            "b": 8,
        },
        "float[N,2] x",
    )
    assert text(proto) == (
        '%1 = dense "MatMul_y" %0 {weights = dense<1.0, -1.0> float32[1, 2], '
        "scale = dense<1.0> float32[]} : f32<1>"
    )


def test_zero_point_is_taken_off_the_weights() -> None:
    proto = model(
        "w = DequantizeLinear<axis=1>(q, s, z) y = MatMul(x, w)",
        {
            "q": np.array([[0, 255]], np.uint8),
            "s": np.array([0.5, 2], np.float32),
            "z": np.array([128, 100], np.uint8),
        },
        "float[N,1] x",
    )
    assert text(proto) == (
        '%1 = dense "MatMul_y" %0 {weights = dense<-128, 155> int16[2, 1], '
        "scale = dense<0.5, 2.0> float32[2]} : f32<2>"
    )


def test_a_factor_a_channel_goes_into_the_scale_of_the_weights() -> None:
    arrays: Arrays = {"w": np.array([[1.0, -1.0]], np.float32), "s": 1, "c": np.array([0.3, 0.7], np.float32)}
    proto = model("q = BipolarQuant(w, s) m = Mul(c, q) y = MatMul(x, m)", arrays, "float[N,1] x")
    assert text(proto) == (
        '%1 = dense "MatMul_y" %0 {weights = dense<1, -1> int8[2, 1], '
        "scale = dense<0.30000001192092896, 0.699999988079071> float32[2]} : f32<2>"
    )


def test_a_factor_that_rounds_leaves_real_weights() -> None:
    arrays: Arrays = {"w": np.arange(100, dtype=np.float32)[None] / 10, "s": 0.1, "z": 0, "b": 8, "c": 0.7}
    proto = model("q = Quant(w, s, z, b) m = Mul(q, c) y = MatMul(x, m)", arrays, "float[N,1] x")
    assert "float32[100, 1]" in text(proto)


def test_clipped_integers_are_a_narrower_quantizer() -> None:
    arrays: Arrays = {
        "s": 0.5,
        **{name: np.array(value, np.int8) for name, value in (("z", 0), ("lo", -3), ("hi", 3))},
    }
    proto = model("q = QuantizeLinear(x, s, z) c = Clip(q, lo, hi) y = DequantizeLinear(c, s, z)", arrays)
    assert text(proto) == (
        '%1 = quantize_linear "QuantizeLinear_q" %0 {scale = dense<0.5> float32[], '
        "zero_point = dense<0.0> float32[], lo = -3, hi = 3} : f32<4>"
    )


def test_bias_keeps_the_name_of_its_node() -> None:
    proto = model(
        "y = Conv(x, w, b)",
        {"w": np.ones((1, 1, 1, 1), np.float32), "b": 3 * np.ones(1, np.float32)},
        "float[N,1,2,2] x",
    )
    proto.graph.node[0].name = "stem / conv"
    assert text(proto).splitlines() == [
        '%1 = conv "stem / conv" %0 {weights = dense<1.0> float32[1, 1, 1, 1], scale = dense<1.0> float32[], '
        "strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1, "
        "pad_value = 0.0} : f32<1x2x2>",
        '%2 = add "stem / conv_bias" %1 {c = dense<3.0> float32[1]} : f32<1x2x2>',
    ]


def test_names_are_unique_and_may_be_any_text() -> None:
    proto = model("a = Relu(x) b = Abs(a) c = Neg(b) y = Sqrt(c)")
    for node, name in zip(proto.graph.node, ("x", 'l"1', "Sqrt_y", ""), strict=True):
        node.name = name
    assert [line.split(" = ")[1].rsplit(" %", 1)[0] for line in text(proto).splitlines()] == [
        'relu "x_2"',
        r'abs "l\"1"',
        'neg "Sqrt_y"',
        'sqrt "Sqrt_y_2"',
    ]


def test_uniform_constants_become_one_number() -> None:
    proto = model("y = Mul(x, c)", {"c": np.full((1, 4), 0.5, np.float32)})
    assert text(proto) == '%1 = mul "Mul_y" %0 {c = dense<0.5> float32[]} : f32<4>'


def test_max_and_min_are_clips() -> None:
    proto = model("a = Max(x, lo) y = Min(a, hi)", {"lo": -1, "hi": 1})
    assert text(proto).splitlines() == [
        '%1 = clip "Max_a" %0 {lo = -1.0, hi = inf} : f32<4>',
        '%2 = clip "Min_y" %1 {lo = -inf, hi = 1.0} : f32<4>',
    ]


def test_a_constant_left_of_a_comparison_turns_it_round() -> None:
    proto = model("a = Less(c, x) y = Where(a, p, n)", {"c": 0.5, "p": 1, "n": -1})
    assert text(proto) == (
        '%1 = select "Where_y" %0 {cut = dense<0.5> float32[], then = dense<1.0> float32[], '
        'other = dense<-1.0> float32[], compare = ">"} : f32<4>'
    )


def test_nodes_that_the_output_does_not_need_are_left_out() -> None:
    proto = model("a = Relu(x) unused = Unheard(x) y = Abs(x)")
    assert text(proto) == '%1 = abs "Abs_y" %0 {} : f32<4>'.replace(" {}", "")


def test_nodes_may_stand_in_any_order() -> None:
    proto = model("a = Relu(x) y = Abs(a)")
    first, second = proto.graph.node
    nodes = [second, first]
    reordered = type(proto)()
    reordered.CopyFrom(proto)
    del reordered.graph.node[:]
    reordered.graph.node.extend(nodes)
    assert text(reordered) == text(proto)
