"""Small networks of Brevitas layers, as its users write them, with statistics that are hard on thresholds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import brevitas.nn as qnn
import torch
import torch.nn.functional as F
from brevitas.core.restrict_val import RestrictValueType
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFloat,
    Int32Bias,
    SignedTernaryWeightPerTensorConst,
)
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import Tensor, nn

IMAGE = (2, 8, 8)


def bipolar() -> nn.Module:
    """An activation of -1 and +1."""
    return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)


def bipolar_conv(inputs: int, outputs: int, **options: Any) -> nn.Module:
    """A convolution with weights of -0.1 and +0.1."""
    return qnn.QuantConv2d(
        inputs, outputs, 3, bias=False, weight_quant=SignedBinaryWeightPerTensorConst, **options
    )


def input_image() -> nn.Module:
    """8-bit codes with a power of two as scale."""
    return qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint)


def mlp_bipolar() -> nn.Module:
    """FINN's LFC in small: everything -1 and +1."""
    return nn.Sequential(
        nn.Flatten(),
        bipolar(),
        qnn.QuantLinear(128, 40, bias=False, weight_quant=SignedBinaryWeightPerTensorConst),
        nn.BatchNorm1d(40),
        bipolar(),
        nn.Dropout(0.2),
        qnn.QuantLinear(40, 33, bias=False, weight_quant=SignedBinaryWeightPerTensorConst),
        nn.BatchNorm1d(33),
        bipolar(),
        qnn.QuantLinear(33, 10, bias=False, weight_quant=SignedBinaryWeightPerTensorConst),
        nn.BatchNorm1d(10),
    )


def cnv_bipolar() -> nn.Module:
    """FINN's CNV in small: 8-bit input, binary convolutions, max pools."""
    return nn.Sequential(
        input_image(),
        bipolar_conv(2, 16, padding=1),
        nn.BatchNorm2d(16),
        bipolar(),
        bipolar_conv(16, 33),
        nn.BatchNorm2d(33),
        bipolar(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.QuantLinear(33 * 9, 10, bias=False, weight_quant=SignedBinaryWeightPerTensorConst),
    )


def convolutions_of(bits: int, scale: Any = RestrictValueType.POWER_OF_TWO) -> Callable[[], nn.Module]:
    """Weights and activations of `bits` bits behind QuantReLU."""
    weights = (
        Int8WeightPerTensorFixedPoint
        if scale is RestrictValueType.POWER_OF_TWO
        else Int8WeightPerChannelFloat
    )
    common: dict[str, Any] = {"weight_bit_width": bits, "weight_quant": weights}
    relu: dict[str, Any] = {"bit_width": bits, "restrict_scaling_type": scale}

    def network() -> nn.Module:
        return nn.Sequential(
            input_image(),
            qnn.QuantConv2d(2, 12, 3, padding=1, bias=False, **common),
            nn.BatchNorm2d(12),
            qnn.QuantReLU(**relu),
            qnn.QuantConv2d(12, 20, 3, stride=2, padding=1, bias=False, **common),
            nn.BatchNorm2d(20),
            qnn.QuantReLU(**relu),
            nn.MaxPool2d(2),
            nn.Flatten(),
            qnn.QuantLinear(80, 10, bias=True, **common),
        )

    return network


def depthwise() -> nn.Module:
    """Depthwise and pointwise, weights quantized a channel, ternary and bipolar, 2-bit activations."""
    relu: dict[str, Any] = {"bit_width": 2, "scaling_impl_type": "const", "max_val": 6.0}
    return nn.Sequential(
        input_image(),
        qnn.QuantConv2d(
            2, 16, 3, padding=1, weight_bit_width=3, weight_quant=Int8WeightPerChannelFloat, bias=False
        ),
        nn.BatchNorm2d(16),
        qnn.QuantReLU(**relu),
        qnn.QuantConv2d(
            16, 16, 3, padding=1, groups=16, bias=False, weight_quant=SignedTernaryWeightPerTensorConst
        ),
        nn.BatchNorm2d(16),
        qnn.QuantReLU(**relu),
        qnn.QuantConv2d(16, 24, 1, bias=False, weight_quant=SignedBinaryWeightPerTensorConst),
        nn.BatchNorm2d(24),
        qnn.QuantHardTanh(bit_width=3, min_val=-1.0, max_val=1.0, narrow_range=True),
        nn.Flatten(),
        qnn.QuantLinear(24 * 64, 10, bias=True, weight_bit_width=2),
    )


def truncated_average() -> nn.Module:
    """A pool of Brevitas that drops bits: Trunc."""
    return nn.Sequential(
        input_image(),
        qnn.QuantConv2d(2, 8, 3, bias=False, weight_bit_width=4),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True),
        qnn.TruncAvgPool2d(2, bit_width=4, float_to_int_impl_type="floor"),
        nn.Flatten(),
        qnn.QuantLinear(72, 10, bias=False, weight_bit_width=4),
    )


