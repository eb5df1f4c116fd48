"""The fourteen published networks become the source graphs that their authors describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bnnc.frontends.load import load_model
from bnnc.ir import source_ops as s
from bnnc.ir.archive import Archive
from bnnc.ir.parse import parse_graph
from bnnc.ir.text import constants, print_graph

_TFC = (
    "reshape mul sub {q} dense batch_norm {q} dense batch_norm {q} dense batch_norm {q} dense sub div mul add"
)
_FINN_LAYER = "dense mul reshape batch_norm reshape multi_threshold"
_LFC = "reshape {i} dense batch_norm {q} dense batch_norm {q} dense batch_norm {q} dense batch_norm"
_PLAIN, _POOLED = (
    "conv batch_norm {q} conv batch_norm {q}",
    "conv batch_norm {q} conv batch_norm {q} max_pool",
)
_CNV = f"{{i}} {_POOLED} {_POOLED} {_PLAIN} reshape dense batch_norm {{q}} dense batch_norm {{q}} dense"

MODELS = {
    "bmxnet_lenet_mnist.onnx.gz": "conv add tanh max_pool batch_norm select conv add mul batch_norm "
    "max_pool reshape select dense add mul batch_norm tanh dense add",
    "cnv_w1a1_cifar10.onnx.gz": _CNV.format(i="quantize_linear", q="sign"),
    "cnv_w1a1_cifar10_qonnx.onnx.gz": _CNV.format(i="quant", q="bipolar_quant"),
    "cnv_w1a2_cifar10.onnx.gz": _CNV.format(i="quantize_linear", q="round clip"),
    "cnv_w1a2_cifar10_qonnx.onnx.gz": _CNV.format(i="quant", q="quant"),
    "kws_mlp_w3a3.onnx": "quant reshape " + 3 * "dense batch_norm relu quant " + "dense",
    "lfc_w1a1_mnist.onnx.gz": _LFC.format(i="sign", q="sign"),
    "lfc_w1a1_mnist_qonnx.onnx.gz": _LFC.format(i="bipolar_quant", q="bipolar_quant"),
    "lfc_w1a2_mnist.onnx.gz": _LFC.format(i="sign", q="round clip"),
    "lfc_w1a2_mnist_qonnx.onnx.gz": _LFC.format(i="bipolar_quant", q="quant"),
    "tfc_1w1a.onnx": _TFC.format(q="bipolar_quant"),
    "tfc_1w1a_finn.onnx": f"div reshape mul sub multi_threshold {_FINN_LAYER} {_FINN_LAYER} {_FINN_LAYER} "
    "dense mul sub div mul add arg_top_k",
    "tfc_1w2a.onnx": _TFC.format(q="quant"),
    "tfc_2w2a.onnx": _TFC.format(q="quant"),
}


def _load(shared_data: Path, name: str) -> Archive:
    return load_model(shared_data / "models" / name)


@pytest.mark.parametrize("name", MODELS)
def test_operations(shared_data: Path, name: str) -> None:
    graph = _load(shared_data, name).graph
    assert " ".join(op.mnemonic() for op in graph.ops[1:]) == MODELS[name]
    assert print_graph(parse_graph(print_graph(graph), constants(graph))) == print_graph(graph)


def test_all_models_are_here(shared_data: Path) -> None:
    assert sorted(path.name for path in (shared_data / "models").iterdir()) == sorted(MODELS)


@pytest.mark.parametrize("name", ["cnv_w1a1_cifar10", "cnv_w1a2_cifar10", "lfc_w1a1_mnist", "lfc_w1a2_mnist"])
def test_both_dialects_hold_the_same_weights(shared_data: Path, name: str) -> None:
    plain, quantized = (
        [
            op
            for op in _load(shared_data, f"{name}{kind}.onnx.gz").graph.ops
            if isinstance(op, s.Conv | s.Dense)
        ]
        for kind in ("", "_qonnx")
    )
    for a, b in zip(plain, quantized, strict=True):
        assert b.weights.dtype == np.int8 and b.scale == 1
        assert np.array_equal(a.weights, b.weights)


def test_kws_has_a_scale_a_channel(shared_data: Path) -> None:
    layers = [op for op in _load(shared_data, "kws_mlp_w3a3.onnx").graph.ops if isinstance(op, s.Dense)]
    assert [layer.scale.shape for layer in layers] == [(256,), (256,), (256,), ()]
    for layer in layers:
        assert layer.weights.dtype == np.int8 and (layer.weights.min(), layer.weights.max()) == (-3, 3)
