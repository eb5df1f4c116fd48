"""The arithmetic of quantized networks as torch operators `bnnc::..`: exact forward, estimated backward.

They stay single nodes under torch.export, where `bnnc.exporter` turns each into its QONNX form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from bnnc.nn.estimators import ESTIMATORS


@custom_op("bnnc::sign", mutates_args=())
def sign(x: Tensor, estimator: str) -> Tensor:
    """x >= 0 ? +1 : -1; backward: the gradient times the estimator's derivative at x."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


@custom_op("bnnc::step", mutates_args=())
def step(x: Tensor, estimator: str) -> Tensor:
    """x > 0 ? 1 : 0; backward as in `sign`."""
    return (x > 0).to(x.dtype)


@custom_op("bnnc::weight_sign", mutates_args=())
def weight_sign(w: Tensor, estimator: str) -> Tensor:
    """w > 0 ? +1 : -1; backward as in `sign`."""
    return torch.where(w > 0, 1.0, -1.0).to(w.dtype)


@custom_op("bnnc::hybrid_sign", mutates_args=())
def hybrid_sign(w: Tensor, alpha: Tensor) -> Tensor:
    """w > 0 ? +1 : -1 with the weight gradient of Hybrid Binary Networks (released code).

    w (O, I/groups, ..), alpha (O,) = mean |W_f|; behind the sum the layer multiplies by alpha. The gradient
    that reaches alpha * sign(w) is multiplied by (alpha 1(|w| < 1) + 1/n) (1 - 1/I) n with n = I * kh * kw.
    """
    return torch.where(w > 0, 1.0, -1.0).to(w.dtype)


@custom_op("bnnc::projected_sign", mutates_args=())
def projected_sign(c: Tensor, w: Tensor, size: Tensor, full_forward: bool) -> Tensor:
    """sign(W_j o C_i) of PCNN, +1 where the product is > 0; c (K, I, kh, kw), w (J, kh, kw).

    (K * J, I, kh, kw), place i * J + j. Forward takes the mean of W_j, or the matrix with `full_forward`;
    backward: with g_ij what reaches C_ij = size * sign(..), and 1(|W_j o C_i| <= 1) its mask, C_i gets
    sum_j g_ij o W_j and W_j gets g_ij o C_i summed over i and the channels (book, eqs. 3.28-3.57).
    """
    matrix = w if full_forward else w.mean((1, 2), keepdim=True).expand_as(w)
    product = c[:, None] * matrix[None, :, None]
    return torch.where(product > 0, 1.0, -1.0).to(c.dtype).flatten(0, 1)


@projected_sign.register_fake
def _projected_shape(c: Tensor, w: Tensor, size: Tensor, full_forward: bool) -> Tensor:
    return c.new_empty((c.shape[0] * w.shape[0], *c.shape[1:]))


@custom_op("bnnc::quant", mutates_args=())
def quant(x: Tensor, scale: Tensor, bits: int, signed: bool, narrow: bool, rounding: str) -> Tensor:
    """QONNX Quant without zero point: rounding(clamp(x / scale, lo, hi)) * scale.

    rounding: "ROUND" (half to even), "FLOOR" or "CEIL". scale () or broadcastable to x; it gets no
    gradient. backward: 1 where lo <= x / scale <= hi, else 0.
    """
    lo, hi = code_range(bits, signed, narrow)
    return _rounded(torch.clamp(x / scale, lo, hi), rounding) * scale


@custom_op("bnnc::fixed_point", mutates_args=())
def fixed_point(
    x: Tensor,
    multiplier: Tensor,
    before: Tensor | None,
    slope: Tensor | None,
    after: Tensor | None,
    lo: int,
    hi: int,
    scale: Tensor,
) -> Tensor:
    """clip(floor(prelu(x * multiplier + before, slope) + after), lo, hi) * scale, in float64.

    x float32 (N, C, ..); multiplier, before, slope, after float64 (C,); scale float32 (), a power of two.
    What is None is neutral. backward: the slope of the line in use, where nothing is clipped; x only.
    """
    y = _line(x, multiplier, before, slope, after)
    return torch.clamp(torch.floor(y), lo, hi).float() * scale


