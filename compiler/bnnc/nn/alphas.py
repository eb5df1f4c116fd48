"""Scales of binary weights: fixed, computed from the latent weights, or learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MODES = ("none", "xnor", "layer-mean", "learned", "learned-filter")


class Alpha(nn.Module):
    """The factor of a binary layer behind its integer sum.

    `mode`: "none" (1); "xnor" alpha_f = mean |W_f| (XNOR-Net); "layer-mean" D = mean |W| of the layer
    (PCNN); "learned" one parameter a layer, "learned-filter" one a filter (Trained Binarization), which start
    at mean |W| with `start`.
    """

    value: Tensor | None

    def __init__(self, mode: str, outputs: int) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"unknown alpha {mode!r}; known are {', '.join(MODES)}")
        self.mode = mode
        shape = {"learned": (), "learned-filter": (outputs,)}.get(mode)
        self.value = None if shape is None else nn.Parameter(torch.ones(shape))

    @torch.no_grad()
    def start(self, w: Tensor) -> None:
        """Set learned scales to the mean |W| of what they scale."""
        if self.value is not None:
            dims = tuple(range(1, w.dim())) if self.value.dim() else tuple(range(w.dim()))
            self.value.copy_(w.abs().mean(dims))

    def forward(self, w: Tensor) -> Tensor | None:
        """None for 1, else () or (O,), for the latent weights w (O, ..)."""
        match self.mode:
            case "none":
                return None
            case "xnor":
                return w.abs().mean(tuple(range(1, w.dim())))
            case "layer-mean":
                return w.abs().mean()
        return self.value

    def penalty(self) -> Tensor:
        """The sum of alpha^2 over learned scales, to be added to the loss times lambda; else 0."""
        return torch.zeros(()) if self.value is None else self.value.square().sum()

    def extra_repr(self) -> str:
        return self.mode
