"""One small model a row: a quantizer, and the source operations it becomes."""

from __future__ import annotations

import numpy as np
from tests.frontends.cases import KERNEL, MAP, Case, i64, ints

_QUANT = {"s": 0.5, "z": 0.0, "bits": 3.0}

QUANTIZERS = [
    Case("quant", "y = onnx.brevitas.Quant<signed=1,narrow=0>(x, s, z, bits)", "quant", _QUANT),
    Case("quant without a domain", "y = Quant<signed=1,narrow=0>(x, s, z, bits)", "quant", _QUANT),
    Case("quant defaults", "y = qonnx.custom_op.general.Quant(x, s, z, bits)", "quant", _QUANT),
    Case("quant alias", "y = qonnx.custom_op.general.IntQuant(x, s, z, bits)", "quant", _QUANT),
    Case("quant unsigned", "y = Quant<signed=0>(x, s, z, bits)", "quant", {**_QUANT, "z": 2.0}),
    Case(
        "quant channels", "y = Quant(x, s, z, bits)", "quant", {**_QUANT, "s": ints(1, 2, 1, 1, low=1)}, MAP
    ),
    Case("quant opset 9", "y = Quant(x, s, z, bits)", "quant", _QUANT, opset=9),
    Case(
        "quant of one signed bit",
        "y = Quant<signed=1>(x, s, z, bits)",
        "bipolar_quant",
        {**_QUANT, "bits": 1.0},
    ),
    Case(
        "quant of one signed bit, large scale",
        "y = Quant<signed=1>(x, s, z, bits)",
        "div bipolar_quant",
        {"s": 3.0, "z": 0.0, "bits": 1.0},
    ),
    Case("quant of one unsigned bit", "y = Quant<signed=0>(x, s, z, bits)", "quant", {**_QUANT, "bits": 1.0}),
    *(
        Case(
            f"quant {mode}",
            f'y = Quant<rounding_mode="{mode}">(x, s, z, bits)',
            "quant",
            {"s": 2.0, "z": 0.0, "bits": 4.0},
        )
        for mode in ("ROUND", "HALF_EVEN", "ceil", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
    ),
    Case("bipolar", "y = BipolarQuant(x, s)", "bipolar_quant", {"s": 0.5}),
    Case(
        "bipolar channels",
        "y = finn.custom_op.general.BipolarQuant(x, s)",
        "bipolar_quant",
        {"s": ints(2, 1, 1, low=1)},
        MAP,
    ),
    Case("trunc", "y = Trunc(x, s, z, i, o)", "trunc", {"s": 0.25, "z": 0.0, "i": 6.0, "o": 3.0}),
    Case(
        "trunc round",
        'y = Trunc<rounding_mode="ROUND">(x, s, z, i, o)',
        "trunc",
        {"s": 0.25, "z": 1.0, "i": 6.0, "o": 4.0},
    ),
    Case(
        "trunc 2",
        "y = Trunc<signed=1>(x, s, z, i, os, o)",
        "div round div quant mul",
        {"s": 0.25, "z": 0.0, "i": 6.0, "os": 1.0, "o": 3.0},
    ),
    Case(
        "trunc 2 zero point",
        "y = Trunc<signed=0>(x, s, z, i, os, o)",
        "div add round div quant add mul",
        {"s": 0.25, "z": 8.0, "i": 6.0, "os": 1.0, "o": 3.0},
    ),
    Case(
        "multi threshold",
        "y = MultiThreshold<out_scale=2.0, out_bias=-1.0>(x, t)",
        "multi_threshold",
        {"t": ints(1, 3)},
    ),
    Case(
        "multi threshold channels",
        'y = finn.custom_op.general.MultiThreshold<out_dtype="UINT2">(x, t)',
        "multi_threshold",
        {"t": np.sort(ints(2, 3))},
        MAP,
    ),
    Case("multi threshold vector", "y = MultiThreshold(x, t)", "multi_threshold", {"t": np.sort(ints(4, 3))}),
    Case(
        "multi threshold, one for all, channels last",
        'y = MultiThreshold<data_layout="NHWC">(x, t)',
        "multi_threshold",
        {"t": np.sort(ints(1, 3))},
        MAP,
    ),
    Case(
        "multi threshold, channels last of a row",
        "y = MultiThreshold(x, t)",
        "reshape multi_threshold reshape",
        {"t": np.sort(ints(4, 3))},
        "float[N,1,4] x",
    ),
    Case(
        "weights of Quant", "q = Quant(w, s, z, bits) y = MatMul(x, q)", "dense", {**_QUANT, "w": ints(4, 3)}
    ),
    Case(
        "weights of Quant, transposed",
        "q = Quant(w, s, z, bits) t = Transpose(q) y = MatMul(x, t)",
        "dense",
        {**_QUANT, "s": np.array([[0.5], [0.25], [2]], np.float32), "w": ints(3, 4)},
    ),
    Case(
        "weights of Quant, reshaped",
        "q = Quant(w, s, z, bits) t = Reshape(q, d) y = Conv(x, t)",
        "conv",
        {**_QUANT, "s": np.array([[0.5], [0.25], [2]], np.float32), "w": ints(3, 18), "d": i64(3, 2, 3, 3)},
        MAP,
    ),
    Case(
        "weights with a zero point",
        "q = Quant<signed=0>(w, s, z, bits) y = MatMul(x, q)",
        "dense",
        {"s": 0.5, "z": 3.0, "bits": 3.0, "w": ints(4, 3)},
    ),
    Case(
        "weights of BipolarQuant",
        "q = BipolarQuant(w, s) y = Conv(x, q)",
        "conv",
        {**KERNEL, "s": ints(3, 1, 1, 1, low=1)},
        MAP,
    ),
    Case(
        "quantize linear int8",
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)",
        "quantize_linear",
        {"s": 0.5, "z": np.array(3, np.int8)},
    ),
    Case(
        "quantize linear uint8",
        "q = QuantizeLinear(x, s) y = DequantizeLinear(q, s)",
        "quantize_linear",
        {"s": 0.5},
    ),
    Case(
        "quantize linear channels",
        "q = QuantizeLinear<axis=1>(x, s, z) y = DequantizeLinear<axis=1>(q, s, z)",
        "quantize_linear",
        {"s": np.array([0.5, 2], np.float32), "z": np.array([1, 0], np.uint8)},
        MAP,
    ),
    Case(
        "quantize linear int16",
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)",
        "quantize_linear",
        {"s": 0.001, "z": np.array(0, np.int16)},
        opset=21,
    ),
    Case(
        "quantize linear clipped",
        "q = QuantizeLinear(x, s, z) c = Clip(q, lo, hi) y = DequantizeLinear(c, s, z)",
        "quantize_linear",
        {"s": 0.5, "z": np.array(0, np.int8), "lo": np.array(-3, np.int8), "hi": np.array(3, np.int8)},
    ),
    Case(
        "weights clipped",
        "q = QuantizeLinear(w, s, z) c = Clip(q, lo, hi) d = DequantizeLinear(c, s, z) y = MatMul(x, d)",
        "dense",
        {
            "s": 0.5,
            "z": np.array(0, np.int8),
            "lo": np.array(-3, np.int8),
            "hi": np.array(3, np.int8),
            "w": ints(4, 3),
        },
    ),
    Case(
        "weights through both",
        "q = QuantizeLinear(w, s, z) d = DequantizeLinear(q, s, z) y = MatMul(x, d)",
        "dense",
        {"s": 0.5, "z": np.array(3, np.int8), "w": ints(4, 3)},
    ),
]
