"""Transcendental functions as onnxruntime computes them: the reference for chains that become thresholds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bnnc.ir import source_ops as src
from bnnc.ir.op import Array

if TYPE_CHECKING:
    import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]

TRANSCENDENTAL = (src.Tanh, src.Sigmoid, src.Exp)
Transcendental = src.Tanh | src.Sigmoid | src.Exp


def apply_reference(op: Transcendental, x: Array) -> Array:
    """float32 like x. Its polynomials are close to the function, but not exactly monotone."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    (y,) = _session(type(op).__name__).run(None, {"x": flat})
    answer: Array = y.reshape(x.shape)
    return answer


@cache
def _session(op_type: str) -> ort.InferenceSession:
    import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op_type, ["x"], ["y"])], op_type, ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
