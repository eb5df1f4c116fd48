"""Chains chosen to break thresholds, at every reachable accumulator, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.passes.cut import Cut

from bnnc.frontends.load import load_model
from bnnc.frontends.onnx_file import parse_model
from bnnc.ir.graph import Level
from bnnc.ir.integer_ops import Table, Threshold
from bnnc.ir.op import Array
from bnnc.ir.value_ops import Rescale
from bnnc.passes.pipeline import LowerOptions, lower
from bnnc.passes.ranges import reachable
from bnnc.sim.simulator import evaluate

INPUTS, CHANNELS = 21, 48
Rng = np.random.Generator
Nodes = list[tuple[str, list[Array], dict[str, float]]]


def beside(rng: Rng, numbers: Array) -> Array:
    """Each number itself, or its neighbour above or below."""
    numbers = numbers.astype(np.float32)
    above, below = np.nextafter(numbers, np.float32(np.inf)), np.nextafter(numbers, np.float32(-np.inf))
    return rng.permuted(np.stack([numbers, above, below]), axis=0)[0]


def accumulators(rng: Rng) -> Array:
    """Reachable accumulators: odd numbers."""
    return rng.integers(-INPUTS // 2, INPUTS // 2, CHANNELS) * 2 + 1


def slopes(rng: Rng) -> Array:
    """Positive, negative, zero, denormal and huge."""
    kinds = [1, -1, 0.37, -1.7, 0, 1e-40, -1e-40, 1e30, -1e30, 3e-7]
    return rng.choice(np.array(kinds, np.float32), CHANNELS)


def batch_norm(rng: Rng) -> Nodes:
    mean = beside(rng, accumulators(rng))
    beta = np.where(rng.random(CHANNELS) < 0.7, 0, rng.normal(size=CHANNELS)).astype(np.float32)
    var = rng.choice(np.array([1, 0, 1e-12, 7.3, 1e6], np.float32), CHANNELS)
    return [("BatchNormalization", [slopes(rng), beta, mean, var], {"epsilon": 1e-5})]


def affine(rng: Rng) -> Nodes:
    return [("Sub", [beside(rng, accumulators(rng))], {}), ("Mul", [slopes(rng)], {})]


def division(rng: Rng) -> Nodes:
    divisor = slopes(rng)
    divisor[divisor == 0] = -3
    return [("Add", [beside(rng, accumulators(rng))], {}), ("Div", [divisor], {}), ("Relu", [], {})]


def prelu(rng: Rng) -> Nodes:
    shift, slope = (
        beside(rng, accumulators(rng)),
        rng.choice(np.array([-1, -0.25, 0, 0.5, 1], np.float32), CHANNELS),
    )
    return [("Add", [shift], {}), ("PRelu", [slope], {}), ("Sub", [beside(rng, accumulators(rng))], {})]


def smooth(rng: Rng) -> Nodes:
    return [("Mul", [slopes(rng) / 8], {}), ("Tanh", [], {}), ("Sub", [beside(rng, np.zeros(CHANNELS))], {})]


def tenths(rng: Rng) -> Nodes:
    """Multiples of a tenth: rounding to even decides at every second accumulator."""
    return [
        ("Mul", [np.full(CHANNELS, 0.1, np.float32)], {}),
        ("Add", [beside(rng, np.full(CHANNELS, 0.05))], {}),
    ]


QUANTIZERS: dict[str, tuple[str, list[float], dict[str, int | str]]] = {
    "bipolar": ("BipolarQuant", [1.0], {}),
    "ternary": ("Quant", [0.7, 0.0, 2.0], {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}),
    "u3": ("Quant", [0.1, 0.0, 3.0], {"signed": 0, "narrow": 0, "rounding_mode": "ROUND"}),
    "u4 zero point": ("Quant", [0.25, 3.0, 4.0], {"signed": 0, "narrow": 0, "rounding_mode": "FLOOR"}),
    "i8": ("Quant", [0.03, 0.0, 8.0], {"signed": 1, "narrow": 0, "rounding_mode": "HALF_UP"}),
}


@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("chain", [batch_norm, affine, division, prelu, smooth, tenths])
@pytest.mark.parametrize("seed", range(3))
def test_steps_are_those_of_onnxruntime(
    chain: Callable[[Rng], Nodes], quantizer: str, seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    model = _model(rng, chain(rng), *QUANTIZERS[quantizer])
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = lower(load_model(path).graph, LowerOptions(), until=Level.INTEGER)
    (op,) = [op for op in graph.ops if isinstance(op, Threshold | Table | Rescale)]
    reach = reachable(op.x)
    x = np.arange(-INPUTS, INPUTS + 1, reach.step)[:, None].repeat(CHANNELS, axis=1)
    got = evaluate(op, x) * op.scale
    want = Cut(parse_model(path.read_bytes()), "accumulator", "quantized")(x.astype(np.float32))
    assert reach.step == 2
    assert np.array_equal(got.astype(np.float32), want)


def _model(
    rng: Rng, chain: Nodes, kind: str, numbers: list[float], attributes: dict[str, int | str]
) -> onnx.ModelProto:
    weights = [
        rng.choice(np.array([-1, 1], np.float32), shape) for shape in ((INPUTS, CHANNELS), (CHANNELS, 3))
    ]
    constants = {"one": np.float32(1), "w1": weights[0], "w2": weights[1]}
    nodes = [
        helper.make_node("BipolarQuant", ["x", "one"], ["bits"], domain="qonnx.custom_op.general"),
        helper.make_node("MatMul", ["bits", "w1"], ["accumulator"], name="layer"),
    ]
    tensor = "accumulator"
    for i, (op_type, operands, options) in enumerate(chain):
        names = [f"c{i}_{j}" for j in range(len(operands))]
        constants |= dict(zip(names, operands, strict=True))
        nodes.append(helper.make_node(op_type, [tensor, *names], [f"t{i}"], **options))
        tensor = f"t{i}"
    names = [f"q{j}" for j in range(len(numbers))]
    constants |= {name: np.float32(n) for name, n in zip(names, numbers, strict=True)}
    quant = helper.make_node(
        kind, [tensor, *names], ["quantized"], domain="qonnx.custom_op.general", **attributes
    )
    nodes += [quant, helper.make_node("MatMul", ["quantized", "w2"], ["y"])]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", k]) for n, k in (("x", INPUTS), ("y", 3))
    ]
    stored = [numpy_helper.from_array(np.asarray(a, np.float32), n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, "test", ends[:1], ends[1:], stored)
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)
