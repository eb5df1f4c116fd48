"""Derivatives that stand in for those of sign and step in the backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Estimator = Callable[[Tensor], Tensor]


def ste(x: Tensor) -> Tensor:
    """1 where |x| <= 1, else 0 (Courbariaux et al. 2016, section 1.3; PCNN's activations)."""
    return (x.abs() <= 1).to(x.dtype)


def xnor(x: Tensor) -> Tensor:
    """1 where |x| < 1, else 0 (XNOR-Net; Hybrid Binary Networks, released code)."""
    return (x.abs() < 1).to(x.dtype)


def bireal(x: Tensor) -> Tensor:
    """2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0 (Bi-Real Net, arXiv 1808.00278)."""
    rising = torch.where((x >= -1) & (x < 0), 2 + 2 * x, torch.zeros_like(x))
    return torch.where((x >= 0) & (x < 1), 2 - 2 * x, rising)


def trained_binarization(x: Tensor) -> Tensor:
    """2 - 4|x| where |x| <= 0.4, 0.4 where 0.4 < |x| <= 1, else 0 (arXiv 2005.06870, eq. 3)."""
    size = x.abs()
    outer = torch.where(size <= 1, torch.full_like(x, 0.4), torch.zeros_like(x))
    return torch.where(size <= 0.4, 2 - 4 * size, outer)


def identity(x: Tensor) -> Tensor:
    """1 everywhere."""
    return torch.ones_like(x)


ESTIMATORS: dict[str, Estimator] = {
    "ste": ste,
    "xnor": xnor,
    "bireal": bireal,
    "trained-binarization": trained_binarization,
    "identity": identity,
}


def check_estimator(name: str) -> str:
    """`name` itself; ValueError when there is no such estimator."""
    if name not in ESTIMATORS:
        raise ValueError(f"unknown estimator {name!r}; known are {', '.join(ESTIMATORS)}")
    return name
