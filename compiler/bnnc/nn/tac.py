"""TAC (arXiv 1907.05271): fully connected layers are pruned, then the weights that stay are quantized."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn import ops, tables
from bnnc.nn.constants import layer_step
from bnnc.nn.layer import Layer
from bnnc.nn.quantizers import ActivationQuantizer
from bnnc.nn.real import value_quantizer


class SparseLinear(Layer):
    """Fully connected layer of few weights out of a small table; x (N, I) -> (N, O).

    1. Train. 2. `prune(q)` keeps |W| > q * std(W), or `prune(density=d)` the largest part d; go on training:
    the mask stays (arXiv 1506.02626). 3. `quantize_weights()` replaces what is left by one of 2^bits - 1
    table entries, 0 being the entry of pruned weights; go on training: the entries (of "codebook" and
    "uniform") move by the summed gradients of their weights (arXiv 1510.00149). `method`: "codebook"
    k-means, "uniform" scale * integer, "power-of-two" +-2^n, fixed. Deployed weights are integers of at
    most 16 bits times one power of two.
    """

    mask: Tensor
    codes: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        *,
        quantize: ActivationQuantizer | None | str = "i8",
        bits: int = 4,
        method: str = "codebook",
    ) -> None:
        super().__init__()
        if not 2 <= bits <= 8 or method not in tables.METHODS:
            raise ValueError(f"{bits} bits of 2..8, method {method!r} of {', '.join(tables.METHODS)}")
        self.bits, self.method, self.is_quantized = bits, method, False
        self.quantize = value_quantizer(quantize)
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.register_buffer("mask", torch.ones(outputs, inputs, dtype=torch.bool))
        self.register_buffer("codes", torch.zeros(outputs, inputs, dtype=torch.uint8))
        self.table = nn.Parameter(torch.zeros(1 << bits), requires_grad=method != "power-of-two")
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    @torch.no_grad()
    def prune(self, q: float | None = None, *, density: float | None = None) -> None:
        """Set weights to 0 for good: |W| <= q * std(W), or all but the largest part `density`."""
        if (q is None) == (density is None):
            raise ValueError("give either q or density")
        size = self.weight.abs()
        if q is not None:
            kept = size > q * self.weight.std()
        else:
            count = max(1, round(float(density or 0) * size.numel()))
            kept = size >= size.flatten().kthvalue(size.numel() - count + 1).values
        self.mask.logical_and_(kept)
        self.weight.mul_(self.mask)

    @torch.no_grad()
    def quantize_weights(self) -> None:
        """Replace the weights that are left by entries of a table."""
        left = self.weight[self.mask]
        if left.numel() == 0:
            raise ValueError("all weights are pruned")
        entries = self._entries(left)
        self.table.zero_()
        self.table[1 : 1 + len(entries)] = entries
        self.codes.copy_((tables.nearest(self.weight, entries) + 1) * self.mask)
        self.is_quantized = True

    def _entries(self, left: Tensor) -> Tensor:
        match self.method:
            case "codebook":
                return tables.codebook(left, (1 << self.bits) - 1)
            case "uniform":
                return tables.uniform(left, self.bits)
        return tables.power_of_two(left, self.bits)

    @property
    def density(self) -> float:
        """The part of the weights that is left."""
        return float(self.mask.float().mean())

    def effective_weight(self) -> Tensor:
        """(O, I) float32: pruned, and out of the table once quantized."""
        if not self.is_quantized:
            return self.weight * self.mask
        table = torch.cat([torch.zeros_like(self.table[:1]), self._trained_table()[1:]])
        return table[self.codes.long()]

    def _trained_table(self) -> Tensor:
        """The table; a uniform one has one degree of freedom, its scale."""
        if self.method != "uniform":
            return self.table
        h = (1 << (self.bits - 1)) - 1
        integers = torch.cat([torch.arange(-h, 0), torch.arange(1, h + 1)]).to(self.table)
        scale = (self.table[1 : 1 + 2 * h] * integers).sum() / integers.square().sum()
        padding = torch.zeros(len(self.table) - 1 - 2 * h).to(self.table)
        return torch.cat([torch.zeros_like(self.table[:1]), integers * scale, padding])

    def weight_step(self) -> Tensor:
        """float32 (): the power of two that deployed weights are multiples of; every sum stays exact."""
        largest = 1 if self.quantize is None else self.quantize.largest()
        step: Tensor = layer_step(self.effective_weight().detach(), largest)
        return step

    def deployed_weight(self) -> Tensor:
        """(O, I) float32: integers of 16 bits times `weight_step`."""
        w: Tensor = ops.quant(self.effective_weight(), self.weight_step(), 16, True, True, "ROUND")
        return w

    def unit(self) -> Tensor:
        return super().unit() * self.weight_step()

    def accumulate(self, x: Tensor) -> Tensor:
        return F.linear(self._input(x), self.deployed_weight())

    def get_extra_state(self) -> dict[str, Any]:
        """Whether the weights come out of the table."""
        return {"is_quantized": self.is_quantized}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore `get_extra_state`."""
        self.is_quantized = bool(state["is_quantized"])

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, {self.method} of {self.bits} bits"
