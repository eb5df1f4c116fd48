"""aten's operators with weights or windows: convolution, linear, normalization, pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnnc.exporter.call import Call, Known, Signal, as_array
from bnnc.exporter.elementwise import Converter
from bnnc.exporter.quantizers import weights


def conv2d(call: Call) -> Signal:
    """conv2d(x, weight, bias, stride, padding, dilation, groups)."""
    weight = call.args[1]
    rank = 2 if not isinstance(weight, Known) else weight.value.dim() - 2
    call.require(
        rank in (1, 2), f"a convolution in {rank} dimensions", "one and two dimensions are supported"
    )
    stride, dilation = (_sizes(call.arg(i, name, 1), rank) for i, name in ((3, "stride"), (5, "dilation")))
    groups, pads = int(call.arg(6, "groups", 1)), _conv_pads(call, rank)
    return _conv(call, stride, pads, dilation, groups)


def convolution(call: Call) -> Signal:
    """convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    _, _, _, stride, padding, dilation, transposed, _, groups = call.args
    call.require(not transposed, "a transposed convolution")
    rank = len(call.signal().shape) - 2
    return _conv(call, _sizes(stride, rank), _sizes(padding, rank) * 2, _sizes(dilation, rank), int(groups))


def _conv(call: Call, stride: list[int], pads: list[int], dilation: list[int], groups: int) -> Signal:
    attributes = {"strides": stride, "pads": pads, "dilations": dilation, "group": groups}
    y = call.emit("Conv", call.signal().name, *_weight_and_bias(call, 1, 2), suffix="", **attributes)
    return call.done(y)


