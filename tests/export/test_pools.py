"""Pools as torch rounds their windows."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
import numpy as np
import torch
from torch import nn

from bnnc import nn as bnn
from bnnc.executors.source import SourceExecutor
from bnnc.exporter import to_onnx


@pytest.mark.parametrize("size", [(3, 6), (5, 5), (4, 7), (8, 8)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 1), (3, 2, 1), (3, 2, 0), (2, 3, 0)])
def test_partial_windows_of_max_pools(size: tuple[int, int], kernel: int, stride: int, padding: int) -> None:
    """With ceil_mode torch drops a window that would begin behind the map."""
    module = nn.Sequential(
        bnn.Sign(), nn.MaxPool2d(kernel, stride, padding, ceil_mode=True), nn.Flatten()
    ).eval()
    x = torch.randn(3, 2, *size)
    source = SourceExecutor(to_onnx(module, x).SerializeToString())
    assert np.array_equal(source.run(x.numpy()), module(x).numpy())