def code_range(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """The smallest and the largest code; `narrow` leaves one out."""
    if signed:
        return -(1 << (bits - 1)) + int(narrow), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - int(narrow)


def per_channel(c: Tensor, x: Tensor) -> Tensor:
    """`c` of shape () or (C,) so that it broadcasts along axis 1 of `x`."""
    return c.reshape(-1, *[1] * (x.dim() - 2)) if c.dim() else c


def _rounded(x: Tensor, rounding: str) -> Tensor:
    match rounding:
        case "ROUND":
            return torch.round(x)
        case "FLOOR":
            return torch.floor(x)
        case "CEIL":
            return torch.ceil(x)
    raise ValueError(f"unknown rounding {rounding!r}")


def _line(
    x: Tensor, multiplier: Tensor, before: Tensor | None, slope: Tensor | None, after: Tensor | None
) -> Tensor:
    y = x.double() * per_channel(multiplier, x)
    if before is not None:
        y = y + per_channel(before, x)
    if slope is not None:
        y = torch.where(y < 0, per_channel(slope, x) * y, y)
    return y if after is None else y + per_channel(after, x)


def _same_shape(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)


for operator in (sign, step, weight_sign, hybrid_sign, quant, fixed_point):
    operator.register_fake(_same_shape)


def _keep_estimator(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ctx.estimator = inputs
    ctx.save_for_backward(x)


def _estimated(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    (x,) = ctx.saved_tensors
    return gradient * ESTIMATORS[ctx.estimator](x), None


for operator in (sign, step, weight_sign):
    operator.register_autograd(_estimated, setup_context=_keep_estimator)


def _keep_hybrid(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _hybrid_gradient(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    """`gradient` reaches sign(w) and is alpha times the one that reaches alpha * sign(w)."""
    w, alpha = ctx.saved_tensors
    a = alpha.reshape(-1, *[1] * (w.dim() - 1))
    n, inputs = w[0].numel(), w.shape[1]
    centring = 1 - 1 / inputs if inputs > 1 else 1.0
    factor = (a * (w.abs() < 1) + 1 / n) * centring * n
    outer = torch.where(a > 0, gradient / a, torch.zeros_like(gradient))
    return outer * factor, None


hybrid_sign.register_autograd(_hybrid_gradient, setup_context=_keep_hybrid)


def _keep_projection(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])


def _projection_gradient(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """`gradient` reaches sign(..) and is `size` times the one that reaches C_ij."""
    c, w, size = ctx.saved_tensors
    per_kernel = gradient.view(c.shape[0], w.shape[0], *c.shape[1:])
    matrix = w[None, :, None]
    passed = per_kernel * ((c[:, None] * matrix).abs() <= 1) / size.clamp(min=1e-30)
    return (passed * matrix).sum(1), (passed * c[:, None]).sum((0, 2)), None, None


projected_sign.register_autograd(_projection_gradient, setup_context=_keep_projection)


def _keep_grid(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, scale, bits, signed, narrow, _ = inputs
    ctx.range = code_range(bits, signed, narrow)
    ctx.save_for_backward(x, scale)


def _inside_grid(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, scale = ctx.saved_tensors
    lo, hi = ctx.range
    codes = x / scale
    return gradient * ((codes >= lo) & (codes <= hi)), None, None, None, None, None


quant.register_autograd(_inside_grid, setup_context=_keep_grid)


def _keep_line(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.lo, ctx.hi, scale = inputs
    ctx.save_for_backward(*tensors, scale)


def _line_gradient(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, multiplier, before, slope, after, scale = ctx.saved_tensors
    y = _line(x, multiplier, before, slope, after)
    rise = per_channel(multiplier, x) * scale
    if slope is not None:
        negative = _line(x, multiplier, before, None, None) < 0
        rise = rise * torch.where(negative, per_channel(slope, x), 1.0)
    inside = (y >= ctx.lo) & (y < ctx.hi + 1)
    return (gradient * (rise * inside).to(gradient.dtype), *[None] * 7)


fixed_point.register_autograd(_line_gradient, setup_context=_keep_line)
