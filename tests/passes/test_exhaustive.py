"""Every threshold of every published network against onnxruntime, at every reachable accumulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.passes.cut import Cut

from bnnc.frontends.load import load_model
from bnnc.frontends.onnx_file import parse_model
from bnnc.frontends.reader import read_model
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d, MaxPool2d, Table, Threshold
from bnnc.ir.op import Array, Op
from bnnc.ir.source_ops import Add, Conv, Dense, Mul
from bnnc.passes.chain import Chain, evaluate
from bnnc.passes.domain import parse_domain
from bnnc.passes.pipeline import LowerOptions, lower
from bnnc.passes.ranges import reachable
from bnnc.passes.weights import integer_weights
from bnnc.sim.activation import table, threshold

PUBLISHED = [
    "tfc_1w1a.onnx", "tfc_1w2a.onnx", "tfc_2w2a.onnx", "tfc_1w1a_finn.onnx", "kws_mlp_w3a3.onnx",
    "lfc_w1a1_mnist.onnx.gz", "lfc_w1a1_mnist_qonnx.onnx.gz", "lfc_w1a2_mnist.onnx.gz",
    "lfc_w1a2_mnist_qonnx.onnx.gz", "cnv_w1a1_cifar10.onnx.gz", "cnv_w1a1_cifar10_qonnx.onnx.gz",
    "cnv_w1a2_cifar10.onnx.gz", "cnv_w1a2_cifar10_qonnx.onnx.gz", "bmxnet_lenet_mnist.onnx.gz",
]  # fmt: skip
CHUNK = 1 << 14
Activation = Threshold | Table


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_reachable_accumulator(name: str, shared_data: Path) -> None:
    archive = load_model(shared_data / "models" / name)
    domain = parse_domain("u8:scale=1/255") if "bmxnet" in name else None
    graph = lower(archive.graph, LowerOptions(domain), until=Level.INTEGER)
    source = read_model(parse_model(archive.onnx), name)
    layers = {op.name: op for op in source.graph.ops if isinstance(op, Conv | Dense)}
    compared = 0
    for op in graph.ops:
        if (
            isinstance(op, Threshold | Table)
            and (layer := _layer(op)) is not None
            and op.name in source.tensors
        ):
            real = _real_numbers(layers[layer.name], layer, source.graph)
            start = source.tensors[f"{layer.name}_bias" if len(real) > 1 else layer.name]
            compared += _compare(op, Cut(parse_model(archive.onnx), start, source.tensors[op.name]), real)
    assert compared
    print(f"{name}: {compared} results equal to onnxruntime's")


def _layer(op: Activation) -> Conv2d | None:
    """The layer whose accumulators `op` reads, perhaps through a max pool."""
    below = op.x.operands[0] if isinstance(op.x, MaxPool2d) else op.x
    return below if isinstance(below, Conv2d) else None


def _real_numbers(layer: Conv | Dense, lowered: Conv2d, source: Graph) -> Chain:
    """What makes the source's numbers of accumulators: * scale of weights and activations, + bias."""
    weights = integer_weights(layer.weights, layer.scale).scale.astype(np.float64)
    scale = (weights * _scale_of(lowered.x)).astype(np.float32)
    bias = [op for op in source.ops if isinstance(op, Add) and op.name == f"{layer.name}_bias"]
    return (Mul("scale", Input("", scale.shape or (1,)), scale), *bias)


def _scale_of(op: Op) -> Array:
    """What one unit of a layer's input is worth."""
    while not isinstance(op, Threshold | Table | EncodeInput):
        op = op.operands[0]
    return op.scale.astype(np.float64)


def _compare(op: Activation, cut: Cut, real: Chain) -> int:
    """All results of `op` over the ranges of its channels against the cut's; how many there are."""
    reach, compared = reachable(op.x), 0
    for lo in range(int(reach.lo.min()), int(reach.hi.max()) + 1, CHUNK):
        x = np.arange(lo, min(lo + CHUNK, int(reach.hi.max()) + 1))
        grid = np.broadcast_to(x[:, None], (len(x), len(reach.lo)))
        legal = (grid >= reach.lo) & (grid <= reach.hi) & ((grid - reach.lo) % reach.step == 0)
        got = _integers(op, grid) * op.scale
        want = cut(evaluate(real, grid))
        assert np.array_equal(want[legal], got[legal].astype(np.float32)), op.name
        compared += int(legal.sum())
    return compared


def _integers(op: Activation, x: Array) -> Array:
    return threshold(op, x) if isinstance(op, Threshold) else table(op, x)
