"""The layers of source graphs: residual blocks, roles, work, and which value each one binarizes."""

from __future__ import annotations

import numpy as np
import pytest

from bnnc.errors import BnncError
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Array, Op, one
from bnnc.plan.layers import Layer, find_layers, macs

CHANNELS, SIZE = 4, 6


class Everything:
    """Every operation's result can be read."""

    def __contains__(self, _: object) -> bool:
        return True


def weights(outputs: int, inputs: int, kernel: int) -> Array:
    return np.ones((outputs, inputs, kernel, kernel), np.float32)


def conv(name: str, x: Op, kernel: int = 3, strides: tuple[int, int] = (1, 1)) -> Op:
    pad = kernel // 2
    return src.Conv(name, x, weights(CHANNELS, CHANNELS, kernel), one(), strides, (pad,) * 4)  # type: ignore[arg-type]


def sign(name: str, x: Op) -> Op:
    return src.BipolarQuant(name, x, one())


def found(result: Op, tensors: object = None) -> dict[str, Layer]:
    graph = Graph("g", Level.SOURCE, result)
    return {layer.name: layer for layer in find_layers(graph, tensors or Everything())}  # type: ignore[arg-type]


def basic_block(name: str, x: Op, is_down: bool = False) -> Op:
    """Two 3x3 convolutions and a shortcut, 1x1 if it goes down."""
    strides = (2, 2) if is_down else (1, 1)
    first = src.Relu(f"{name}_relu", conv(f"{name}_a", x, strides=strides))
    shortcut = conv(f"{name}_down", x, 1, strides) if is_down else x
    return src.Relu(f"{name}_out", src.AddTensors(f"{name}_add", conv(f"{name}_b", first), shortcut))


def resnet() -> Op:
    x: Op = src.Relu("relu", conv("stem", Input("x", (CHANNELS, SIZE, SIZE))))
    for name, is_down in (("b0", False), ("b1", True), ("b2", False)):
        x = basic_block(name, x, is_down)
    vector = Reshape("flat", x, (CHANNELS * 9,))
    return src.Dense("fc", vector, np.ones((2, CHANNELS * 9), np.float32), one())


def test_residual_blocks_and_roles() -> None:
    layers = found(resnet())
    assert {name: (layer.block, layer.role) for name, layer in layers.items()} == {
        "stem": ("", "first"),
        "b0_a": ("b0_add", ""),
        "b0_b": ("b0_add", ""),
        "b1_a": ("b1_add", ""),
        "b1_b": ("b1_add", ""),
        "b1_down": ("b1_add", "shortcut"),
        "b2_a": ("b2_add", ""),
        "b2_b": ("b2_add", ""),
        "fc": ("", "last"),
    }


def test_a_block_that_reads_the_stem_beside_its_predecessor() -> None:
    """The authors' hybrid ResNets: the second block's main branch starts at the stem's output."""
    stem: Op = conv("stem", Input("x", (CHANNELS, SIZE, SIZE)))
    first = src.AddTensors("add0", conv("a0", stem), stem)
    second = src.AddTensors("add1", conv("a1", stem), first)
    layers = found(conv("last", second))
    assert [layers[name].block for name in ("stem", "a0", "a1", "last")] == ["", "add0", "add1", ""]


def test_one_convolution_a_block_beside_a_pooled_shortcut() -> None:
    """Bi-Real: a binary 3x3 convolution, and a real 1x1 one on the shortcut."""
    x: Op = conv("stem", Input("x", (CHANNELS, SIZE, SIZE)))
    pooled = src.AveragePool("pool", x, (2, 2), (2, 2), (0, 0, 0, 0))
    add = src.AddTensors("add", conv("main", sign("s", x), strides=(2, 2)), conv("side", pooled, 1))
    layers = found(conv("last", src.AddTensors("add2", conv("next", sign("s2", add)), add)))
    roles = {name: (layer.role, layer.block) for name, layer in layers.items()}
    assert roles["main"] == ("", "add") and roles["side"] == ("shortcut", "add")
    assert roles["next"] == ("", "add2")


def test_two_branches_of_1x1_are_no_shortcuts() -> None:
    x: Op = conv("stem", Input("x", (CHANNELS, SIZE, SIZE)))
    layers = found(conv("last", src.AddTensors("add", conv("a", x, 1), conv("b", x, 1))))
    assert (layers["a"].role, layers["b"].role) == ("", "")


def test_a_shortcut_beside_several_1x1() -> None:
    x: Op = conv("stem", Input("x", (CHANNELS, SIZE, SIZE)))
    layers = found(conv("last", src.AddTensors("add", conv("b", conv("a", x, 1), 1), conv("side", x, 1))))
    assert [layers[name].role for name in ("a", "b", "side")] == ["", "", "shortcut"]


