"""Writes the trained network as QONNX: BipolarQuant on weights and activations, BatchNormalization kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from model import CLASSES, INPUT_STEP, BinaryNet
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

QONNX_DOMAIN = "qonnx.custom_op.general"
OPSET = 13
IR_VERSION = 8
NORM_PARAMETERS = ("weight", "bias", "running_mean", "running_var")


class GraphWriter:
    """Nodes in a chain: every node reads the result of the one before."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.value = "x"

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def then(self, op: str, name: str, *constants: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, [self.value, *constants], [name], name, **attributes))
        self.value = name

    def sign(self, name: str) -> None:
        self.then("BipolarQuant", name, "one", domain=QONNX_DOMAIN)

    def weights(self, name: str, values: NDArray[np.float32]) -> str:
        """+-1 behind a BipolarQuant node."""
        stored = self.constant(f"{name}_weight", np.where(values >= 0, 1, -1))
        node = helper.make_node("BipolarQuant", [stored, "one"], [f"{name}_bits"], domain=QONNX_DOMAIN)
        self.nodes.append(node)
        return f"{name}_bits"

    def norm(self, name: str, norm: nn.Module) -> None:
        named = [self.constant(f"{name}_{p}", getattr(norm, p).detach().numpy()) for p in NORM_PARAMETERS]
        self.then("BatchNormalization", name, *named, epsilon=float(norm.eps))


def export(net: BinaryNet, path: Path) -> None:
    """Write `path`; input `x` float32 (N, 1, 28, 28) = pixel / 255, output `logits` float32 (N, 10)."""
    out = GraphWriter()
    out.constant("one", 1)
    quantizer = [out.constant("step", INPUT_STEP), out.constant("zero", 0), out.constant("eight", 8)]
    out.then("Quant", "pixels", *quantizer, domain=QONNX_DOMAIN, signed=0, narrow=0, rounding_mode="ROUND")
    _write_convolutions(out, net)
    _write_denses(out, net)
    graph = helper.make_graph(
        out.nodes,
        "fashion_mnist",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info(out.value, TensorProto.FLOAT, ["N", CLASSES])],
        out.constants,
    )
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX_DOMAIN, 1)]
    onnx.save(
        helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="bnnc"), path
    )


def _write_convolutions(out: GraphWriter, net: BinaryNet) -> None:
    for i, (conv, norm) in enumerate(zip(net.convs, net.conv_norms, strict=True), 1):
        weights = out.weights(f"conv{i}", conv.weight.detach().numpy())
        out.then("Conv", f"conv{i}", weights, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        out.norm(f"norm{i}", norm)
        out.sign(f"sign{i}")
        out.then("MaxPool", f"pool{i}", kernel_shape=[2, 2], strides=[2, 2])


def _write_denses(out: GraphWriter, net: BinaryNet) -> None:
    out.then("Flatten", "features", axis=1)
    out.then("MatMul", "dense1", out.weights("dense1", net.denses[0].weight.detach().numpy().T))
    out.norm("norm4", net.dense_norms[0])
    out.sign("sign4")
    out.then("MatMul", "dense2", out.weights("dense2", net.denses[1].weight.detach().numpy().T))
    out.norm("logits", net.dense_norms[1])