def _conv_pads(call: Call, rank: int) -> list[int]:
    padding = call.arg(4, "padding", 0)
    if padding == "valid":
        return [0] * (2 * rank)
    if padding == "same":
        kernel = as_array(call.args[1].value).shape[2:]
        dilation = _sizes(call.arg(5, "dilation", 1), rank)
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [n // 2 for n in total] + [n - n // 2 for n in total]
    return _sizes(padding, rank) * 2


def linear(call: Call) -> Signal:
    """linear(x, weight (O, I), bias)."""
    vectors = len(call.signal().shape) == 2
    remedy = "flatten it first: x.flatten(1)"
    call.require(vectors, f"its input has shape {call.signal().shape}, more than one vector a sample", remedy)
    y = call.emit("Gemm", call.signal().name, *_weight_and_bias(call, 1, 2), suffix="", transB=1)
    return call.done(y)


def addmm(call: Call) -> Signal:
    """addmm(bias, x, weight (I, O))."""
    call.require(call.kwargs.get("beta", 1) == 1 and call.kwargs.get("alpha", 1) == 1, "beta or alpha")
    bias = call.constant(call.needed(0, "bias").astype(np.float32), "bias")
    y = call.emit("Gemm", call.signal(1).name, weights(call, 2), bias, suffix="")
    return call.done(y)


def matmul(call: Call) -> Signal:
    """x @ weight (I, O)."""
    return call.done(call.emit("MatMul", call.signal().name, weights(call, 1), suffix=""))


def _weight_and_bias(call: Call, weight: int, bias: int) -> list[str]:
    operands = [weights(call, weight)]
    array = call.array(bias, "bias")
    return operands if array is None else [*operands, call.constant(array, "bias")]


def batch_norm(call: Call) -> Signal:
    """_native_batch_norm_legit_no_training(x, weight, bias, mean, var, momentum, eps)."""
    return _batch_norm(call, float(call.args[6]))


def any_batch_norm(call: Call) -> Signal:
    """batch_norm(x, weight, bias, mean, var, training, momentum, eps, cudnn)."""
    call.require(not call.args[5], "is in training mode", "export it in eval mode: module.eval()")
    return _batch_norm(call, float(call.args[7]))


def _batch_norm(call: Call, epsilon: float) -> Signal:
    channels = call.shape[1]
    names = ("weight", "bias", "running_mean", "running_var")
    defaults = (1.0, 0.0, None, None)
    parameters = []
    for i, (name, default) in enumerate(zip(names, defaults, strict=True), 1):
        array = call.array(i, name)
        if array is None and default is not None:
            array = np.full(channels, default, np.float32)
        call.require(array is not None, f"{name} is missing", "track running statistics")
        parameters.append(call.constant(np.asarray(array), name))
    y = call.emit("BatchNormalization", call.signal().name, *parameters, suffix="", epsilon=epsilon)
    return call.done(y)


def max_pool(call: Call) -> Signal:
    """max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)."""
    kernel, stride, padding = _window(call)
    dilation = _sizes(call.arg(4, "dilation", 1), len(kernel))
    call.require(all(n == 1 for n in dilation), f"dilation {dilation}", "pool without dilation")
    pads = padding * 2
    if call.arg(5, "ceil_mode", False):
        pads = [*padding, *_end_pads(call, kernel, stride, padding)]
    attributes = {"kernel_shape": kernel, "strides": stride, "pads": pads}
    return call.done(call.emit("MaxPool", call.signal().name, suffix="", **attributes))


def _end_pads(call: Call, kernel: list[int], stride: list[int], padding: list[int]) -> list[int]:
    """What the last windows reach beyond the map: torch, unlike ONNX, drops one that would begin there."""
    sides = zip(call.signal().shape[2:], call.shape[2:], kernel, stride, padding, strict=True)
    return [max(0, (out - 1) * step + size - n - start) for n, out, size, step, start in sides]


def average_pool(call: Call) -> Signal:
    """avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)."""
    kernel, stride, padding = _window(call)
    call.require(call.arg(6, "divisor_override") is None, "its divisor is overridden")
    ceil, counts = int(call.arg(4, "ceil_mode", False)), int(call.arg(5, "count_include_pad", True))
    attributes = {"kernel_shape": kernel, "strides": stride, "pads": padding * 2, "ceil_mode": ceil}
    y = call.emit("AveragePool", call.signal().name, suffix="", count_include_pad=counts, **attributes)
    return call.done(y)


def _window(call: Call) -> tuple[list[int], list[int], list[int]]:
    rank = len(call.signal().shape) - 2
    kernel = _sizes(call.args[1], rank)
    stride = call.arg(2, "stride") or kernel
    return kernel, _sizes(stride, rank), _sizes(call.arg(3, "padding", 0), rank)


def adaptive_average(call: Call) -> Signal:
    """adaptive_avg_pool2d(x, size): the whole map, or windows that divide it."""
    x, size = call.signal(), _sizes(call.args[1], len(call.signal().shape) - 2)
    if all(n == 1 for n in size):
        return call.done(call.emit("GlobalAveragePool", x.name, suffix=""))
    whole = all(n % m == 0 for n, m in zip(x.shape[2:], size, strict=True))
    call.require(whole, f"pools {x.shape[2:]} to {size}", "the size has to divide the map")
    kernel = [n // m for n, m in zip(x.shape[2:], size, strict=True)]
    return call.done(call.emit("AveragePool", x.name, suffix="", kernel_shape=kernel, strides=kernel))


def _sizes(value: Any, rank: int) -> list[int]:
    """One number a dimension."""
    if isinstance(value, int):
        return [value] * rank
    sizes = [int(n) for n in value]
    return sizes * rank if len(sizes) == 1 else sizes


CONVERTERS: dict[str, Converter] = {
    "aten.conv1d": conv2d,
    "aten.conv2d": conv2d,
    "aten.convolution": convolution,
    "aten.linear": linear,
    "aten.addmm": addmm,
    "aten.mm": matmul,
    "aten.matmul": matmul,
    "aten.batch_norm": any_batch_norm,
    "aten._native_batch_norm_legit_no_training": batch_norm,
    "aten.max_pool1d": max_pool,
    "aten.max_pool2d": max_pool,
    "aten.max_pool2d_with_indices": max_pool,
    "aten.avg_pool1d": average_pool,
    "aten.avg_pool2d": average_pool,
    "aten.adaptive_avg_pool1d": adaptive_average,
    "aten.adaptive_avg_pool2d": adaptive_average,
    "aten._adaptive_avg_pool2d": adaptive_average,
}
