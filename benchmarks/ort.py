"""The same layers and networks in onnxruntime: float32, and int8 in the layout that its kernels like best."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from shapes import Shape

MICROSOFT = "com.microsoft"
Take = Callable[[int], float]


def float_conv(shape: Shape) -> Take:
    """A float32 convolution, (N, C, H, W)."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=_weight_shape(shape)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], **_window(shape))]
    x = rng.normal(size=(1, shape.inputs, shape.size, shape.size)).astype(np.float32)
    return _session(nodes, x, {"w": weights})


def int8_conv(shape: Shape, channels_last: bool) -> Take:
    """u8 by i8 to u8, one scale: (N, H, W, C) by its own operator, or (N, C, H, W) as in the standard."""
    rng = np.random.default_rng(0)
    side = (shape.size, shape.size)
    x = rng.integers(
        0, 256, (1, *side, shape.inputs) if channels_last else (1, shape.inputs, *side), np.uint8
    )
    scale, zero = np.array(0.02, np.float32), np.array(128, np.uint8)
    constants = {"s": scale, "z": zero, "w": rng.integers(-127, 128, _weight_shape(shape)).astype(np.int8)}
    constants |= {"wz": np.array(0, np.int8)}
    own = {"domain": MICROSOFT, "channels_last": 1} if channels_last else {}
    node = helper.make_node(
        "QLinearConv", ["x", "s", "z", "w", "s", "wz", "s", "z"], ["y"], **_window(shape), **own
    )
    return _session([node], x, constants)


def _weight_shape(shape: Shape) -> tuple[int, ...]:
    return (shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel)


def _window(shape: Shape) -> dict[str, object]:
    return {
        "kernel_shape": [shape.kernel] * 2,
        "strides": [shape.stride] * 2,
        "pads": [shape.pad] * 4,
        "group": shape.groups,
    }


def _session(
    nodes: list[onnx.NodeProto], x: NDArray[np.generic], constants: dict[str, NDArray[np.generic]]
) -> Take:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return taker(helper.make_model(graph, opset_imports=opsets), x)


def taker(model: onnx.ModelProto, x: NDArray[np.generic], threads: int = 1) -> Take:
    """Seconds of a run, a mean over as many as are asked for; the input lies in its memory already."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output("y")

    def take(repetitions: int) -> float:
        start = time.perf_counter()
        for _ in range(repetitions):
            session.run_with_iobinding(binding)
        return (time.perf_counter() - start) / repetitions

    take(2)
    return take
