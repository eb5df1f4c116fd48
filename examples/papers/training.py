"""Trains a classifier with Adam, and asks it for classes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from images import mirrored
from torch import Tensor, nn
from torch.nn import functional as F

from bnnc.nn import BinaryConv2d, BinaryLinear

IMAGES_AT_ONCE = 250


@dataclass(frozen=True)
class Recipe:
    """How long and how fast; the rate falls to 0 as a cosine."""

    epochs: int
    rate: float = 1e-2
    batch: int = 100


def train(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    recipe: Recipe,
    extra_loss: Callable[[nn.Module], Tensor] | None = None,
) -> nn.Module:
    """`net` trained on x (N, C, H, W) with labels y (N,), in eval mode."""
    steps = len(x) // recipe.batch
    optimizer = torch.optim.Adam(net.parameters(), lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps * recipe.epochs)
    net.train()
    for epoch in range(recipe.epochs):
        start, total = time.monotonic(), 0.0
        for batch in torch.split(torch.randperm(len(x)), recipe.batch)[:steps]:
            loss = F.cross_entropy(net(mirrored(x[batch])), y[batch])
            total += loss.item()
            loss = loss if extra_loss is None else loss + extra_loss(net)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            clip_weights(net)
        print(f"  epoch {epoch + 1}: loss {total / steps:.4f}, {time.monotonic() - start:.0f} s", flush=True)
    return net.eval()


def clip_weights(net: nn.Module) -> None:
    """Keep the latent weights of binary layers where their gradient passes."""
    for layer in net.modules():
        if isinstance(layer, BinaryConv2d | BinaryLinear):
            layer.weight.data.clamp_(-1, 1)


def logits(net: nn.Module, x: Tensor) -> Tensor:
    """What the network in eval mode answers, float32 (N, classes)."""
    with torch.no_grad():
        return torch.cat([net(part) for part in torch.split(x, IMAGES_AT_ONCE)])
