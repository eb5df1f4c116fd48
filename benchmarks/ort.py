"""The same layers and networks in onnxruntime: float32, and int8 in the layout that its kernels like best."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

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
    constants: dict[str, NDArray[Any]] = {
        "s": scale,
        "z": zero,
        "w": rng.integers(-127, 128, _weight_shape(shape)).astype(np.int8),
    }
    constants |= {"wz": np.array(0, np.int8)}
    own: dict[str, Any] = {"domain": MICROSOFT, "channels_last": 1} if channels_last else {}
    node = helper.make_node(
        "QLinearConv", ["x", "s", "z", "w", "s", "wz", "s", "z"], ["y"], **_window(shape), **own
    )
    return _session([node], x, constants)


def _weight_shape(shape: Shape) -> tuple[int, ...]:
    return (shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel)


def _window(shape: Shape) -> dict[str, Any]:
    return {
        "kernel_shape": [shape.kernel] * 2,
        "strides": [shape.stride] * 2,
        "pads": [shape.pad] * 4,
        "group": shape.groups,
    }


def _session(
    nodes: list[onnx.NodeProto],
    x: NDArray[Any],
    constants: dict[str, NDArray[Any]],
    result: str = "y",
) -> Take:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info(result, kind, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return taker(helper.make_model(graph, opset_imports=opsets), x, result)


def taker(model: onnx.ModelProto, x: NDArray[Any], result: str) -> Take:
    """Seconds of a run, a mean over as many as are asked for; the input lies in its memory already."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output(result)

    def take(repetitions: int) -> float:
        start = time.perf_counter()
        for _ in range(repetitions):
            session.run_with_iobinding(binding)
        return (time.perf_counter() - start) / repetitions

    take(2)
    return take


def int8_resnet18() -> Take:
    """ResNet-18 in int8 throughout, (N, H, W, C), a shortcut around each of 16 convolutions.

    Where the map shrinks the shortcut is a 2x2 average and a 1x1. Zero point 0 makes ReLU of every result.
    """
    net = Int8Network()
    x = net.conv("x", 3, 64, 7, 2)
    x = net.node("NhwcMaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inputs = 64
    for number in range(16):
        outputs = 64 << number // 4
        stride = 2 if outputs > inputs else 1
        branch = net.conv(x, inputs, outputs, 3, stride)
        x = net.add(branch, x if stride == 1 else net.conv(net.average(x), inputs, outputs, 1, 1))
        inputs = outputs
    x = net.node("QLinearGlobalAveragePool", [x, "s", "z", "s", "z"], channels_last=1)
    x = net.conv(x, inputs, 1000, 1, 1)
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    return _session(net.nodes, image, net.constants, x)


class Int8Network:
    """Nodes of com.microsoft on u8 maps with one scale and zero point 0."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {
            "s": np.array(0.02, np.float32),
            "z": np.array(0, np.uint8),
            "wz": np.array(0, np.int8),
        }

    def node(self, kind: str, operands: list[str], **attributes: Any) -> str:
        result = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, operands, [result], domain=MICROSOFT, **attributes))
        return result

    def conv(self, x: str, inputs: int, outputs: int, kernel: int, stride: int) -> str:
        weights = f"w{len(self.nodes)}"
        taps = (outputs, inputs, kernel, kernel)
        self.constants[weights] = self._rng.integers(-127, 128, taps).astype(np.int8)
        window = _window(Shape(0, inputs, outputs, kernel, stride))
        return self.node(
            "QLinearConv", [x, "s", "z", weights, "s", "wz", "s", "z"], **window, channels_last=1
        )

    def add(self, a: str, b: str) -> str:
        return self.node("QLinearAdd", [a, "s", "z", b, "s", "z", "s", "z"])

    def average(self, x: str) -> str:
        window: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2], "channels_last": 1}
        return self.node("QLinearAveragePool", [x, "s", "z", "s", "z"], **window)
