"""Projection networks (PCNN, arXiv 1811.12755; equations 3.28-3.57 of its authors' book)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnnc.nn import ops
from bnnc.nn.layer import Layer, Window, both, check_exact, check_padding, product
from bnnc.nn.normalization import BatchNorm
from bnnc.nn.quantizers import ActivationQuantizer, Quantizer, Sign
from bnnc.nn.real import conv_of_values
from bnnc.nn.rescale import Rescaled
from bnnc.nn.values import Add, AveragePool2d, PReLU


class ProjectionConv2d(Layer):
    """Convolution with the kernels C_ij = D sign(W_j o C_i), j = 1..J, concatenated.

    x (N, I, H, W) -> (N, O, H', W') with O = J * the number of latent kernels C (O / J, I, kh, kw); result
    channel i * J + j belongs to C_ij. W (J, kh, kw) is repeated over the channels; forward takes its mean
    (`full_forward`: the matrix), backward the matrix: the gradient passes where |W_j o C_i| <= 1. D is the
    mean |C| of the layer and gets no gradient. Give `weight` (C) and `projection` (W) learning rates of
    their own, and add `projection_loss` to the loss.
    """

    delta: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        *,
        projections: int = 1,
        quantize: ActivationQuantizer | None = None,
        full_forward: bool = False,
        padding_value: float = 0.0,
    ) -> None:
        super().__init__()
        if outputs % projections:
            raise ValueError(f"{outputs} outputs are no multiple of {projections} projections")
        kernel = both(kernel_size)
        self.quantize = Sign("ste") if quantize is None else quantize
        check_exact(inputs * kernel[0] * kernel[1], self.quantize)
        self.projections, self.full_forward = projections, full_forward
        self.weight = nn.Parameter(torch.empty(outputs // projections, inputs, *kernel))
        self.projection = nn.Parameter(torch.ones(projections, *kernel))
        self.bias = None
        check_padding(padding_value, self.quantize)
        self.window = Window(both(stride), both(padding), padding_value, (1, 1), 1)
        delta = torch.zeros(outputs, inputs, *kernel)
        self.register_buffer("delta", delta, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Latent kernels Kaiming normal (fan out); W_1 ones, the others normal."""
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        nn.init.normal_(self.projection)
        nn.init.ones_(self.projection[0])

    @property
    def outputs(self) -> int:
        return self.weight.shape[0] * self.projections

    def accumulate(self, x: Tensor) -> Tensor:
        size = self.magnitude()
        signs: Tensor = ops.projected_sign(self.weight, self.projection, size, self.full_forward)
        if self.training and signs.requires_grad:
            signs.register_hook(self._keep_delta)  # type: ignore[no-untyped-call]
        return self.window.convolve(self._input(x), signs)

    def magnitude(self) -> Tensor:
        """D, the mean |C| of the layer, float32 ()."""
        return self.weight.detach().abs().mean()

    def scale(self) -> Tensor | None:
        return product(self.magnitude(), super().scale())

    def projection_loss(self, eta: float = 0.0) -> Tensor:
        """1/2 sum_ij |C_ij - W_j o (C_i + eta dC_ij)|^2; the factor lambda is the caller's.

        dC_ij is the gradient that C_ij got in the last backward pass.
        """
        size = self.magnitude()
        signs = ops.projected_sign(self.weight, self.projection, size, self.full_forward).detach()
        count, _, *kernel = self.weight.shape
        moved = self.weight[:, None] + eta * self.delta.view(count, self.projections, -1, *kernel)
        projected = self.projection[None, :, None] * moved
        loss: Tensor = (size * signs.view(moved.shape) - projected).square().sum() / 2
        return loss

    def _keep_delta(self, gradient: Tensor) -> None:
        """What reaches sign(..) is D times what reaches C_ij."""
        self.delta.copy_(gradient / self.magnitude().clamp(min=1e-30))

    def extra_repr(self) -> str:
        _, inputs, *kernel = self.weight.shape
        return f"{inputs}, {self.outputs}, {tuple(kernel)}, projections={self.projections}, {self.window}"


def projection_loss(module: nn.Module, eta: float = 0.0) -> Tensor:
    """The projection losses of all layers inside `module`, summed."""
    layers = [layer for layer in module.modules() if isinstance(layer, ProjectionConv2d)]
    return torch.stack([layer.projection_loss(eta) for layer in layers]).sum() if layers else torch.zeros(())


class PCNNBlock(nn.Module):
    """prelu(D (sign(W o C) (*) sign(BN(x))) + shortcut(x)): the official ResNet-18 block, no BN behind.

    x (N, I, H, W) on `grid` -> (N, O, H / stride, W / stride) on `grid`. Where shape or stride change the
    shortcut is a real 1x1 of stride 1, BN, average pool.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        *,
        grid: Quantizer,
        projections: int = 1,
        full_forward: bool = False,
    ) -> None:
        super().__init__()
        self.norm = BatchNorm(inputs)
        conv = ProjectionConv2d(
            inputs, outputs, 3, stride, 1, projections=projections, full_forward=full_forward
        )
        self.conv = Rescaled(conv, grid, norm=False)
        self.shortcut = _shortcut(inputs, outputs, stride, grid)
        self.add = Add(grid)
        self.act = PReLU(outputs, grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.add(self.conv(self.norm(x)), self.shortcut(x)))
        return y


def _shortcut(inputs: int, outputs: int, stride: int, grid: Quantizer) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    real = Rescaled(conv_of_values(inputs, outputs), grid)
    if stride == 1:
        return real
    return nn.Sequential(real, AveragePool2d(stride, source=grid, grid=grid))
