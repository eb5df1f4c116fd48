"""The edges: real numbers to codes, raw integers to the source network's output."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graphs import random_codes, random_graph, random_inputs

from bnnc.errors import BnncError
from bnnc.ir.edge_ops import Cast, ChannelsFirst, EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM, I8, I16, I64, TER, U8, Elem, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import TopK
from bnnc.ir.op import Array, Op
from bnnc.ir.parts import core_input, tail
from bnnc.ir.source_ops import Add, BatchNorm, LogSoftmax, Mul, Softmax, Tanh
from bnnc.sim import transcendental
from bnnc.sim.edge import decode, decode_integers, encode

F = np.float32
ONE, NONE = np.array(1, F), np.zeros((0, 0), F)


def graph_of(op: Op) -> Graph:
    return Graph("edge", Level.INTEGER, op)


def encoder(
    cuts: list[list[float]],
    kind: Elem,
    first: int,
    shape: tuple[int, ...],
    values: Array = NONE,
    reject: Array = NONE,
    is_domain: bool = True,
) -> Graph:
    x = Input("x", shape)
    return graph_of(EncodeInput("e", x, np.array(cuts, F), values, reject, ONE, first, kind, is_domain))


def domain(scale: float, offset: float, shape: tuple[int, ...] = (2, 3, 3)) -> Graph:
    """u8 pixels that stand for q * scale + offset; the cuts lie half way."""
    values = (np.arange(256, dtype=F) * F(scale) + F(offset))[None]
    middle = (values[:, 1:].astype(np.float64) + values[:, :-1]) / 2
    return encoder(middle.tolist(), U8, 0, shape, values)


def test_a_cut_belongs_to_the_upper_code() -> None:
    graph = encoder([[-1.5, 0.0, 2.0]], elem("u2"), 0, (1, 1, 8))
    below = np.nextafter(F(2), F(0))
    x = np.array([-np.inf, -1.5, -1e-45, -0.0, 0.0, below, 2.0, np.inf], F).reshape(1, 1, 1, 8)
    codes = encode(graph, x)
    assert codes.dtype == np.uint8
    assert codes.ravel().tolist() == [0, 1, 1, 2, 2, 2, 3, 3]


def test_bipolar_codes_and_cuts_of_each_channel() -> None:
    graph = encoder([[0.5], [-0.5]], B1_PM, -1, (2, 1, 2))
    x = np.array([[0.0, 0.5], [-0.6, 0.0]], F).reshape(1, 2, 1, 2)
    codes = encode(graph, x)
    assert codes.dtype == np.int8
    assert codes.ravel().tolist() == [-1, 1, -1, 1]


def test_equal_cuts_skip_a_code() -> None:
    graph = encoder([[1.0, 1.0, np.inf, np.inf]], I8, -2, (3,))
    assert encode(graph, np.array([[0.0, 1.0, 9.0]], F)).tolist() == [[-2, 0, 0]]


@pytest.mark.parametrize("seed", range(20))
def test_codes_are_the_first_plus_the_cuts_reached(seed: int) -> None:
    """The formula of `EncodeInput`, element by element."""
    rng = np.random.default_rng(seed)
    rows, n_cuts = int(rng.choice([1, 3])), int(rng.integers(1, 20))
    cuts = np.sort(rng.integers(-20, 20, (rows, n_cuts)) / F(4), axis=1).astype(F)
    graph = encoder(cuts.tolist(), I16, -5, (3, 2, 2))
    x = (rng.integers(-25, 25, (4, 3, 2, 2)) / 4).astype(F)
    codes = encode(graph, x)
    for place in np.ndindex(*x.shape):
        reached = sum(bool(x[place] >= cut) for cut in cuts[place[1] % rows])
        assert codes[place] == -5 + reached


@pytest.mark.parametrize("spec", [(1 / 255, 0.0), (2 / 255, -1.0), (1 / 58.4, -2.1)])
def test_a_declared_domain_gives_every_code_back(spec: tuple[float, float]) -> None:
    graph = domain(*spec, shape=(1, 16, 16))
    q = np.arange(256).reshape(1, 1, 16, 16)
    for x in (q * spec[0] + spec[1], (q * F(spec[0]) + F(spec[1])).astype(F)):
        np.testing.assert_array_equal(encode(graph, x), q)


def test_integers_are_codes_of_a_declared_domain() -> None:
    graph = domain(1 / 255, 0.0)
    q = np.arange(18).reshape(1, 2, 3, 3) * 14
    for dtype in (np.uint8, np.int16, np.int64):
        codes = encode(graph, q.astype(dtype))
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(codes, q)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_width(dtype: type[np.floating[np.float64]]) -> None:
    graph = encoder([[0.25]], TER, 0, (2,))
    assert encode(graph, np.array([[0.25, 0.0]], dtype)).tolist() == [[1, 0]]


def refusal(graph: Graph, x: Array) -> str:
    with pytest.raises(BnncError) as error:
        encode(graph, x)
    return str(error.value)


def test_what_is_not_in_the_domain_is_refused() -> None:
    graph = domain(1 / 255, 0.0)
    x = np.zeros((2, 2, 3, 3), F)
    x[1, 0, 2, 1] = 0.5
    text = refusal(graph, x)
    assert "sample 1, element [0, 2, 1]" in text and "0.5" in text and "nearest is 0.498039" in text
    x[1, 0, 2, 1] = 1.1
    assert "1.1" in refusal(graph, x) and "nearest is 1.0" in refusal(graph, x)
    x[1, 0, 2, 1] = np.inf
    assert "inf" in refusal(graph, x) and "nearest is 1.0" in refusal(graph, x)


def test_a_thousandth_of_a_step_is_forgiven() -> None:
    graph = domain(1.0, 0.0, shape=(2,))
    assert encode(graph, np.array([[7.0009, 6.9991]], F)).tolist() == [[7, 7]]
    assert "7.002" in refusal(graph, np.array([[7.0, 7.002]], F))


def test_nan_is_refused_everywhere() -> None:
    x = np.zeros((1, 2, 3, 3), F)
    x[0, 1, 0, 2] = np.nan
    for graph in (domain(1.0, 0.0), encoder([[0.0]], B1_PM, -1, (2, 3, 3))):
        assert "sample 0, element [1, 0, 2] is nan" in refusal(graph, x)


def test_a_rejected_interval_is_refused() -> None:
    reject = np.array([[0.0, 0.5]], F)
    graph = encoder([[0.0]], B1_PM, -1, (3,), reject=reject)
    assert encode(graph, np.array([[-0.1, 0.5, 2.0]], F)).tolist() == [[-1, 1, 1]]
    assert "sample 1, element [2] is 0.25" in refusal(graph, np.array([[1, 1, 1], [1, 1, 0.25]], F))


def test_an_empty_interval_of_a_channel_rejects_nothing() -> None:
    graph = encoder([[0.0], [0.0]], B1_PM, -1, (2,), reject=np.array([[0.0, 0.0], [0.0, 1e-45]], F))
    assert encode(graph, np.array([[0.0, 1.0]], F)).tolist() == [[1, 1]]
    assert "element [1]" in refusal(graph, np.array([[0.0, 0.0]], F))


@pytest.mark.parametrize("shape", [(2, 3, 3), (1, 2, 3, 4), (1, 18), (0, 3, 3, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    assert "2 x 3 x 3" in refusal(domain(1.0, 0.0), np.zeros(shape, F))


@pytest.mark.parametrize("dtype", [bool, np.complex64, object, "U3"])
def test_other_kinds_of_data_are_refused(dtype: object) -> None:
    assert "holds" in refusal(domain(1.0, 0.0), np.zeros((1, 2, 3, 3), dtype))


@pytest.mark.parametrize("code", [-1, 256, 10**12])
def test_codes_out_of_range_are_refused(code: int) -> None:
    x = np.zeros((1, 2, 3, 3), np.int64)
    x[0, 1, 1, 1] = code
    assert str(code) in refusal(domain(1.0, 0.0), x)


def test_zero_is_no_bipolar_code() -> None:
    graph = encoder([[0.0]], B1_PM, -1, (3,))
    assert encode(graph, np.array([[1, -1, 1]])).tolist() == [[1, -1, 1]]
    assert "element [1] is 0" in refusal(graph, np.array([[1, 0, 1]]))


def test_integers_without_a_domain_are_refused() -> None:
    graph = encoder([[0.0]], B1_PM, -1, (1,), is_domain=False)
    assert "--input-domain" in refusal(graph, np.array([[1]]))


def test_an_empty_batch() -> None:
    assert encode(domain(1.0, 0.0), np.zeros((0, 2, 3, 3), F)).shape == (0, 2, 3, 3)


def core(shape: tuple[int, ...]) -> Op:
    return EncodeInput("core", Input("x", shape), np.arange(200, dtype=F)[None], NONE, NONE, ONE, -100, I16)


RAW = np.random.default_rng(0).integers(-100, 101, (5, 2, 3, 4)).astype(np.int16)


def test_a_map_comes_back_channels_first_and_scaled() -> None:
    scale, bias = np.array([0.5, -1, 3, 0.1], F), np.array([1, 2, 3, 4], F)
    y = Add("bias", Mul("scale", ToFloat("f", ChannelsFirst("cf", core((2, 3, 4)))), scale), bias)
    actual = decode(graph_of(y), RAW)
    assert actual.shape == (5, 4, 2, 3)
    assert actual.dtype == F
    assert actual.flags.c_contiguous
    for n, c, i, j in np.ndindex(*actual.shape):
        assert actual[n, c, i, j] == F(F(RAW[n, i, j, c]) * scale[c]) + bias[c]
    np.testing.assert_array_equal(decode_integers(graph_of(y), RAW), RAW.transpose(0, 3, 1, 2))


def test_a_vector_comes_back_scaled() -> None:
    gamma, beta, mean, var = (np.array([v, v + 1, v + 2], F) for v in (1, 2, 3, 4))
    vector = Reshape("v", core((1, 1, 3)), (3,))
    norm = BatchNorm("bn", ToFloat("f", vector), gamma, beta, mean, var, 1e-5)
    raw = RAW[:, :1, :1, :3]
    g, h = norm.affine
    np.testing.assert_array_equal(decode(graph_of(norm), raw), raw.reshape(5, 3).astype(F) * g + h)
    np.testing.assert_array_equal(decode_integers(graph_of(norm), raw), raw.reshape(5, 3))


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax, Tanh])
def test_final_functions(kind: type[Softmax | LogSoftmax | Tanh]) -> None:
    final = kind("s", ToFloat("f", Reshape("v", core((1, 1, 24)), (24,))))
    x = RAW.reshape(5, 24).astype(F)
    functions = {
        Softmax: transcendental.softmax,
        LogSoftmax: transcendental.log_softmax,
        Tanh: transcendental.tanh,
    }
    np.testing.assert_array_equal(decode(graph_of(final), RAW.reshape(5, 1, 1, 24)), functions[kind](x))


def test_indices_come_back_as_the_source_typed_them() -> None:
    top = TopK("top", core((1, 1, 4)), 2)
    graph = graph_of(Cast("cast", Reshape("v", top, (2,)), I64))
    raw = np.array([[[[3, 1]]]], np.int32)
    assert decode(graph, raw).dtype == np.int64
    assert decode(graph, raw).tolist() == [[3, 1]]
    assert decode_integers(graph, raw).dtype == np.int32


def test_large_integers_round_to_even() -> None:
    top = Cast("wide", core((1, 1, 2)), elem("i32"))
    graph = graph_of(ToFloat("f", Reshape("v", top, (2,))))
    raw = np.array([[[[2**24 + 1, 2**24 + 3]]]], np.int32)
    assert decode(graph, raw).tolist() == [[2**24, 2**24 + 4]]


def test_a_network_without_a_tail() -> None:
    graph = graph_of(core((2, 3, 4)))
    assert tail(graph) == ()
    np.testing.assert_array_equal(decode(graph, RAW), RAW)


def test_random_networks_encode_what_their_domain_allows() -> None:
    for seed in range(30):
        graph = random_graph(seed)
        codes = encode(graph, random_inputs(graph, 3, seed))
        assert codes.dtype == core_input(graph).elem.dtype
        np.testing.assert_array_equal(
            encode(graph, random_codes(graph, 3, seed)), random_codes(graph, 3, seed)
        )
