"""A small network with residual blocks in ONNX, float or binary, and the same layers' inputs in NumPy.

stem 3x3 -> two blocks of two 3x3 layers, the second one with a 1x1 shortcut -> maximum of the map -> dense
"""

from __future__ import annotations

import numpy as np
import onnx.parser
from onnx import ModelProto, numpy_helper

from bnnc.ir.op import Array

CHANNELS, SIZE, CLASSES = 3, 4, 2
LAYERS = ("stem", "a0", "b0", "a1", "b1", "down1", "fc")
_QONNX = "qonnx.custom_op.general"


def conv_net(is_binary: bool, with_blocks: bool = False) -> ModelProto:
    """Integer weights of -1, 0 and 1; `is_binary`: signs in place of Relu, not at the ends."""
    opsets = f'["" : 13, "{_QONNX}" : 1]'
    shape = f"float[N,{CHANNELS},{SIZE},{SIZE}] x"
    text = (
        f"<ir_version: 8, opset_import: {opsets}> net ({shape}) => (y) {{ {_body(is_binary, with_blocks)} }}"
    )
    parsed = onnx.parser.parse_model(text)
    for node in parsed.graph.node:
        node.name = node.output[0]
    parsed.graph.node[-1].name = "fc"
    arrays = {f"w_{name}": weights(name) for name in LAYERS} | {"unit": np.ones((), np.float32)}
    arrays["w_fc"] = arrays["w_fc"].T
    parsed.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in arrays.items())
    return parsed


def weights(name: str) -> Array:
    """float32 (O, I, k, k), of the dense layer (O, I)."""
    rng = np.random.default_rng(LAYERS.index(name))
    kernel = 1 if name == "down1" else 3
    shape = (CLASSES, CHANNELS) if name == "fc" else (CHANNELS, CHANNELS, kernel, kernel)
    return rng.integers(-1, 2, shape).astype(np.float32)


def samples(n: int) -> Array:
    """float32 (n, C, H, W), integers -2..2."""
    shape = (n, CHANNELS, SIZE, SIZE)
    return np.random.default_rng(n).integers(-2, 3, shape).astype(np.float32)


def numpy_inputs(x: Array, is_binary: bool, with_blocks: bool = False) -> dict[str, Array]:
    """What each layer reads, in front of its sign, float64."""
    inputs: dict[str, Array] = {}

    def layer(name: str, value: Array) -> Array:
        inputs[name] = value
        binarized = is_binary and name not in ("stem", "fc")
        read = np.where(value >= 0, 1.0, -1.0) if binarized else value
        return read @ weights(name).T if name == "fc" else _conv(read, weights(name))

    def relu(value: Array) -> Array:
        return value if is_binary else np.maximum(value, 0)

    value = relu(layer("stem", x.astype(np.float64)))
    for block in "01":
        inner = layer(f"b{block}", relu(layer(f"a{block}", value)))
        shortcut = layer("down1", value) if block == "1" and with_blocks else value
        value = inner + shortcut if with_blocks else inner
    if not with_blocks:
        value = layer("down1", value)
    layer("fc", value.max(axis=(2, 3)))
    return {name: inputs[name] for name in LAYERS}


def _body(is_binary: bool, with_blocks: bool) -> str:
    relu = "Identity" if is_binary else "Relu"
    lines = [_layer("stem", "x", False), f"r = {relu}(stem)"]
    value = "r"
    for block in "01":
        lines += [_layer(f"a{block}", value, is_binary), f"r{block} = {relu}(a{block})"]
        lines += [_layer(f"b{block}", f"r{block}", is_binary)]
        inner = f"b{block}"
        if with_blocks:
            shortcut = value
            if block == "1":
                lines.append(_layer("down1", value, is_binary))
                shortcut = "down1"
            lines.append(f"add{block} = Add({inner}, {shortcut})")
            inner = f"add{block}"
        value = inner
    if not with_blocks:
        lines.append(_layer("down1", value, is_binary))
        value = "down1"
    return " ".join([*lines, f"m = GlobalMaxPool({value}) f = Flatten(m) y = MatMul(f, w_fc)"])


def _layer(name: str, x: str, is_binary: bool) -> str:
    pads = "" if name == "down1" else "<pads = [1, 1, 1, 1]>"
    if not is_binary:
        return f"{name} = Conv {pads}({x}, w_{name})"
    sign = f"s_{name} = {_QONNX}.BipolarQuant ({x}, unit)"
    return f"{sign} {name} = Conv {pads}(s_{name}, w_{name})"


def _conv(x: Array, w: Array) -> Array:
    """Stride 1, the map's own size, zeros around."""
    pad = w.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w.astype(np.float64))
