"""Runs in an environment with larq-compute-engine: times one binary convolution of it.

Arguments: size, inputs, outputs, kernel, stride, which of its kernels, packed or float output. Each line on
standard input is a number of repetitions, each line on standard output their mean in seconds.

The package itself imports tensorflow, which only its converter needs; here its schema and its interpreter are
loaded alone, and the model is put together by hand.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

KERNELS = {"default": (False, False), "indirect": (False, True), "reference": (True, False)}
CUSTOM = 32  # BuiltinOperator.CUSTOM
PACKED = 32  # channels a word


def main() -> None:
    *numbers, kernel, output = sys.argv[1:]
    size, inputs, outputs, kernel_size, stride = map(int, numbers)
    model = _model(size, inputs, outputs, kernel_size, stride, output == "packed")
    native = _load("tflite/python/interpreter_wrapper_lite.so", "interpreter_wrapper_lite")
    is_reference, is_indirect = KERNELS[kernel]
    interpreter = native.LiteInterpreter(model, 1, is_reference, is_indirect, False)
    bits = (
        np.random.default_rng(0).integers(-(2**31), 2**31, (1, size, size, inputs // PACKED)).astype(np.int32)
    )
    interpreter.predict([bits])
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            interpreter.predict([bits])
        print((time.perf_counter() - start) / int(line), flush=True)


def _load(path: str, name: str) -> Any:
    roots = (Path(entry) / "larq_compute_engine" for entry in sys.path)
    file = next(root / path for root in roots if (root / path).is_file())
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Model:
    """Tensors and their constants, in the order of their making."""

    def __init__(self) -> None:
        self.schema = _load("mlir/python/tflite_schema.py", "tflite_schema")
        self.buffers = [self.schema.BufferT()]
        self.tensors: list[Any] = []

    def tensor(self, name: str, shape: tuple[int, ...], kind: int, data: Any = None) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
        if data is not None:
            tensor.buffer = len(self.buffers)
            self.buffers.append(self.schema.BufferT())
            self.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _model(size: int, inputs: int, outputs: int, kernel: int, stride: int, is_packed: bool) -> bytes:
    """Packed bits to packed bits, or to float32; padded with ones, as its packed output needs."""
    model, rng = _Model(), np.random.default_rng(1)
    schema = model.schema
    int32, float32 = schema.TensorType.INT32, schema.TensorType.FLOAT32
    taps = (outputs, kernel, kernel, inputs // PACKED)
    out = -(-size // stride)
    operands = [
        model.tensor("x", (1, size, size, inputs // PACKED), int32),
        model.tensor("weights", taps, int32, rng.integers(-(2**31), 2**31, taps).astype(np.int32)),
        model.tensor("multiplier", (outputs,), float32, np.ones(outputs, np.float32)),
        model.tensor("bias", (outputs,), float32, np.zeros(outputs, np.float32)),
        model.tensor("cuts", (outputs,), int32, np.full(outputs, kernel**2 * inputs // 2, np.int32)),
    ]
    kind, depth = (int32, outputs // PACKED) if is_packed else (float32, outputs)
    result = model.tensor("y", (1, out, out, depth), kind)
    return _bytes(model, operands, result, _options(inputs, stride))


def _options(inputs: int, stride: int) -> bytes:
    numbers = {"channels_in": inputs, "stride_height": stride, "stride_width": stride, "pad_values": 1}
    numbers |= {"dilation_height_factor": 1, "dilation_width_factor": 1}
    return bytes(flexbuffers.Dumps({**numbers, "fused_activation_function": 0, "padding": 0}))


def _bytes(model: _Model, operands: list[int], result: int, options: bytes) -> bytes:
    schema = model.schema
    operator, code, graph, whole = (
        schema.OperatorT(),
        schema.OperatorCodeT(),
        schema.SubGraphT(),
        schema.ModelT(),
    )
    operator.inputs, operator.outputs = operands, [result]
    operator.customOptions = np.frombuffer(options, np.uint8)
    code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
    code.customCode, code.version = "LceBconv2d", 1
    graph.name, graph.tensors, graph.operators = "main", model.tensors, [operator]
    graph.inputs, graph.outputs = operands[:1], [result]
    whole.version, whole.operatorCodes, whole.subgraphs, whole.buffers = 3, [code], [graph], model.buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    main()
