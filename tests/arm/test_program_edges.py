"""The float edges in C against the simulator's, bit for bit, on random heads and tails."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bnnc.arm import build as arm
from bnnc.arm.layout import Layout
from bnnc.arm.project import project, write_sources
from bnnc.edge.names import identifier
from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Cast, ChannelsFirst, ChannelsLast, EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import I64, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, TopK
from bnnc.ir.op import Array, Op, tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.sim.edge import decode, decode_integers, encode
from bnnc.targets import target

NONE = np.zeros((0, 0), np.float32)
ONE = np.float32(1)
EMPTY = Layout((), 0, 0, 0, 64, b"\0")
SPECIAL = np.float32([0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38, np.inf, -np.inf, 1, -1])
CHANNELS, SIZE = 5, 3


class Edges:
    """The compiled edges of a graph."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        self.graph = graph
        self.name = identifier(graph.name)
        tools = arm.toolchain(target("host"))
        write_sources(graph, EMPTY, tools, folder, project(graph))
        sources = (f"{self.name}_edge.c", "runtime/bnnc_edge.c")
        for source in sources:
            tools.compile(folder, source, f"{Path(source).stem}.o")
        tools.link(folder, [f"{Path(source).stem}.o" for source in sources], "edges.so", "-shared")
        self.library = ctypes.CDLL(str(folder / "edges.so"))

    def encode(self, x: Array) -> Array | None:
        """The codes of one sample, or None."""
        codes = np.zeros(x.shape, core_input(self.graph).type.elem.dtype)
        return None if self._call("encode", x, codes) else codes

    def decode(self, raw: Array) -> Array:
        out = tensor_of(self.graph.result)
        y = np.zeros(out.shape, out.elem.dtype)
        self._call("decode", raw, y)
        return y

    def _call(self, function: str, *arrays: Array) -> int:
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in arrays)
        return int(self.library[f"{self.name}_{function}"](*pointers))


def same_bits(a: Array, b: Array) -> bool:
    nan = np.isnan(a) & np.isnan(b) if a.dtype.kind == "f" else np.zeros(a.shape, bool)
    return a.dtype == b.dtype and a.shape == b.shape and bool((nan | (a.view("u4") == b.view("u4"))).all())


def map_graph(encoder: EncodeInput, tail: Callable[[Op], Op], name: str = "edges") -> Graph:
    """A convolution between the edges; nobody runs it."""
    channels = tensor_of(encoder).shape[0]
    weights = np.ones((CHANNELS, 1, 1, channels), np.int8)
    return Graph(name, Level.PACKED, tail(Conv2d("conv", ChannelsLast("last", encoder), weights, elem("i8"))))


def plain_encoder(channels: int = 2) -> EncodeInput:
    cuts = np.arange(255, dtype=np.float32)[None]
    return EncodeInput("in", Input("x", (channels, SIZE, SIZE)), cuts, NONE, NONE, ONE, 0, elem("u8"))


def random_encoder(rng: np.random.Generator) -> EncodeInput:
    channels = int(rng.integers(1, 4))
    rows = int(rng.choice([1, channels]))
    kind = elem(str(rng.choice(["b1_pm", "b1_01", "ter", "u3", "i8", "u8", "i16", "i12"])))
    n_cuts = 1 if kind.name == "b1_pm" else int(rng.integers(0, min(kind.hi - kind.lo, 700) + 1))
    step, offset = rng.uniform(0.01, 2, (rows, 1)), rng.uniform(-5, 5, (rows, 1))
    values = (np.arange(n_cuts + 1) * step + offset).astype(np.float32)
    cuts = (values[:, 1:] + values[:, :-1]) / np.float32(2)
    reject = np.stack([cuts[:, 0], np.nextafter(cuts[:, 0], np.float32(9))], 1) if n_cuts else NONE
    return EncodeInput(
        "in",
        Input("x", (channels, SIZE, SIZE)),
        cuts,
        values if rng.random() < 0.5 else NONE,
        reject if rng.random() < 0.5 else NONE,
        ONE,
        kind.lo,
        kind,
    )


def inputs(rng: np.random.Generator, encoder: EncodeInput) -> list[Array]:
    """Samples on cuts, beside cuts, at values, near values, and of special numbers."""
    shape = tensor_of(encoder).shape
    pool = encoder.cuts.ravel() if encoder.cuts.size else SPECIAL
    on_cuts = rng.choice(pool, (6, *shape)).astype(np.float32)
    samples = [
        *on_cuts[:2],
        np.nextafter(on_cuts[2], -np.inf),
        np.nextafter(on_cuts[3], np.inf),
        on_cuts[4] + 1,
    ]
    samples += [rng.choice(SPECIAL, shape), np.where(rng.random(shape) < 0.05, np.nan, on_cuts[5])]
    if encoder.values.size:
        rows = np.broadcast_to(encoder.values, (shape[0], encoder.values.shape[1]))
        picked = np.stack([rng.choice(row, shape[1:]) for row in rows])
        gap = np.diff(encoder.values).min() if encoder.cuts.size else 1
        samples += [
            picked,
            *(picked + gap * np.float32(f) for f in (5e-4, 9.9e-4, 1e-3, 1.01e-3, -9.9e-4, -2e-3)),
        ]
    return [np.ascontiguousarray(sample, np.float32) for sample in samples]


