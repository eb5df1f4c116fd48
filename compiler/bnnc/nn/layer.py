"""What all layers with weights share: an exact sum, and a scale and bias behind it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn.constants import EXACT
from bnnc.nn.ops import per_channel
from bnnc.nn.quantizers import ActivationQuantizer, Quantizer, Sign


class Layer(nn.Module):
    """y = accumulate(x) * scale() + bias.

    `accumulate` adds up multiples of `unit()`, few enough for float32 to be exact, in whatever order. What
    makes a value of them reads all four: `Rescale`. `quantize` is what the layer does to its input, or None
    where that already lies on a grid of step 1.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    quantize: ActivationQuantizer | None

    @property
    def outputs(self) -> int:
        """The number of channels of the result."""
        return self.weight.shape[0]

    def accumulate(self, x: Tensor) -> Tensor:
        """The exact sums, float32 (N, O, ..)."""
        raise NotImplementedError

    def unit(self) -> Tensor:
        """float32, () or (O,): what the sums are multiples of, powers of two."""
        return torch.ones(()) if self.quantize is None else self.quantize.unit()

    def scale(self) -> Tensor | None:
        """The factor behind the sums: None for 1, else () or (O,)."""
        return None if self.quantize is None else self.quantize.scale()

    def forward(self, x: Tensor) -> Tensor:
        """(N, O, ..), float32: a multiplication, then an addition, each rounded once."""
        y, scale = self.accumulate(x), self.scale()
        if scale is not None:
            y = y * per_channel(scale, y)
        return y if self.bias is None else y + per_channel(self.bias, y)

    def _input(self, x: Tensor) -> Tensor:
        return x if self.quantize is None else self.quantize.codes(x)


def check_exact(terms: int, quantize: ActivationQuantizer | None) -> None:
    """ValueError when sums of `terms` codes of weight 1 are not exact in float32."""
    largest = 1 if quantize is None else quantize.largest()
    if terms * largest > EXACT:
        what = f"sums of {terms} inputs of up to {largest} steps are not exact in float32"
        raise ValueError(f"{what}; quantize the input to fewer bits")


def product(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """a * b, None being 1."""
    if a is None or b is None:
        return b if a is None else a
    return a * b


def both(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of what may be given as one number."""
    return (size, size) if isinstance(size, int) else size


def check_padding(value: float, quantize: ActivationQuantizer | None) -> None:
    """ValueError unless the layer's input has the padding value among its codes whatever is learned."""
    if value == 0 or quantize is None or (value in (-1, 1) and isinstance(quantize, Sign)):
        return
    if isinstance(quantize, Quantizer) and quantize.is_fixed and value % float(quantize.unit()) == 0:
        return
    raise ValueError(f"padding with {value:g} is no value of {quantize!r}; pad with 0, or binarize by Sign")


@dataclass(frozen=True)
class Window:
    """Stride, padding with a value, dilation and groups of a 2-d convolution."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    padding_value: float
    dilation: tuple[int, int]
    groups: int

    def convolve(self, x: Tensor, w: Tensor) -> Tensor:
        """x (N, I, H, W), w (O, I/groups, kh, kw) -> (N, O, H', W')."""
        if self.padding_value == 0 or not any(self.padding):
            return F.conv2d(x, w, None, self.stride, self.padding, self.dilation, self.groups)
        rows, columns = self.padding
        padded = F.pad(x, (columns, columns, rows, rows), value=self.padding_value)
        return F.conv2d(padded, w, None, self.stride, 0, self.dilation, self.groups)
