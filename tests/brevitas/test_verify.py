"""Networks of Brevitas layers, exported by Brevitas itself, give the same bits on every executor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("brevitas", reason="brevitas is not installed (extra `brevitas`)")

import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from tests.brevitas.networks import APPROXIMATE, IMAGE, NETWORKS, trained
from torch import nn

from bnnc.executors.network import open_network
from bnnc.executors.source import SourceExecutor
from bnnc.executors.verify import verify
from bnnc.executors.workshop import open_workshop
from bnnc.ir.op import Array

pytestmark = pytest.mark.slow

ON_ARM = ("cnv_bipolar", "residual", "joined")


@pytest.fixture(scope="module", params=NETWORKS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[nn.Module, Path]:
    """A network and its QONNX file."""
    network = trained(request.param)
    path = tmp_path_factory.mktemp("brevitas") / f"{request.param}.onnx"
    export_qonnx(network, torch.randn(1, *IMAGE), str(path))
    return network, path


def _images() -> Array:
    return np.random.default_rng(11).normal(size=(16, *IMAGE)).astype(np.float32)


def test_source_is_what_torch_computes(exported: tuple[nn.Module, Path]) -> None:
    network, path = exported
    with torch.no_grad():
        expected = np.concatenate([network(torch.from_numpy(x[None])).numpy() for x in _images()])
    y = SourceExecutor(path.read_bytes()).run(_images())
    # Both add float32 products of scales that are no powers of two, in orders of their own.
    assert np.allclose(y, expected, rtol=1e-5, atol=1e-5)


def _check(path: Path, names: list[str], cache: Path) -> None:
    """All executors agree on the network, which is exact unless it is said to be approximated."""
    network = open_network(path, None, cache)
    with open_workshop(network) as workshop:
        verdicts = verify(network.graph, names, _images(), workshop.open, workshop.source)
    assert network.graph.is_approximate == (path.stem in APPROXIMATE)
    for verdict in verdicts:
        assert verdict.ok and verdict.mismatch is None, f"{verdict.title}: {verdict.comparison}"
        assert verdict.equal or verdict.executor == "source"
    assert [verdict.executor for verdict in verdicts] == names


def test_executors_agree(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    _, path = exported
    _check(path, ["source", "sim", "host", *(["arm"] if path.stem in ON_ARM else [])], tmp_path)


@pytest.mark.parametrize("name", ["conv_int3", "residual", "loose_residual"])
def test_quantize_dequantize_pairs_agree(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.onnx"
    export_onnx_qcdq(trained(name), torch.randn(1, *IMAGE), str(path))
    _check(path, ["source", "sim", "host"], tmp_path)
