"""Runs the part of a source model between an accumulator and a quantizer in onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx

from bnnc.executors.cut import cut_between
from bnnc.frontends.expand import expand
from bnnc.frontends.onnx_file import model_bytes
from bnnc.frontends.sessions import open_session
from bnnc.ir.op import Array


class Cut:
    """The operations of `model` between two of its tensors, QONNX operations expanded."""

    def __init__(self, model: onnx.ModelProto, source: str, target: str) -> None:
        plain = expand(model)
        cut = cut_between(plain, source, target)
        self.pools = any(node.op_type == "MaxPool" for node in cut.graph.node)
        self._session = open_session(model_bytes(cut))
        self._is_map = any(node.op_type == "Conv" and source in node.output for node in plain.graph.node)

    def __call__(self, accumulators: Array) -> Array:
        """float32 (V, C): the cut on float32 accumulators (V, C), each in all pixels of a window."""
        size = 2 if self.pools else 1
        pixels = (1, 1, size, size) if self._is_map else (1, 1)
        x = np.tile(accumulators.reshape(*accumulators.shape, *[1] * (len(pixels) - 2)), pixels)
        (y,) = self._session.run(None, {self._session.get_inputs()[0].name: x})
        answer: Array = y.reshape(accumulators.shape)
        return answer
