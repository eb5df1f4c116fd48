"""Real-valued layers (stem, 1x1 shortcut, last): weights of 2..8 bits with a power-of-two scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn import ops
from bnnc.nn.constants import filter_step
from bnnc.nn.layer import Layer, Window, both, check_padding
from bnnc.nn.quantizers import ActivationQuantizer, Quantizer, Requantizer


class _RealLayer(Layer):
    """Latent weights (O, I/groups, ..) on a grid of `weight_bits`, one step a filter."""

    def __init__(
        self, shape: tuple[int, ...], quantize: ActivationQuantizer | None, weight_bits: int, bias: bool
    ) -> None:
        super().__init__()
        if not 2 <= weight_bits <= 8:
            raise ValueError(f"weights of {weight_bits} bits; 2 to 8 are supported")
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.quantize, self.weight_bits = quantize, weight_bits
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def weight_step(self) -> Tensor:
        """float32 (O,): powers of two. Large enough for every sum to be exact in float32."""
        largest = 1 if self.quantize is None else self.quantize.largest()
        step: Tensor = filter_step(self.weight.detach(), self.weight_bits, largest)
        return step

    def real_weight(self) -> Tensor:
        """The weights on their grid, shape as `weight`."""
        step = self.weight_step().reshape(-1, *[1] * (self.weight.dim() - 1))
        w: Tensor = ops.quant(self.weight, step, self.weight_bits, True, True, "ROUND")
        return w

    def unit(self) -> Tensor:
        return super().unit() * self.weight_step()


class QuantConv2d(_RealLayer):
    """2-d convolution of a real-valued layer: weights of 2..8 bits, one power-of-two step a filter.

    x (N, I, H, W) -> (N, O, H', W'). `quantize` (default: `Quantizer(8)`) brings x to its grid first; None
    where x holds whole numbers in -1..1 already.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        quantize: ActivationQuantizer | None | str = "i8",
        weight_bits: int = 8,
        padding_value: float = 0.0,
    ) -> None:
        if inputs % groups or outputs % groups:
            raise ValueError(f"{groups} groups of {inputs} inputs and {outputs} outputs")
        shape = (outputs, inputs // groups, *both(kernel_size))
        super().__init__(shape, value_quantizer(quantize), weight_bits, bias)
        check_padding(padding_value, self.quantize)
        self.window = Window(both(stride), both(padding), padding_value, both(dilation), groups)

    def accumulate(self, x: Tensor) -> Tensor:
        y: Tensor = self.window.convolve(self._input(x), self.real_weight())
        return y

    def extra_repr(self) -> str:
        outputs, inputs, *kernel = self.weight.shape
        return f"{inputs * self.window.groups}, {outputs}, {tuple(kernel)}, weights i{self.weight_bits}"


class QuantLinear(_RealLayer):
    """Fully connected real-valued layer; x (N, I) -> (N, O). Options as in `QuantConv2d`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        *,
        quantize: ActivationQuantizer | None | str = "i8",
        weight_bits: int = 8,
    ) -> None:
        super().__init__((outputs, inputs), value_quantizer(quantize), weight_bits, bias)

    def accumulate(self, x: Tensor) -> Tensor:
        return F.linear(self._input(x), self.real_weight())

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, weights i{self.weight_bits}"


def conv_of_values(inputs: int, outputs: int) -> QuantConv2d:
    """The real 1x1 convolution of a shortcut: reads a residual stream by 8 bits."""
    return QuantConv2d(inputs, outputs, 1, bias=False, quantize=Requantizer(8))


def value_quantizer(quantize: ActivationQuantizer | None | str) -> ActivationQuantizer | None:
    """The quantizer that "i8", "u8", "i16" .. name; others as they are."""
    if not isinstance(quantize, str):
        return quantize
    if quantize[:1] not in ("i", "u") or not quantize[1:].isdigit():
        raise ValueError(f"unknown quantizer {quantize!r}; give 'i8', 'u8', a module or None")
    return Quantizer(int(quantize[1:]), signed=quantize[0] == "i")
