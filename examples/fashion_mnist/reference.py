"""Runs the exported network in onnxruntime, its QONNX nodes written out in standard operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from export import QONNX_DOMAIN
from numpy.typing import NDArray
from onnx import helper, numpy_helper


def run_exported(path: Path, x: NDArray[np.float32], batch: int = 500) -> NDArray[np.float32]:
    """Logits float32 (N, 10) of inputs float32 (N, 1, 28, 28)."""
    model = onnx.load(path)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        model.graph.node.extend(_standard(node) if node.domain == QONNX_DOMAIN else [node])
    for name, value in (("_lo", 0), ("_hi", 255), ("_minus_one", -1)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts: list[Any] = [session.run(None, {"x": x[i : i + batch]})[0] for i in range(0, len(x), batch)]
    return np.concatenate(parts)


def _standard(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """BipolarQuant of scale 1 is x >= 0 ? 1 : -1.

    Quant to 8 unsigned bits with zero point 0 is clip(round(x / scale), 0, 255) * scale.
    """
    x, scale, zero = node.input[0], node.input[1], "zero"
    [y] = node.output
    if node.op_type == "BipolarQuant":
        return [
            helper.make_node("GreaterOrEqual", [x, zero], [f"{y}_positive"]),
            helper.make_node("Where", [f"{y}_positive", scale, "_minus_one"], [y]),
        ]
    return [
        helper.make_node("Div", [x, scale], [f"{y}_steps"]),
        helper.make_node("Round", [f"{y}_steps"], [f"{y}_rounded"]),
        helper.make_node("Clip", [f"{y}_rounded", "_lo", "_hi"], [f"{y}_codes"]),
        helper.make_node("Mul", [f"{y}_codes", scale], [y]),
    ]
