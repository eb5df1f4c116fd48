"""Float networks written by torch.onnx.export are read, and compute what torch computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra `torch`)")
pytest.importorskip("onnxscript", reason="onnxscript, which torch.onnx.export needs, is not installed")

import torch
from tests.frontends.reading import read
from tests.frontends.semantics import evaluate
from tests.frontends.torch_networks import IMAGE, NETWORKS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_is_read(name: str, batch: int, tmp_path: Path) -> None:
    torch.manual_seed(3)
    make, expected = NETWORKS[name]
    network = make().eval()
    x = torch.randn(batch, *IMAGE)
    free: dict[str, Any] = {} if batch == 1 else {"dynamic_shapes": ({0: torch.export.Dim("N")},)}
    torch.onnx.export(network, (x,), tmp_path / "net.onnx", dynamo=True, external_data=False, **free)
    graph = read(onnx.load(tmp_path / "net.onnx"))
    assert " ".join(op.mnemonic() for op in graph.ops[1:]) == expected
    with torch.no_grad():
        y = network(x).numpy()
    # float32 sums of torch against float64 sums
    assert np.allclose(evaluate(graph, x.numpy()), y, rtol=1e-4, atol=1e-5)
