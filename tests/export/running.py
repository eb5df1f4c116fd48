"""Runs exported models: by onnxruntime and by qonnx, against the module itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from onnx import ModelProto, checker
from torch import Tensor, nn

from bnnc import nn as bnn
from bnnc.exporter import to_onnx
from bnnc.frontends.expand import expand

torch.set_num_threads(1)


def exported(module: nn.Module, x: Tensor) -> ModelProto:
    """The model, checked by onnx."""
    model = to_onnx(module, x[:1])
    checker.check_model(model)
    return model


def run(model: ModelProto, x: Tensor) -> Any:
    """What onnxruntime computes, without optimizations."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = expand(model).SerializeToString()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]


def evaluated(module: nn.Module, x: Tensor) -> Any:
    """What the module computes in eval mode."""
    module.eval()
    with torch.no_grad():
        return module(x).numpy()


def assert_equal_everywhere(module: nn.Module, x: Tensor) -> ModelProto:
    """Module and onnxruntime agree on the last bit, on a batch and on one sample."""
    model = exported(module, x)
    expected = evaluated(module, x)
    assert np.array_equal(run(model, x), expected)
    assert np.array_equal(run(model, x[:1]), expected[:1])
    return model


def train(module: nn.Module, *shape: int, steps: int = 3) -> None:
    """A few steps, so that grids and statistics have seen values."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    module.train()
    for step in range(steps):
        for layer in module.modules():
            if isinstance(layer, bnn.SparseLinear) and step == 1:
                layer.prune(density=0.3)
                layer.quantize_weights()
        optimizer.zero_grad()
        module(samples(4, *shape)).square().mean().backward()
        optimizer.step()


@torch.no_grad()
def make_adversarial(module: nn.Module, seed: int, *shape: int) -> None:
    """gamma of both signs, zero, tiny; beta 0 where gamma is; alpha negative; slopes of both signs.

    Running statistics follow, and are then moved a little, so that the network stays alive.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    for part in module.modules():
        match part:
            case nn.modules.batchnorm._BatchNorm():
                part.weight.copy_(normal(part.weight) * 2)
                part.bias.copy_(normal(part.bias) / 2)
                part.weight[0], part.bias[0], part.weight[1] = 0, 0, 1e-30
            case nn.PReLU() | bnn.PReLU() | bnn.RPReLU():
                part.weight.copy_(normal(part.weight))
            case bnn.Alpha(value=nn.Parameter()):
                part.value.mul_(normal(part.value))
            case bnn.Step():
                part.beta.neg_()
    module.train()
    for _ in range(20):
        module(samples(8, *shape))
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.add_(normal(part.bias) * part.running_var.sqrt() / 4)
            part.running_var.mul_((normal(part.bias) / 2).exp())


def samples(n: int, *shape: int) -> Tensor:
    """Inputs in 0..1 that differ in contrast and brightness."""
    contrast, brightness = torch.rand(2, n, *[1] * len(shape))
    return (torch.rand(n, *shape) * contrast + brightness).clamp(0, 1)
