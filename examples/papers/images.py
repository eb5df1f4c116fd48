"""Fashion-MNIST as the small networks take it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

sys.path.append(str(Path(__file__).resolve().parents[1] / "fashion_mnist"))
from data import load

BORDER = 2  # of zeros: 32 rows and columns halve four times


def images_and_labels(folder: Path, part: str, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Images float32 (N, 1, 32, 32) = pixel / 255 and labels int64 (N,) of part "train" or "t10k"."""
    images, labels = load(folder, part)
    return as_input(images[:limit]), torch.from_numpy(labels[:limit])


def as_input(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (N, 28, 28) as the networks' input."""
    x = torch.from_numpy(images[:, None] / np.float32(255))
    return F.pad(x, (BORDER, BORDER, BORDER, BORDER))


def mirrored(x: Tensor) -> Tensor:
    """Each image as it is or mirrored left to right, at random."""
    flip = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(flip, x.flip(3), x)