@pytest.mark.parametrize("seed", range(12))
def test_encoders_give_the_same_codes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    graph = map_graph(random_encoder(rng), lambda core: core)
    edges = Edges(graph, tmp_path)
    for x in inputs(rng, core_input(graph)):
        try:
            wanted: Array | None = encode(graph, x[None])[0]
        except BnncError:
            wanted = None
        got = edges.encode(x)
        assert (got is None) == (wanted is None)
        assert got is None or np.array_equal(got, wanted)


def random_constant(rng: np.random.Generator, channels: int) -> Array:
    shape = () if rng.random() < 0.5 else (channels,)
    return (rng.normal(0, 1, shape) * 10.0 ** rng.integers(-6, 4)).astype(np.float32)


def random_elementwise(rng: np.random.Generator, x: Op, name: str) -> Op:
    channels = x.type.shape[0]
    constants = [random_constant(rng, channels) for _ in range(4)]
    with_one = [src.Mul, src.Add, src.Sub, src.SubFrom, src.Div, src.DivInto, src.PRelu, src.BipolarQuant]
    plain = [src.Relu, src.Abs, src.Neg, src.Sqrt, src.Round, src.Floor, src.Ceil, src.Sign]
    plain += [src.Exp, src.Tanh, src.Sigmoid]
    match rng.integers(7):
        case 0 | 1:
            return with_one[rng.integers(len(with_one))](name, x, constants[0])
        case 2 | 3:
            return plain[rng.integers(len(plain))](name, x)
        case 4:
            return src.BatchNorm(name, x, *constants[:3], np.abs(constants[3]), 1e-5)
        case 5:
            return src.Clip(name, x, -2.5, 1e4) if rng.random() < 0.5 else src.HardSigmoid(name, x, 0.2, 0.5)
        case _:
            if rng.random() < 0.5:
                return src.Pow(name, x, np.float32(rng.integers(2, 4)))
            return src.Select(name, x, str(rng.choice([">=", ">", "<=", "<"])), *constants[:3])


def random_tail(rng: np.random.Generator, core: Op) -> Op:
    """Elementwise operations with a change of layout somewhere, or a vector with a softmax somewhere."""
    flat = rng.random() < 0.5
    y: Op = Reshape("flat", core, (CHANNELS * SIZE * SIZE,)) if flat else core
    early = not flat and rng.random() < 0.5
    y = ToFloat("real", ChannelsFirst("first", y) if early else y)
    for i in range(int(rng.integers(0, 4))):
        y = random_elementwise(rng, y, f"op {i}")
    if flat and rng.random() < 0.6:
        y = (src.Softmax if rng.random() < 0.5 else src.LogSoftmax)("soft", y)
    if not flat and not early:
        y = ChannelsFirst("first", y)
    for i in range(int(rng.integers(0, 3))):
        y = random_elementwise(rng, y, f"late {i}")
    return y


def raw_samples(rng: np.random.Generator, graph: Graph) -> Array:
    shape = core_result(graph).type.shape
    wide = rng.integers(-(2**31), 2**31, (2, *shape))
    small = rng.integers(-40, 41, (5, *shape))
    equal = np.full((1, *shape), 7)
    return np.concatenate([wide, small, equal]).astype(np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_decoders_give_the_same_bits(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    graph = map_graph(plain_encoder(), lambda core: random_tail(rng, core))
    edges, raw = Edges(graph, tmp_path), raw_samples(rng, graph)
    with np.errstate(all="ignore"):
        wanted = decode(graph, raw)
    for sample, y in zip(raw, wanted, strict=True):
        assert same_bits(edges.decode(sample), y)


def test_indices_become_int64(tmp_path: Path) -> None:
    codes = Reshape("flat", plain_encoder(), (1, 1, 2 * SIZE * SIZE))
    graph = Graph("top", Level.PACKED, Cast("index", Reshape("v", TopK("top", codes, 3), (3,)), I64))
    raw = np.array([[[5, 0, 17]]], np.int32)
    got = Edges(graph, tmp_path).decode(raw)
    assert got.dtype == np.int64 and got.tolist() == [5, 0, 17] == decode(graph, raw[None])[0].tolist()


def test_raw_integers_can_be_in_the_order_of_the_output() -> None:
    from bnnc.edge.converters import order

    graph = map_graph(plain_encoder(), lambda core: src.Relu("r", ToFloat("f", ChannelsFirst("first", core))))
    raw = np.arange(SIZE * SIZE * CHANNELS).reshape(1, SIZE, SIZE, CHANNELS)
    wanted = decode_integers(graph, raw).ravel()
    position, store = order(graph)
    formula = position.removeprefix("const size_t p1 = ").rstrip(";").replace("/", "//")
    assert store == "integers[p1] = raw[i];"
    assert [wanted[eval(formula, {"i": i})] for i in range(raw.size)] == list(range(raw.size))


def test_an_operation_without_c_is_named(tmp_path: Path) -> None:
    def tail(core: Op) -> Op:
        return src.Quant("q7", ToFloat("f", core), ONE, np.float32(0), 4, True, False, "ROUND")

    with pytest.raises(BnncError, match=r"node 'q7' \(quant\)"):
        Edges(map_graph(plain_encoder(), tail), tmp_path)