@pytest.mark.parametrize("is_first", [False, True])
def test_a_block_of_one_1x1_is_no_shortcut_of_the_next(is_first: bool) -> None:
    stem: Op = conv("stem", Input("x", (CHANNELS, SIZE, SIZE)))
    first = src.AddTensors("add0", conv("a0", stem, 1), stem)
    operands = (first, conv("a1", stem)) if is_first else (conv("a1", stem), first)
    layers = found(conv("last", src.AddTensors("add1", *operands)))
    assert (layers["a0"].role, layers["a0"].block) == ("", "add0")


def test_branches_that_are_concatenated_are_no_block() -> None:
    x: Op = conv("squeeze", Input("x", (CHANNELS, SIZE, SIZE)))
    joined = src.Concat("cat", conv("e1", x, 1), conv("e3", x))
    last = src.Conv("last", joined, weights(1, 2 * CHANNELS, 1), one())
    assert {layer.block for layer in found(last).values()} == {""}


def test_a_single_layer_is_the_first() -> None:
    assert found(conv("only", Input("x", (CHANNELS, SIZE, SIZE))))["only"].role == "first"


def test_multiply_accumulates() -> None:
    x = Input("x", (4, 8, 8))
    grouped = src.Conv("g", x, np.ones((6, 2, 3, 3), np.float32), one(), (2, 2), (1, 1, 1, 1), groups=2)
    assert macs(grouped) == 6 * 4 * 4 * 2 * 9
    dense = src.Dense("d", Input("v", (5,)), np.ones((3, 5), np.float32), one())
    assert macs(dense) == 15


def bits() -> dict[str, tuple[Op, str, list[float]]]:
    """What a layer may read, the operation whose value counts, and what is taken off it."""
    x = Input("x", (CHANNELS, SIZE, SIZE))
    real: Op = src.Relu("real", x)
    cut = np.arange(CHANNELS, dtype=np.float32)
    step = src.Select("step", real, ">", cut, one(), np.zeros((), np.float32))
    pads, pool = (1, 1, 1, 1), ((2, 2), (2, 2), (0, 0, 0, 0))
    shuffled = src.Gather("shuffle", sign("s", real), np.array([3, 1, 2, 0]))
    return {
        "real": (real, "real", [0]),
        "input": (x, "x", [0]),
        "sign": (sign("s", real), "real", [0]),
        "onnx sign": (src.Sign("s", real), "real", [0]),
        "step": (step, "real", [0, 1, 2, 3]),
        "one threshold": (src.MultiThreshold("t", real, cut[:, None], 2.0, -1.0), "real", [0, 1, 2, 3]),
        "two thresholds": (src.MultiThreshold("t", real, np.array([[0, 1]], np.float32), 1, 0), "t", [0]),
        "scaled bits": (src.Mul("m", sign("s", real), one() * 3), "real", [0]),
        "scaled values": (src.Mul("m", real, one() * 3), "m", [0]),
        "pooled bits": (src.MaxPool("p", sign("s", real), *pool), "real", [0]),
        "pooled values": (src.MaxPool("p", real, *pool), "p", [0]),
        "padded bits": (src.Pad("p", sign("s", real), pads, -1.0), "real", [0]),
        "padded values": (src.Pad("p", real, pads, 0.0), "real", [0]),
        "shuffled bits": (shuffled, "real", [0]),
        "padding in front of the sign": (sign("s", src.Pad("p", real, pads, 0.0)), "real", [0]),
        "several bits": (src.Quant("q", real, one(), one() * 0, 2, True, False, "ROUND"), "q", [0]),
    }


@pytest.mark.parametrize("name", bits())
def test_the_value_in_front_of_the_sign(name: str) -> None:
    x, reads, centre = bits()[name]
    layer = found(conv("c", x))["c"]
    assert (layer.input.op.name, layer.input.centre.reshape(-1).tolist()) == (reads, centre)
    assert layer.input.steps == ()


def test_the_nearest_tensor_of_the_onnx_graph() -> None:
    x = Input("x", (CHANNELS, 1, 1))
    flat = Reshape("flat", src.Transpose("moved", x, (1, 2, 0)), (CHANNELS,))
    scaled = src.Div("scaled", flat, one())
    dense = src.Dense("d", scaled, np.ones((2, CHANNELS), np.float32), one())
    layer = found(dense, {"x", "d"})["d"]
    assert layer.input.op is x
    assert [step.name for step in layer.input.steps] == ["moved", "flat", "scaled"]


def test_what_no_tensor_holds_is_refused() -> None:
    pool = src.MaxPool("p", Input("x", (CHANNELS, SIZE, SIZE)), (2, 2), (2, 2), (0, 0, 0, 0))
    with pytest.raises(
        BnncError, match=r"node 'p' \(max_pool\): no tensor of the ONNX graph holds its result"
    ):
        found(conv("c", pool), {"x"})


def test_joined_bits_are_refused() -> None:
    x = Input("x", (CHANNELS, SIZE, SIZE))
    joined = src.Concat("cat", sign("a", x), x)
    with pytest.raises(BnncError, match="joins bits of several quantizers"):
        found(src.Conv("c", joined, weights(1, 2 * CHANNELS, 1), one()))
