"""Layers with binary or ternary weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn import ops
from bnnc.nn.alphas import Alpha
from bnnc.nn.estimators import check_estimator
from bnnc.nn.layer import Layer, Window, both, check_exact, check_padding, product
from bnnc.nn.quantizers import ActivationQuantizer, Sign


class _BinaryLayer(Layer):
    """Latent weights (O, I/groups, ..), their signs, and alpha."""

    def __init__(
        self,
        shape: tuple[int, ...],
        quantize: ActivationQuantizer | None,
        alpha: str,
        weights: str,
        weight_estimator: str,
        bias: bool,
    ) -> None:
        super().__init__()
        if weights not in WEIGHTS:
            raise ValueError(f"unknown weights {weights!r}; known are {', '.join(WEIGHTS)}")
        check_exact(math.prod(shape[1:]), quantize)
        self.weights, self.weight_estimator = weights, check_estimator(weight_estimator)
        self.weight = nn.Parameter(torch.empty(shape))
        self.quantize = quantize
        self.alpha = Alpha("none" if weights == "ternary" else alpha, shape[0])
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming normal (fan out), learned scales at the mean |W|."""
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.alpha.start(self.weight)

    def latent(self) -> Tensor:
        """The real weights that are binarized; "hybrid": centred over the inputs at each tap, clamped.

        In training `accumulate` has done that to the parameter itself, as the paper's code does.
        """
        return self.weight if self.training or self.weights != "hybrid" else _centred(self.weight)

    def _constrain(self) -> None:
        """Centre and clamp the parameter, once a step."""
        if self.training and self.weights == "hybrid":
            self.weight.data.copy_(_centred(self.weight.data))

    def binary_weight(self) -> Tensor:
        """(O, I/groups, ..): -1 and +1 (0 too where they are ternary)."""
        w = self.latent()
        match self.weights:
            case "hybrid":
                hybrid: Tensor = ops.hybrid_sign(w, _mean_size(w.detach()))
                return hybrid
            case "ternary":
                return _ternary(w, self.weight_estimator)
        signs: Tensor = ops.weight_sign(w, self.weight_estimator)
        return signs

    def scale(self) -> Tensor | None:
        return product(self.weight_scale(), super().scale())

    def weight_scale(self) -> Tensor | None:
        """The part of the scale that belongs to the weights: None for 1, else () or (O,)."""
        match self.weights:
            case "hybrid":
                return _mean_size(self.latent().detach())
            case "ternary":
                return _ternary_scale(self.weight)
        scale: Tensor | None = self.alpha(self.weight)
        return scale

    def penalty(self) -> Tensor:
        """The L2 penalty of learned scales: alpha^2 summed; lambda is the caller's."""
        return self.alpha.penalty()


WEIGHTS = ("binary", "hybrid", "ternary")


class BinaryConv2d(_BinaryLayer):
    """2-d convolution with weights of one bit: y = alpha_f * (sign(W) (*) q(x)) + bias.

    x (N, I, H, W) -> (N, O, H', W'). `quantize` is q: `Sign()` (the default), `Step()`, a `Quantizer` for
    real inputs (binary weights only: Hybrid's WBin), or None where x already holds small integers. `alpha`:
    "none", "xnor" mean |W_f|, "layer-mean", "learned", "learned-filter". `weights`: "binary" is
    w > 0 ? +1 : -1; "hybrid" centres and clamps them first and has the gradient of Hybrid Binary
    Networks, alpha being "xnor"; "ternary" -1, 0, +1 by 0.7 mean |W_f| with its own scale
    (Ternary Weight Networks, arXiv 1605.04711). `padding_value`: 0, +1 or -1.
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
        bias: bool = False,
        *,
        quantize: ActivationQuantizer | None | str = "sign",
        alpha: str = "xnor",
        weights: str = "binary",
        weight_estimator: str = "ste",
        padding_value: float = 0.0,
    ) -> None:
        if inputs % groups or outputs % groups:
            raise ValueError(f"{groups} groups of {inputs} inputs and {outputs} outputs")
        shape = (outputs, inputs // groups, *both(kernel_size))
        super().__init__(shape, _quantizer(quantize), alpha, weights, weight_estimator, bias)
        check_padding(padding_value, self.quantize)
        self.window = Window(both(stride), both(padding), padding_value, both(dilation), groups)

    def accumulate(self, x: Tensor) -> Tensor:
        self._constrain()
        y: Tensor = self.window.convolve(self._input(x), self.binary_weight())
        return y

    def extra_repr(self) -> str:
        outputs, inputs, *kernel = self.weight.shape
        return f"{inputs * self.window.groups}, {outputs}, {tuple(kernel)}, {self.weights}"


class BinaryLinear(_BinaryLayer):
    """Fully connected layer with weights of one bit; x (N, I) -> (N, O). Options as in `BinaryConv2d`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = False,
        *,
        quantize: ActivationQuantizer | None | str = "sign",
        alpha: str = "xnor",
        weights: str = "binary",
        weight_estimator: str = "ste",
    ) -> None:
        quantizer = _quantizer(quantize)
        super().__init__((outputs, inputs), quantizer, alpha, weights, weight_estimator, bias)

    def accumulate(self, x: Tensor) -> Tensor:
        self._constrain()
        return F.linear(self._input(x), self.binary_weight())

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, {self.weights}"


def penalty(module: nn.Module) -> Tensor:
    """The L2 penalties of all learned scales inside `module`, summed (Trained Binarization)."""
    layers = [part for part in module.modules() if isinstance(part, _BinaryLayer)]
    parts = [layer.penalty() for layer in layers if layer.alpha.value is not None]
    return torch.stack(parts).sum() if parts else torch.zeros(())


def _quantizer(quantize: ActivationQuantizer | None | str) -> ActivationQuantizer | None:
    if isinstance(quantize, str):
        if quantize != "sign":
            raise ValueError(f"unknown quantizer {quantize!r}; give Sign(), Step(), a Quantizer or None")
        return Sign()
    return quantize


def _centred(w: Tensor) -> Tensor:
    """Minus the mean over the inputs at each tap (if there are several), clamped to -1..1."""
    mean = w.mean(1, keepdim=True) if w.shape[1] > 1 else torch.zeros_like(w)
    return (w - mean).clamp(-1, 1)


def _mean_size(w: Tensor) -> Tensor:
    return w.abs().mean(tuple(range(1, w.dim())))


def _ternary(w: Tensor, estimator: str) -> Tensor:
    """-1, 0, +1: 0 where |w| <= 0.7 mean |W_f|."""
    threshold = 0.7 * _mean_size(w.detach()).reshape(-1, *[1] * (w.dim() - 1))
    signs: Tensor = ops.weight_sign(w, estimator)
    kept: Tensor = ops.quant(signs * (w.abs() > threshold), torch.ones(()), 2, True, True, "ROUND")
    return kept


def _ternary_scale(w: Tensor) -> Tensor:
    """The mean |w| of the weights that stay."""
    kept = (_ternary(w.detach(), "ste") != 0).to(w.dtype)
    count = kept.sum(tuple(range(1, w.dim()))).clamp(min=1)
    return (w.abs() * kept).sum(tuple(range(1, w.dim()))) / count