class Joined(nn.Module):
    """Two branches in one grid of codes, joined and split again."""

    def __init__(self) -> None:
        super().__init__()
        common: dict[str, Any] = {"bias": False, "weight_quant": SignedBinaryWeightPerTensorConst}
        self.stem = input_image()
        self.left = nn.Sequential(qnn.QuantConv2d(2, 8, 3, padding=1, **common), nn.BatchNorm2d(8))
        self.right = nn.Sequential(qnn.QuantConv2d(2, 9, 1, **common), nn.BatchNorm2d(9))
        self.codes = input_image()
        self.sign = bipolar()
        self.last = nn.Sequential(qnn.QuantConv2d(8, 10, 8, **common), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, 8, 8) to (N, 10)."""
        x = self.stem(x)
        joined = self.sign(torch.cat([self.codes(self.left(x)), self.codes(self.right(x))], dim=1))
        low, _, high = torch.split(joined, [4, 9, 4], dim=1)
        result: Tensor = self.last(torch.cat([high, low], dim=1))
        return result


class Residual(nn.Module):
    """A block whose branches meet in QuantEltwiseAdd."""

    def __init__(self, bits: int = 4, scale: Any = RestrictValueType.POWER_OF_TWO) -> None:
        super().__init__()
        fixed = scale is RestrictValueType.POWER_OF_TWO
        weights = Int8WeightPerTensorFixedPoint if fixed else Int8WeightPerTensorFloat
        sums = Int8ActPerTensorFixedPoint if fixed else Int8ActPerTensorFloat
        common: dict[str, Any] = {"weight_bit_width": 4, "weight_quant": weights, "bias": False}
        relu: dict[str, Any] = {"bit_width": bits, "restrict_scaling_type": scale}
        self.stem = nn.Sequential(input_image(), qnn.QuantConv2d(2, 8, 3, padding=1, **common))
        self.first = nn.Sequential(nn.BatchNorm2d(8), qnn.QuantReLU(**relu))
        self.body = nn.Sequential(
            qnn.QuantConv2d(8, 8, 3, padding=1, **common),
            nn.BatchNorm2d(8),
            qnn.QuantReLU(**relu),
            qnn.QuantConv2d(8, 8, 3, padding=1, **common),
            nn.BatchNorm2d(8),
        )
        self.add = qnn.QuantEltwiseAdd(input_quant=sums, output_quant=sums)
        self.last = nn.Sequential(
            qnn.QuantReLU(**relu), nn.MaxPool2d(2), nn.Flatten(), qnn.QuantLinear(128, 10, **common)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, 8, 8) to (N, 10)."""
        y = self.first(self.stem(x))
        result: Tensor = self.last(self.add(y, self.body(y)))
        return result


class LooseResidual(nn.Module):
    """Branches that meet as real numbers, one with a bias and batch normalization, in front of QuantReLU."""

    def __init__(self) -> None:
        super().__init__()
        common: dict[str, Any] = {"weight_bit_width": 4, "bias": False, "padding": 1}
        self.first = nn.Sequential(
            input_image(), qnn.QuantConv2d(2, 8, 3, **common), nn.BatchNorm2d(8), qnn.QuantReLU(bit_width=4)
        )
        self.body = nn.Sequential(
            qnn.QuantConv2d(8, 8, 3, **common),
            nn.BatchNorm2d(8),
            qnn.QuantReLU(bit_width=4),
            qnn.QuantConv2d(8, 8, 3, **common),
            nn.BatchNorm2d(8),
        )
        self.act = qnn.QuantReLU(bit_width=4)
        self.last = qnn.QuantLinear(8, 10, bias=True, weight_bit_width=4)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, 8, 8) to (N, 10)."""
        x = self.first(x)
        y = self.act(x + self.body(x))
        result: Tensor = self.last(F.adaptive_avg_pool2d(y, 1).flatten(1))
        return result


def quant_tensors() -> nn.Module:
    """Layers that hand on QuantTensors: integer biases, a pool that drops bits."""
    conv: dict[str, Any] = {"weight_bit_width": 4, "bias_quant": Int32Bias, "return_quant_tensor": True}
    return nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(2, 8, 3, bias=True, **conv),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True),
        qnn.QuantConv2d(8, 8, 3, groups=2, bias=True, **conv),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True),
        qnn.TruncAdaptiveAvgPool2d(1, bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(8, 10, bias=True, weight_bit_width=4),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp_bipolar": mlp_bipolar,
    "cnv_bipolar": cnv_bipolar,
    "conv_int2": convolutions_of(2),
    "conv_int3": convolutions_of(3),
    "conv_int4": convolutions_of(4),
    "conv_int4_float_scales": convolutions_of(4, RestrictValueType.FP),
    "residual": Residual,
    "residual_float_scales": partial(Residual, scale=RestrictValueType.FP),
    "depthwise": depthwise,
    "truncated_average": truncated_average,
    "joined": Joined,
    "loose_residual": LooseResidual,
    "quant_tensors": quant_tensors,
}

APPROXIMATE = ("loose_residual",)  # a sum of real numbers is rounded to the steps of its integers


def trained(name: str) -> nn.Module:
    """The network in eval mode, its scales set by images seen in training mode."""
    torch.manual_seed(7)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(16, *IMAGE))
    return network.eval()
