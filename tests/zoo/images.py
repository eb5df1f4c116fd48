"""Images that differ as photographs do: in brightness, in large shapes, and in small ones."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

SCALES = (1, 2, 4, 8)


def random_images(count: int, channels: int, size: int, seed: int) -> Tensor:
    """float32 (count, channels, size, size) in 0..1: noise at several scales."""
    random = Generator().manual_seed(seed)
    images = torch.zeros(count, channels, size, size)
    for scale in (*SCALES, size):
        noise = torch.rand(count, channels, scale, scale, generator=random)
        images += F.interpolate(noise, (size, size), mode="nearest") / (len(SCALES) + 1)
    return images
